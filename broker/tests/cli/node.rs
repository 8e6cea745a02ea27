//! A node as a process of its own, on ports that the system chooses and in a directory of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long the node's log may take to say what a test waits for.
const WORD_WITHIN: Duration = Duration::from_secs(30);

/// How often a start is tried.
const STARTS_MAX: usize = 3;

/// The binary under test, without what the caller's environment would tell it.
pub(crate) fn ottla() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("OTTLA_") || name.starts_with("KAFKA_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// A running node. It's killed when it's dropped.
pub(crate) struct Node {
    directory: TempDir,
    child: Child,
    /// Held open: the node would end where nobody reads.
    _output: BufReader<ChildStdout>,
    address: String,
    controller_address: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Node {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts with `key=value` settings over those that every test has. Returns when it serves.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let mut last_words = String::new();
        // A port that was free a moment ago may be somebody else's now.
        for _ in 0..STARTS_MAX {
            match Self::try_start(settings) {
                Ok(node) => return node,
                Err(log) => last_words = log,
            }
        }
        panic!("the node did not start:\n{last_words}");
    }

    fn try_start(settings: &[&str]) -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        let mut command = ottla();
        command.arg("start").current_dir(directory.path());
        // The quorum is named by its port, so that the system can't choose it later.
        let controller = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listeners = format!("listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://{controller}");
        let own = [
            listeners.as_str(),
            // Whatever the machine has left is enough for a test.
            "ottla.log.dir.free.bytes.min=0",
        ];
        for setting in own.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();

        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = child.stderr.take().unwrap();
        let reader = thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                    log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
            }
        });
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let Some(address) = ready(&mut output) else {
            let _ = child.wait();
            reader.join().unwrap();
            return Err(log.lock().unwrap().clone());
        };
        let controller_address = controller.to_string();
        let reader = Some(reader);
        Ok(Self { directory, child, _output: output, address, controller_address, log, reader })
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where it's found as a controller.
    pub(crate) fn controller_address(&self) -> String {
        self.controller_address.clone()
    }

    /// The directory in which it was started.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The first line of the log that has all of these in it, as soon as it's there.
    pub(crate) fn logs(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + WORD_WITHIN;
        loop {
            let log = self.log();
            let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
            if let Some(line) = log.lines().find(has_all) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no line with {words:?} in\n{log}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reads the welcome up to the address that it names; none where the node ends before.
fn ready(output: &mut BufReader<ChildStdout>) -> Option<String> {
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if let Some(rest) = line.strip_prefix("Ottla is ready on ") {
            return Some(rest.split(',').next().unwrap().to_owned());
        }
    }
}
