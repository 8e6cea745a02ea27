//! A real node in this process, on loopback ports of its own and in a directory of its own.
//!
//! It has its own runtimes, as in production one of them for the quorum and the heartbeats alone, so
//! that a test can end it as a crash would: with no word of goodbye.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use broker::{
    Doors, Error, FormatMode, InitialControllers, Node,
    config::{BrokerConfig, Sources},
};
use storage::disk::{Disk, OsDisk};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::timeout,
};

use crate::{client::Client, node_log::NodeLog};

/// How long a start may take on a busy machine.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// How long the tasks of a node that is killed may take to be gone.
const KILL_TIME_MAX: Duration = Duration::from_secs(10);

/// Puts a test's own door in the place of a real one.
type ChangeDoors = Box<dyn Fn(&mut Doors) + Send + Sync>;

/// Where a node runs and what it's told: it outlives the processes it stands for.
pub(crate) struct Site {
    directory: TempDir,
    doors: Vec<ChangeDoors>,
    broker_port: u16,
    controller_port: u16,
    settings: Vec<String>,
    log: NodeLog,
}

impl Site {
    /// A fresh one, with `key=value` settings over those that every test has.
    pub(crate) fn new(settings: &[&str]) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            doors: Vec::new(),
            broker_port: free_port(),
            controller_port: free_port(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            log: NodeLog::default(),
        }
    }

    /// The same, with its logs on another disk.
    pub(crate) fn on(disk: Arc<dyn Disk>, settings: &[&str]) -> Self {
        let mut site = Self::new(settings);
        site.set_disk(disk);
        site
    }

    /// Changes the settings for the next start.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Changes the disk for the next start.
    pub(crate) fn set_disk(&mut self, disk: Arc<dyn Disk>) {
        self.set_doors(move |doors| doors.disk = Arc::clone(&disk));
    }

    /// Changes its doors from the next start on.
    pub(crate) fn set_doors(&mut self, change: impl Fn(&mut Doors) + Send + Sync + 'static) {
        self.doors.push(Box::new(change));
    }

    /// What is logged here.
    pub(crate) fn log(&self) -> &NodeLog {
        &self.log
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn metadata_dir(&self) -> PathBuf {
        self.directory.path().join("metadata")
    }

    pub(crate) fn broker_port(&self) -> u16 {
        self.broker_port
    }

    pub(crate) fn controller_port(&self) -> u16 {
        self.controller_port
    }

    fn doors(&self, quorum_runtime: Handle) -> Doors {
        let mut doors = Doors::production(quorum_runtime);
        self.doors.iter().for_each(|change| change(&mut doors));
        doors
    }

    fn config(&self) -> BrokerConfig {
        let (broker, controller) = (self.broker_port, self.controller_port);
        let mut sets = vec![
            format!("listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}"),
            format!("log.dirs={}", self.log_dir().display()),
            format!("metadata.log.dir={}", self.metadata_dir().display()),
            // Whatever the machine has left is enough for a test.
            "ottla.log.dir.free.bytes.min=0".to_owned(),
        ];
        sets.extend(self.settings.iter().cloned());
        BrokerConfig::load(&Sources { sets, ..Sources::default() }).unwrap().config
    }

    /// Formats the directories, as `ottla format` does. Errors: the line that an operator reads.
    pub(crate) fn format(
        &self,
        cluster_id: &str,
        initial: &InitialControllers,
    ) -> Result<(), String> {
        self.format_as(FormatMode::All, cluster_id, initial)
    }

    /// The same, with `--ignore-formatted`: what is left is left as it is.
    pub(crate) fn format_what_is_missing(&self, cluster_id: &str) -> Result<(), String> {
        self.format_as(FormatMode::MissingOnly, cluster_id, &InitialControllers::Configured)
    }

    fn format_as(
        &self,
        mode: FormatMode,
        cluster_id: &str,
        initial: &InitialControllers,
    ) -> Result<(), String> {
        let doors = self.doors(Handle::current());
        let config = self.config();
        let formatted = broker::format_node(&config, &doors, cluster_id, initial, mode);
        formatted.map(drop).map_err(|error| error.to_string())
    }

    /// Loses all that the node had on its disks.
    pub(crate) fn wipe(&self) {
        for dir in [self.log_dir(), self.metadata_dir()] {
            if dir.exists() {
                std::fs::remove_dir_all(dir).unwrap();
            }
        }
    }

    /// Starts a node here.
    pub(crate) async fn try_start(self) -> Result<TestNode, (Self, Error)> {
        let config = self.config();
        let runtimes = Runtimes::new(&self.log);
        let doors = self.doors(runtimes.quorum.handle().clone());
        let started = runtimes.main.spawn(Box::pin(Node::start(config, doors)));
        let started = timeout(START_TIME_MAX, started).await.expect("a start in time").unwrap();
        match started {
            Ok(node) => {
                Ok(TestNode { node: Some(node), runtimes: Some(runtimes), site: Some(self) })
            }
            Err(error) => {
                runtimes.end();
                Err((self, error))
            }
        }
    }

    pub(crate) async fn start(self) -> TestNode {
        self.try_start().await.map_err(|(_, error)| error.to_string()).unwrap()
    }

    /// Why no node starts here: the line that an operator reads.
    pub(crate) async fn refusal(self) -> String {
        match self.try_start().await {
            Ok(_) => panic!("the node should have refused to start"),
            Err((_, error)) => error.to_string(),
        }
    }
}

/// A running node.
pub(crate) struct TestNode {
    node: Option<Node>,
    runtimes: Option<Runtimes>,
    site: Option<Site>,
}

impl TestNode {
    pub(crate) async fn start(settings: &[&str]) -> Self {
        Site::new(settings).start().await
    }

    pub(crate) fn site(&self) -> &Site {
        self.site.as_ref().unwrap()
    }

    pub(crate) fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    pub(crate) fn log(&self) -> &NodeLog {
        self.site().log()
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.site().broker_port()).await
    }

    /// The directory of a partition's log.
    pub(crate) fn partition_dir(&self, topic: &str, partition: i32) -> PathBuf {
        self.site().log_dir().join(format!("{topic}-{partition}"))
    }

    /// Stops the node in good order.
    pub(crate) async fn stop(mut self) -> Site {
        let node = self.node.take().unwrap();
        let runtimes = self.runtimes.as_ref().unwrap();
        runtimes.main.spawn(Box::pin(node.shutdown())).await.unwrap();
        self.end().await
    }

    /// Ends the node in the middle of whatever it does.
    pub(crate) async fn kill(mut self) -> Site {
        self.end().await
    }

    pub(crate) async fn restart(self) -> Self {
        self.stop().await.start().await
    }

    async fn end(&mut self) -> Site {
        let runtimes = self.runtimes.take().unwrap();
        tokio::task::spawn_blocking(move || runtimes.end()).await.unwrap();
        self.node = None;
        self.site.take().unwrap()
    }
}

impl Drop for TestNode {
    #[allow(clippy::print_stderr)] // Where a test's own words go too.
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(site) = &self.site
        {
            eprintln!("{}", site.log);
        }
        if let Some(runtimes) = self.runtimes.take() {
            runtimes.end();
        }
    }
}

/// What a process has two of.
struct Runtimes {
    main: Runtime,
    quorum: Runtime,
}

impl Runtimes {
    fn new(log: &NodeLog) -> Self {
        let runtime = || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).enable_all().on_thread_start(log.taken_by_threads());
            builder.build().unwrap()
        };
        Self { main: runtime(), quorum: runtime() }
    }

    /// Ends both and waits for it: a store that is still open when the process exits aborts it. Who
    /// notices that heartbeats end finds nobody who listens any more.
    #[allow(clippy::disallowed_methods)] // A test's thread is nobody's to simulate.
    fn end(self) {
        let ending = std::thread::spawn(move || {
            self.main.shutdown_timeout(KILL_TIME_MAX);
            self.quorum.shutdown_timeout(KILL_TIME_MAX);
        });
        ending.join().unwrap();
    }
}

/// The ports of all tests: outside of what systems give to outgoing connections.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// How many of them one process has: more than twice as many as there are tests.
const PORTS_PER_PROCESS: u16 = 1000;

/// A port that nobody listens on, and that no other test gets. A process that runs tests has a block
/// of ports for as long as it listens on the first of them.
pub(crate) fn free_port() -> u16 {
    static BLOCK: LazyLock<TcpListener> = LazyLock::new(|| {
        let mut firsts = PORTS.step_by(PORTS_PER_PROCESS.into());
        let block = firsts.find_map(|first| TcpListener::bind(("127.0.0.1", first)).ok());
        block.expect("not all blocks are in use")
    });
    static NEXT: AtomicU16 = AtomicU16::new(1);
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(offset < PORTS_PER_PROCESS, "more nodes than ports");
        let port = BLOCK.local_addr().unwrap().port() + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The files of a partition's log with an ending, by name.
pub(crate) fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = OsDisk.list(directory).unwrap();
    let names = entries.into_iter().map(|entry| entry.name);
    names.filter(|name| name.ends_with(ending)).map(|name| directory.join(name)).collect()
}
