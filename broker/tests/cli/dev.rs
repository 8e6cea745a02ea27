//! `ottla dev`: three processes that are one cluster, and what becomes of it when one is killed.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::node::ottla;

/// How long anything may take that is waited for.
const WAIT_MAX: Duration = Duration::from_secs(60);

const STARTS_MAX: usize = 5;

/// A running cluster. It's killed when it's dropped.
struct Dev {
    child: Child,
    output: BufReader<ChildStdout>,
    log: Arc<Mutex<String>>,
    bootstrap: String,
    pids: Vec<String>,
}

impl Dev {
    fn start(directory: &Path, options: &[&str]) -> Self {
        // Ports that were free a moment ago may be somebody else's now.
        for _ in 0..STARTS_MAX {
            let base = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(dev) = Self::try_start(directory, base / 2, options) {
                return dev;
            }
        }
        panic!("the cluster did not start");
    }

    fn try_start(directory: &Path, base: u16, options: &[&str]) -> Option<Self> {
        let mut child = ottla()
            .args(["dev", "-n", "3", "--base-port", &base.to_string(), "--dir"])
            .arg(directory)
            .args(["--set", "ottla.log.dir.free.bytes.min=0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = child.stderr.take().unwrap();
        thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                    log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
            }
        });
        let output = BufReader::new(child.stdout.take().unwrap());
        let (bootstrap, pids) = (String::new(), Vec::new());
        let mut dev = Self { child, output, log, bootstrap, pids };
        let ready = dev.line("nodes are ready on ")?;
        dev.bootstrap = ready.split(", with their data").next().unwrap().to_owned();
        let pids = dev.line("Their processes are ")?;
        dev.pids = pids.split(':').next().unwrap().split(", ").map(str::to_owned).collect();
        Some(dev)
    }

    /// The rest of the next line with these words in it.
    fn line(&mut self, words: &str) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, rest)) = line.trim_end().split_once(words) {
                return Some(rest.to_owned());
            }
        }
    }

    fn logs(&self, words: &str) {
        let deadline = Instant::now() + WAIT_MAX;
        while !self.log.lock().unwrap().contains(words) {
            assert!(Instant::now() < deadline, "no {words} in\n{}", self.log.lock().unwrap());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What a command prints.
    fn run(&self, line: &str) -> String {
        let mut command = ottla();
        command.args(line.split(' ')).env("OTTLA_BOOTSTRAP", &self.bootstrap);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ottla {line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command until it prints these words.
    fn until(&self, line: &str, words: &str) {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let printed = self.run(line);
            if printed.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "no {words} in\n{printed}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(signal: &str, pid: &str) {
        assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
    }

    /// Ctrl-C.
    fn stop(mut self) {
        Self::signal("-INT", &self.child.id().to_string());
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}\n{}", self.log.lock().unwrap());
                return;
            }
            assert!(Instant::now() < deadline, "it doesn't stop\n{}", self.log.lock().unwrap());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // The nodes end when nobody holds their input any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn three_processes_are_one_cluster_that_outlives_any_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let dev = Dev::start(directory.path(), &[]);
    dev.run("topic create orders --partitions 6");
    let described = dev.run("topic describe orders");
    for replicas in ["1,2,3", "2,3,1", "3,1,2"] {
        assert!(described.contains(replicas), "{described}");
    }
    assert!(dev.run("cluster quorum").contains("leads in epoch"));
    let status = dev.run("cluster status");
    assert!(status.contains("6 partitions: 0 under-replicated"), "{status}");
    Dev::signal("-9", &dev.pids[0]);
    dev.logs("node 1 | ended: signal: 9");
    dev.until("cluster status", "6 partitions: 6 under-replicated");
    dev.until("cluster events", "broker 1 is out of service");
    assert!(dev.run("cluster events").contains("orders-0 is led by 2 (in sync) instead of 1"));
    assert!(dev.run("cluster status").contains("fenced"));
    // It's the active controller or not: another one creates topics.
    dev.run("topic create payments --partitions 1 --replication-factor 2");
    dev.stop();

    // What was there is there, and the one that was killed is back.
    let dev = Dev::start(directory.path(), &[]);
    assert_eq!(dev.run("topic list").matches("orders").count(), 1);
    assert_eq!(dev.run("cluster").matches("127.0.0.1:").count(), 3);
    dev.stop();
}

#[test]
fn a_node_that_was_killed_is_started_again_where_that_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let dev = Dev::start(directory.path(), &["--restart"]);
    Dev::signal("-9", &dev.pids[1]);
    dev.logs("node 2 | ended: signal: 9");
    let deadline = Instant::now() + WAIT_MAX;
    // Each node once, and that one twice.
    while dev.log.lock().unwrap().matches("in service").count() < 4 {
        assert!(Instant::now() < deadline, "{}", dev.log.lock().unwrap());
        thread::sleep(Duration::from_millis(20));
    }
    dev.stop();
}
