//! One machine: its disk, its store, its clock, its place in the network, and the node's process
//! that runs on it.

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use broker::{
    Doors, Node,
    config::{BrokerConfig, Sources},
};
use client::door::Entropy;
use madsim::{
    rand::random,
    runtime::{Handle, NodeHandle},
    task::NodeId,
};
use protocol::{BrokerId, Timestamp};
use simdisk::{Crash, SimDisk};
use storage::disk::Disk;
use store::RocksStores;
use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::{
    cast::Cast,
    door::{SeededEntropy, SkewedClock},
    format::format,
    net::{DELAY_MAX, Network},
    observer::{DiskFiles, Ending, Observer},
    shape::{LOG_DIR, NodeShape, Shape},
    store::SimStores,
    trace::{Trace, now},
};

/// How often something that is waited for is looked at.
const GLANCE: Duration = Duration::from_millis(1);

/// How long a node may take to serve, and to stop, at most. Everything in this world is fast but
/// for a link that is cut, and those are mended by then.
const START_TIME_MAX: Duration = Duration::from_secs(60);
const STOP_TIME_MAX: Duration = Duration::from_secs(60);

/// When the node stopped in good order: of each time between two power losses the last one, by the
/// number of the losses before.
pub type CleanStops = BTreeMap<u32, Duration>;

/// A machine. Clones are the same one.
#[derive(Clone)]
pub struct Machine {
    shared: Arc<Shared>,
}

struct Shared {
    shape: NodeShape,
    address: IpAddr,
    node: NodeId,
    /// Whether an operator formats it before its first start, which a node alone does itself.
    needs_format: bool,
    config: BrokerConfig,
    disk: SimDisk,
    stores: Arc<SimStores>,
    clock: Arc<SkewedClock>,
    entropy: Arc<dyn Entropy>,
    network: Network,
    trace: Trace,
    cast: Cast,
    observer: Observer,
    life: Mutex<Life>,
    /// Held by what is about to happen to the process, so that one thing happens at a time.
    hand: Arc<()>,
}

/// Holds a machine's process: nobody else does anything to it meanwhile.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "it is held")] Arc<()>);

/// What there is to know of processes, this one and those before it.
#[derive(Default)]
struct Life {
    process: Option<Arc<Process>>,
    /// Why the last process ended by itself.
    last_words: Option<String>,
    power_losses: u32,
    power_lost_at: Option<Duration>,
    clean_stops: CleanStops,
    is_formatted: bool,
    needs_new_disk: bool,
    is_paused: bool,
}

/// A process of the node.
#[derive(Default)]
struct Process {
    serves: AtomicBool,
    /// It was told to stop.
    is_to_stop: AtomicBool,
    stop: Notify,
}

/// What a node is started with, as it reads it.
///
/// # Errors
/// The settings aren't a node's.
pub(crate) fn configuration(shape: &Shape, of: &NodeShape) -> Result<BrokerConfig> {
    let sources = Sources {
        sets: shape.settings_of(of),
        hostname: of.address().to_string(),
        ..Sources::default()
    };
    Ok(BrokerConfig::load(&sources).context("the node's configuration")?.config)
}

impl Machine {
    /// A machine that is switched on, with an empty disk and no process. Its store lives in a
    /// directory of the real world.
    pub(crate) fn new(
        shape: &Shape,
        own: &NodeShape,
        network: &Network,
        trace: &Trace,
        directory: &Path,
        (cast, observer): (&Cast, &Observer),
    ) -> Result<Self> {
        let address = own.address();
        let node = Handle::current().create_node().name(address.to_string()).build();
        let shared = Shared {
            shape: *own,
            address,
            node: node.id(),
            needs_format: !shape.is_single(),
            config: configuration(shape, own)?,
            disk: SimDisk::new(random()),
            stores: SimStores::new(Arc::new(RocksStores::strict()), directory, random()),
            clock: Arc::new(SkewedClock::new(Instant::now(), 0)),
            entropy: Arc::new(SeededEntropy::new(random())),
            network: network.clone(),
            trace: trace.clone(),
            cast: cast.clone(),
            observer: observer.clone(),
            life: Mutex::default(),
            hand: Arc::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Starts the node's process, with the machine if need be.
    pub fn start(&self) {
        let Shared { node, disk, network, address, .. } = &*self.shared;
        let process = Arc::new(Process::default());
        let before = self.life().process.replace(Arc::clone(&process));
        assert!(before.is_none(), "a machine runs one process of the node at a time");
        self.note("start");
        network.power_on(*address);
        let doors = self.doors(disk.reopen());
        Handle::current().restart(*node);
        let running = self.clone().run(Arc::clone(&process), doors);
        let running = self.madsim_node().spawn(running);
        let machine = self.clone();
        tokio::spawn(async move {
            // Killed processes have no last words.
            if let Ok(last_words) = running.await {
                machine.exited(&process, last_words);
            }
        });
    }

    /// What `main` does. Returns what the process says at its end.
    async fn run(self, process: Arc<Process>, doors: Doors) -> Result<(), String> {
        let config = self.shared.config.clone();
        if self.shared.needs_format && !self.life().is_formatted {
            format(&config, &doors).map_err(|error| error.to_string())?;
            self.life().is_formatted = true;
        }
        let node = Node::start(config, doors).await.map_err(|error| error.to_string())?;
        self.note("serving");
        process.serves.store(true, Ordering::SeqCst);
        if self.shared.shape.is_broker {
            self.shared.observer.process_serves(self.id());
        }
        let failure = select! {
            biased;
            () = process.stop.notified() => None,
            error = node.failed() => Some(error.to_string()),
        };
        process.serves.store(false, Ordering::SeqCst);
        node.shutdown().await;
        failure.map_or(Ok(()), Err)
    }

    fn exited(&self, process: &Arc<Process>, last_words: Result<(), String>) {
        if !self.life().process.as_ref().is_some_and(|current| Arc::ptr_eq(current, process)) {
            return;
        }
        match &last_words {
            Ok(()) => self.note("exited"),
            Err(words) => self.note(format_args!("exited: {words}")),
        }
        let ending = if last_words.is_ok() { Ending::Clean } else { Ending::Killed };
        self.end_process(ending);
        let mut life = self.life();
        if last_words.is_ok() {
            let power_losses = life.power_losses;
            life.clean_stops.insert(power_losses, now());
        }
        life.last_words = last_words.err();
    }

    /// Kills the process, as `kill -9` does. Nothing happens if there is none.
    pub fn kill(&self) {
        if self.is_running() {
            self.note("kill -9");
            self.end_process(Ending::Killed);
        }
    }

    /// Pulls the plug.
    pub fn lose_power(&self) {
        self.end_process(Ending::PowerLost);
        let batches = self.shared.stores.lose_power();
        self.shared.network.power_off(self.shared.address);
        {
            let mut life = self.life();
            life.power_losses += 1;
            life.power_lost_at = Some(now());
        }
        self.note(format_args!("power lost, and {batches} batches of the store"));
    }

    /// From this instant nothing of the process has any effect: not its destructors either.
    fn end_process(&self, ending: Ending) {
        let Shared { node, disk, stores, network, address, observer, .. } = &*self.shared;
        observer.process_ended(self.id(), ending);
        disk.crash(match ending {
            Ending::PowerLost => Crash::Power,
            Ending::Clean | Ending::Killed => Crash::Process,
        });
        stores.crash_process();
        network.process_ended(*address);
        Handle::current().kill(*node);
        let mut life = self.life();
        life.process = None;
        life.is_paused = false;
    }

    /// The device fails, or damages something: the node isn't to blame.
    pub fn disk_is_damaged(&self) {
        self.shared.observer.disk_damaged(self.id());
    }

    /// The same, and it stays so until the disk is replaced.
    pub fn disk_rots(&self) {
        self.disk_is_damaged();
        self.life().needs_new_disk = true;
    }

    /// Whether its disk has to be replaced.
    #[must_use]
    pub fn needs_new_disk(&self) -> bool {
        self.life().needs_new_disk
    }

    /// Stops the process's clock, so to speak: it does nothing until it goes on, and its peers see
    /// its machine accept what they send. Nothing happens if there is no process.
    pub fn pause(&self) {
        if self.is_running() {
            self.note("pause");
            Handle::current().pause(self.shared.node);
            self.life().is_paused = true;
        }
    }

    /// Lets the process go on, if it was paused.
    pub fn go_on(&self) {
        if std::mem::take(&mut self.life().is_paused) {
            self.note("go on");
            Handle::current().resume(self.shared.node);
        }
    }

    /// The machine loses its power, and comes back with new disks where the partitions' logs were:
    /// an operator formats them when it starts. What its controller has is on another one.
    ///
    /// # Errors
    /// The new disk's.
    pub fn wipe(&self) -> Result<()> {
        self.lose_power();
        let files = self.files();
        files.remove_dir_all(Path::new(LOG_DIR)).context("taking the disk out")?;
        files.sync_dir(Path::new("/")).context("taking the disk out")?;
        self.shared.observer.wiped(self.id());
        {
            let mut life = self.life();
            (life.is_formatted, life.needs_new_disk) = (false, false);
        }
        self.note("has a new disk");
        Ok(())
    }

    /// Takes hold of the process, unless somebody else has.
    #[must_use]
    pub fn take_hold(&self) -> Option<Hold> {
        let hand = &self.shared.hand;
        (Arc::strong_count(hand) == 1).then(|| Hold(Arc::clone(hand)))
    }

    /// Undoes what was done to the machine and would last. A process that can't go on is ended.
    pub fn recover(&self) {
        self.go_on();
        self.clock().skew(0);
        let disk = self.disk();
        disk.mend();
        if disk.is_down() {
            self.kill();
        }
    }

    /// Kills the process, or takes the power, in the middle of a change to the disk: after so many
    /// whole ones, or when the process serves without having changed the disk so often.
    ///
    /// # Errors
    /// Neither happens.
    pub async fn crash_while_starting(&self, changes: u64, crash: Crash) -> Result<()> {
        self.shared.disk.crash_after(changes);
        let watched = async {
            while !self.shared.disk.is_down() && !self.serves() && self.is_running() {
                sleep(GLANCE).await;
            }
        };
        timeout(START_TIME_MAX, watched).await.context("neither a crash nor service")?;
        self.crash(crash);
        Ok(())
    }

    /// Kills the process, or takes the power, in the middle of a change to the disk: after so many
    /// whole ones, or at the latest after so long.
    pub async fn crash_within(&self, changes: u64, at_most: Duration, crash: Crash) {
        self.shared.disk.crash_after(changes);
        let deadline = Instant::now() + at_most;
        while !self.shared.disk.is_down() && Instant::now() < deadline && self.is_running() {
            sleep(GLANCE).await;
        }
        self.crash(crash);
    }

    fn crash(&self, crash: Crash) {
        if self.shared.disk.is_down() {
            self.note("in the middle of a change to the disk:");
        }
        match crash {
            Crash::Process => self.kill(),
            Crash::Power => self.lose_power(),
        }
    }

    /// Stops the process as an operator does.
    ///
    /// # Errors
    /// It doesn't stop, or not in good order.
    pub async fn stop(&self) -> Result<()> {
        let Some(process) = self.life().process.clone() else { return Ok(()) };
        self.note("stop");
        process.is_to_stop.store(true, Ordering::SeqCst);
        process.stop.notify_one();
        let ended = async {
            while self.is_running() {
                sleep(GLANCE).await;
            }
        };
        timeout(STOP_TIME_MAX, ended).await.context("the node doesn't stop")?;
        let last_words = self.life().last_words.take();
        ensure!(
            last_words.is_none(),
            "it stopped with an error: {}",
            last_words.unwrap_or_default()
        );
        Ok(())
    }

    /// Waits until the node serves.
    ///
    /// # Errors
    /// It ended instead, or takes too long.
    pub async fn until_it_serves(&self) -> Result<()> {
        let serving = async {
            while self.is_running() && !self.serves() {
                sleep(GLANCE).await;
            }
        };
        timeout(START_TIME_MAX, serving).await.context("the node doesn't come into service")?;
        let last_words = self.life().last_words.take();
        ensure!(self.serves(), "the node ended: {}", last_words.unwrap_or_default());
        Ok(())
    }

    /// Waits until the node ends by itself. Returns its last words.
    ///
    /// # Errors
    /// It doesn't.
    pub async fn until_it_gives_up(&self) -> Result<String> {
        let ended = async {
            while self.is_running() {
                sleep(GLANCE).await;
            }
        };
        timeout(STOP_TIME_MAX, ended).await.context("the node goes on")?;
        self.life().last_words.take().context("the node stopped without an error")
    }

    /// Whether there is a process.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.life().process.is_some()
    }

    /// Whether there is a process that was told to stop, and hasn't yet.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        let process = self.life().process.clone();
        process.is_some_and(|process| process.is_to_stop.load(Ordering::SeqCst))
    }

    /// Whether the process takes requests.
    #[must_use]
    pub fn serves(&self) -> bool {
        let process = self.life().process.clone();
        process.is_some_and(|process| process.serves.load(Ordering::SeqCst))
    }

    /// How often the machine had lost its power when it sent what arrives now. None if that isn't
    /// clear: it may still have been under way when the power went.
    #[must_use]
    pub fn power_losses_of_sender(&self) -> Option<u32> {
        let life = self.life();
        let is_clear = life.power_lost_at.is_none_or(|at| now() > at + DELAY_MAX);
        is_clear.then_some(life.power_losses)
    }

    /// When the node stopped in good order.
    #[must_use]
    pub fn clean_stops(&self) -> CleanStops {
        self.life().clean_stops.clone()
    }

    /// The disk, to break.
    #[must_use]
    pub fn disk(&self) -> &SimDisk {
        &self.shared.disk
    }

    /// A handle on the disk as the process has it.
    #[must_use]
    pub fn files(&self) -> SimDisk {
        self.shared.disk.reopen()
    }

    /// The clock, to set.
    #[must_use]
    pub fn clock(&self) -> &SkewedClock {
        &self.shared.clock
    }

    /// What time the machine thinks it is.
    #[must_use]
    pub fn wall_clock(&self) -> Timestamp {
        client::door::Clock::now(&*self.shared.clock)
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.shared.address
    }

    /// Its number in the cluster.
    #[must_use]
    pub fn id(&self) -> BrokerId {
        self.shared.shape.id
    }

    /// Whether it is all of its cluster.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        !self.shared.needs_format
    }

    /// What it is there for.
    #[must_use]
    pub fn shape(&self) -> &NodeShape {
        &self.shared.shape
    }

    /// Adds a line to the trace, about this machine.
    fn note(&self, line: impl fmt::Display) {
        self.shared.trace.note(format_args!("node {}: {line}", self.id()));
    }

    fn doors(&self, disk: SimDisk) -> Doors {
        let Shared { network, stores, clock, entropy, address, cast, observer, .. } = &*self.shared;
        let files = DiskFiles::new(disk.clone(), self.shared.config.log_dirs.clone());
        let seat = observer.process_started(self.id(), Arc::new(files));
        Doors {
            net: network.door(*address),
            disk: Arc::new(disk),
            stores: Arc::clone(stores) as _,
            clock: Arc::clone(clock) as _,
            entropy: Arc::clone(entropy),
            quorum_runtime: tokio::runtime::Handle::current(),
            witness: cast.before(seat),
        }
    }

    fn madsim_node(&self) -> NodeHandle {
        Handle::current().get_node(self.shared.node).expect("built with the machine")
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.shared.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}
