//! What a cluster looks like: how many machines, what each of them does, and with which settings.

use std::net::{IpAddr, Ipv4Addr};

use madsim::rand::{Rng, thread_rng};
use protocol::BrokerId;

/// Where clients reach a broker.
pub const BROKER_PORT: u16 = 9092;

/// Where controllers are reached, by brokers and by each other.
pub const CONTROLLER_PORT: u16 = 9093;

/// The directory of the partitions' logs.
pub const LOG_DIR: &str = "/data";

/// The directory of a controller's log, apart from the others: those can be wiped alone.
pub const METADATA_DIR: &str = "/metadata";

/// What every node is started with: everything that happens in minutes happens in seconds.
const SETTINGS: &[&str] = &[
    "log.initial.task.delay.ms=100",
    "log.retention.check.interval.ms=3000",
    "log.flush.offset.checkpoint.interval.ms=2000",
    "log.flush.start.offset.checkpoint.interval.ms=2000",
    "replica.high.watermark.checkpoint.interval.ms=1000",
    "broker.heartbeat.interval.ms=500",
    "auto.create.topics.enable=false",
    "ottla.log.dir.free.bytes.min=1000000",
];

/// What a node of a cluster is started with beyond that.
const CLUSTER_SETTINGS: &[&str] = &[
    "default.replication.factor=3",
    "min.insync.replicas=2",
    "leader.imbalance.check.interval.seconds=10",
];

/// A cluster before it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The machines, in the order of their ids.
    pub nodes: Vec<NodeShape>,
    /// What is set on all of them, over what is usual here.
    pub settings: Vec<String>,
}

/// A machine before it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeShape {
    /// Its number.
    pub id: BrokerId,
    /// Whether it holds partitions.
    pub is_broker: bool,
    /// Whether it votes in the quorum.
    pub is_controller: bool,
    /// Where it stands, if anybody says.
    pub rack: Option<&'static str>,
}

impl NodeShape {
    const fn new(id: i32, is_broker: bool, is_controller: bool) -> Self {
        Self { id: BrokerId(id), is_broker, is_controller, rack: None }
    }

    /// The machine's address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        address_of(self.id)
    }
}

/// The address of the machine with this number.
///
/// # Panics
/// If it isn't one of a small cluster.
#[must_use]
pub fn address_of(id: BrokerId) -> IpAddr {
    let host = u8::try_from(id.0).expect("a small number");
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, host))
}

impl Shape {
    /// One node that is all there is, and formats itself.
    #[must_use]
    pub fn single() -> Self {
        Self { nodes: vec![NodeShape::new(1, true, true)], settings: Vec::new() }
    }

    /// So many nodes, each of them broker and controller.
    #[must_use]
    pub fn combined(nodes: i32) -> Self {
        let nodes = (1..=nodes).map(|id| NodeShape::new(id, true, true)).collect();
        Self { nodes, settings: Vec::new() }
    }

    /// So many controllers, with numbers from 101 on, and so many brokers.
    #[must_use]
    pub fn separate(controllers: i32, brokers: i32) -> Self {
        let brokers = (1..=brokers).map(|id| NodeShape::new(id, true, false));
        let controllers = (101..=100 + controllers).map(|id| NodeShape::new(id, false, true));
        Self { nodes: brokers.chain(controllers).collect(), settings: Vec::new() }
    }

    /// What the seed likes: three nodes of both roles, or five, or roles apart: only there can most
    /// brokers be down and a controller elect one of the others.
    #[must_use]
    pub fn of_the_seed() -> Self {
        let mut rng = thread_rng();
        let shape = match rng.gen_range(0..20) {
            0..3 => Self::combined(5),
            3..8 => Self::separate(3, 3),
            8..10 => Self::separate(1, 3),
            _ => Self::combined(3),
        };
        let lag = if rng.gen_bool(0.5) { 1_000 } else { rng.gen_range(1_000..10_000) };
        let session = if rng.gen_bool(0.5) { 9_000 } else { rng.gen_range(2_000..9_000) };
        let shape = shape
            .with(format!("replica.lag.time.max.ms={lag}"))
            .with(format!("broker.session.timeout.ms={session}"))
            .with_snapshots(rng.gen_range(5..200), rng.gen_range(0..50));
        if rng.gen_bool(0.5) { shape.in_racks() } else { shape }
    }

    /// The same with a setting on every node.
    #[must_use]
    pub fn with(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    /// The same with a snapshot of the metadata after so many entries, and so many of them kept in
    /// the log behind it: whoever was away for more is sent the snapshot.
    #[must_use]
    pub fn with_snapshots(self, entries: u64, kept: u64) -> Self {
        let shape = self.with(format!("ottla.metadata.snapshot.entries={entries}"));
        shape.with(format!("ottla.metadata.log.entries.kept={kept}"))
    }

    /// The same in three racks.
    #[must_use]
    pub fn in_racks(mut self) -> Self {
        for (node, rack) in self.nodes.iter_mut().zip(["a", "b", "c"].into_iter().cycle()) {
            node.rack = Some(rack);
        }
        self
    }

    /// Whether it is one node alone.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.nodes.len() == 1
    }

    /// How many nodes hold partitions.
    #[must_use]
    pub fn brokers(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_broker).count()
    }

    /// Whether brokers and controllers are different nodes.
    #[must_use]
    pub fn has_separate_roles(&self) -> bool {
        self.nodes.iter().any(|node| node.is_broker != node.is_controller)
    }

    /// What a node is started with.
    #[must_use]
    pub fn settings_of(&self, node: &NodeShape) -> Vec<String> {
        let address = node.address();
        let mut settings = vec![format!("node.id={}", node.id)];
        let listeners = [
            (node.is_broker, format!("PLAINTEXT://{address}:{BROKER_PORT}")),
            (node.is_controller, format!("CONTROLLER://{address}:{CONTROLLER_PORT}")),
        ];
        let listeners = listeners.into_iter().filter(|(is_there, _)| *is_there);
        let listeners: Vec<String> = listeners.map(|(_, listener)| listener).collect();
        settings.push(format!("listeners={}", listeners.join(",")));
        settings.push(format!("log.dirs={LOG_DIR}"));
        settings.extend(SETTINGS.iter().map(|set| (*set).to_owned()));
        if !self.is_single() {
            settings.extend(self.place_in_the_cluster(node));
        }
        settings.extend(self.settings.iter().cloned());
        settings
    }

    fn place_in_the_cluster(&self, node: &NodeShape) -> Vec<String> {
        let roles = match (node.is_broker, node.is_controller) {
            (true, true) => "broker,controller",
            (true, false) => "broker",
            _ => "controller",
        };
        let voters = self.nodes.iter().filter(|node| node.is_controller);
        let voter = |node: &NodeShape| format!("{}@{}:{CONTROLLER_PORT}", node.id, node.address());
        let voters: Vec<String> = voters.map(voter).collect();
        let mut settings = vec![
            format!("process.roles={roles}"),
            "controller.listener.names=CONTROLLER".to_owned(),
            format!("controller.quorum.voters={}", voters.join(",")),
            format!("metadata.log.dir={METADATA_DIR}"),
        ];
        settings.extend(CLUSTER_SETTINGS.iter().map(|set| (*set).to_owned()));
        settings.extend(node.rack.map(|rack| format!("broker.rack={rack}")));
        settings
    }
}
