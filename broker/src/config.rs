//! A node's configuration: Kafka's keys, from the `server.properties` that Kafka's users have.
//!
//! One typed table (`keys`) drives parsing, defaults, documentation, DescribeConfigs and
//! validation. Settings come from the file, over it from the environment, over it from the command
//! line. What comes out is [`BrokerConfig`], which has everything parsed and nothing unchecked.
//! Nothing here reads a file or the environment: [`Sources`] brings their content.

mod describe;
mod endpoints;
mod environment;
mod error;
mod keys;
mod listener;
mod near_miss;
mod properties;
mod quorum;
mod roles;
mod rules;
mod sources;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use metadata::config::Overrides;
use protocol::BrokerId;

pub use describe::{describe_broker, describe_cluster_default};
pub use error::{ConfigError, Origin};
pub use keys::key as broker_key;
pub use listener::{Address, Listener, SecurityProtocol};
pub use quorum::{Quorum, Voter};
pub use roles::Roles;
pub use sources::Sources;

pub(crate) use keys::all as broker_keys;
pub(crate) use near_miss::nearest;

use endpoints::Endpoints;
use sources::{FOREVER, Settings};

/// How many signs of life must be lost before a voter misses its leader.
const HEARTBEATS_PER_ELECTION_TIMEOUT: u32 = 4;

/// What `queued.max.request.bytes=-1` means here: every buffer has a bound.
const REQUEST_MEMORY_BYTES_DEFAULT: usize = 512 << 20;

/// Everything a node needs to know to start. Times that mean "never" in Kafka are a hundred years,
/// or `None` where nothing is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerConfig {
    /// This node's number in the cluster.
    pub node_id: BrokerId,
    /// What it does there.
    pub roles: Roles,
    /// Where it stands.
    pub rack: Option<String>,

    /// Where it tells its metrics.
    pub admin_listener: Option<Address>,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// What it tells clients and brokers about that.
    pub advertised_listeners: Vec<Listener>,
    /// What it tells about its listeners as a controller.
    pub advertised_controller_listeners: Vec<Listener>,
    /// The listener that brokers use among themselves.
    pub inter_broker_listener_name: String,
    /// The listeners that controllers use. A node that is no controller dials the first.
    pub controller_listener_names: Vec<String>,
    /// The controllers that it's told of.
    pub quorum: Quorum,
    /// Whether it is all of the quorum, so that it may format itself.
    pub is_quorum_of_one: bool,

    /// The directories of the partitions' logs.
    pub log_dirs: Vec<PathBuf>,
    /// The directory of the controllers' log: one of `log_dirs` or one of its own.
    pub metadata_log_dir: PathBuf,
    /// How little space may be left on a disk before produce requests are refused.
    pub log_dir_free_bytes_min: u64,
    /// After how many entries of the metadata log a controller makes a snapshot.
    pub metadata_snapshot_entries: u64,
    /// How many entries are kept although a snapshot holds them.
    pub metadata_log_entries_kept: u64,
    /// How long a failed directory may stay unknown to the controller before the node stops.
    pub log_dir_failure_timeout: Duration,
    /// How many logs of one directory are recovered at a time.
    pub recovery_threads_per_data_dir: usize,
    /// How often logs are searched for segments to drop.
    pub log_retention_check_interval: Duration,
    /// How often logs are searched for records to sync. `None` = never.
    pub log_flush_scheduler_interval: Option<Duration>,
    /// How often recovery points are written down.
    pub recovery_point_checkpoint_interval: Duration,
    /// How often log start offsets are written down.
    pub log_start_offset_checkpoint_interval: Duration,
    /// How long after the start the first chores run.
    pub log_initial_task_delay: Duration,
    /// How long an idle producer's state is kept.
    pub producer_id_expiration: Duration,
    /// How often producers are searched for idle ones.
    pub producer_id_expiration_check_interval: Duration,

    /// The largest request that is read.
    pub socket_request_bytes_max: usize,
    /// How many connections it holds.
    pub connections_max: usize,
    /// How many of one address.
    pub connections_per_ip_max: usize,
    /// Other limits for single addresses.
    pub connections_per_ip_overrides: BTreeMap<IpAddr, usize>,
    /// How long a connection may be silent.
    pub connections_max_idle: Duration,
    /// How many requests it works on.
    pub requests_queued_max: usize,
    /// How many bytes of requests it holds.
    pub request_bytes_queued_max: usize,
    /// The most that one fetch is answered with.
    pub fetch_bytes_max: usize,
    /// How many incremental fetch sessions it remembers.
    pub fetch_sessions_max: usize,
    /// How many partitions one page of DescribeTopicPartitions lists.
    pub request_partitions_max: usize,
    /// How long a request to another node may take.
    pub request_timeout: Duration,
    /// How long a connection to another node may take to open at first.
    pub connection_setup_timeout: Duration,
    /// How long it may take after many failures.
    pub connection_setup_timeout_max: Duration,

    /// Whether asking for a topic creates it.
    pub auto_create_topics_enable: bool,
    /// Whether topics can be deleted.
    pub delete_topic_enable: bool,
    /// How many partitions a topic gets by default.
    pub num_partitions: i32,
    /// How many replicas a partition gets by default.
    pub default_replication_factor: i16,

    /// Whether a node that stops hands its partitions to others first.
    pub controlled_shutdown_enable: bool,
    /// How long that may take before it stops all the same.
    pub controlled_shutdown_time_max: Duration,
    /// How often it tells the controller that it lives.
    pub broker_heartbeat_interval: Duration,
    /// How long a broker may be silent before it is fenced.
    pub broker_session_timeout: Duration,
    /// How long the first registration may take.
    pub initial_broker_registration_timeout: Duration,
    /// How long starting may take.
    pub startup_time_max: Duration,

    /// How long a follower may lag before it is out of sync.
    pub replica_lag_time_max: Duration,
    /// How long a fetch from the leader may take.
    pub replica_socket_timeout: Duration,
    /// The most that is fetched of one partition at once.
    pub replica_fetch_bytes_max: usize,
    /// How long a fetch from the leader waits for records.
    pub replica_fetch_wait_max: Duration,
    /// How long to wait after a failed fetch.
    pub replica_fetch_backoff: Duration,
    /// The least that a fetch from the leader is answered with until it has waited long enough.
    pub replica_fetch_bytes_min: usize,
    /// The most that is fetched from the leader at once.
    pub replica_fetch_response_bytes_max: usize,
    /// How often high watermarks are written down.
    pub high_watermark_checkpoint_interval: Duration,
    /// Whether leadership returns to the preferred replicas by itself.
    pub auto_leader_rebalance_enable: bool,
    /// How often it's checked whether leadership is where it should be.
    pub leader_imbalance_check_interval: Duration,
    /// How often partitions are searched that only an unclean election helps.
    pub unclean_leader_election_interval: Duration,
    /// How long a request to the controller may take.
    pub controller_socket_timeout: Duration,

    /// How long a controller waits for a silent leader.
    pub quorum_election_timeout: Duration,
    /// How often a leading controller gives a sign of life.
    pub quorum_heartbeat_interval: Duration,

    /// Every key that was set, as it was written: the static layer under topics' configuration.
    pub static_overrides: Overrides,
}

/// A configuration, and what its operator should hear about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: BrokerConfig,
    /// A line each, to be logged.
    pub warnings: Vec<String>,
}

impl BrokerConfig {
    /// Puts the sources together and checks everything.
    ///
    /// # Errors
    /// One line that names the key, its value, where it was set, and what to do.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        let settings = Settings::gather(sources)?;
        let config = Self::from_settings(&settings, &sources.hostname)?;
        Ok(Loaded { config, warnings: settings.warnings })
    }

    fn from_settings(settings: &Settings, hostname: &str) -> Result<Self, ConfigError> {
        let roles = Roles::of(settings)?;
        let node_id = roles::node_id(settings)?;
        let endpoints = Endpoints::of(settings, roles, hostname)?;
        let quorum = Quorum::of(settings, node_id, roles, &endpoints)?;
        rules::check(settings)?;
        let admin_listener = endpoints.admin_listener(settings)?;
        let log_dirs = log_dirs(settings)?;
        let metadata_log_dir = match settings.text("metadata.log.dir") {
            Some(dir) => PathBuf::from(dir),
            None => log_dirs.first().expect("checked above").clone(),
        };
        let is_quorum_of_one = roles.controller && quorum.is_alone(node_id, &endpoints);
        let (advertised_controller_listeners, advertised_listeners) =
            endpoints.advertised.iter().cloned().partition(|own| endpoints.is_of_controller(own));
        let quorum_election_timeout = settings.millis("controller.quorum.election.timeout.ms")?;
        Ok(Self {
            node_id,
            roles,
            rack: settings.text("broker.rack"),

            admin_listener,
            listeners: endpoints.listeners,
            advertised_listeners,
            advertised_controller_listeners,
            inter_broker_listener_name: endpoints.inter_broker_listener,
            controller_listener_names: endpoints.controller_listeners,
            quorum,
            is_quorum_of_one,

            log_dirs,
            metadata_log_dir,
            log_dir_free_bytes_min: positive(settings, "ottla.log.dir.free.bytes.min"),
            metadata_snapshot_entries: positive(settings, "ottla.metadata.snapshot.entries"),
            metadata_log_entries_kept: positive(settings, "ottla.metadata.log.entries.kept"),
            log_dir_failure_timeout: settings.millis("log.dir.failure.timeout.ms")?,
            recovery_threads_per_data_dir: settings.count("num.recovery.threads.per.data.dir")?,
            log_retention_check_interval: settings.millis("log.retention.check.interval.ms")?,
            log_flush_scheduler_interval: Some(settings.millis("log.flush.scheduler.interval.ms")?)
                .filter(|interval| *interval < FOREVER),
            recovery_point_checkpoint_interval: settings
                .millis("log.flush.offset.checkpoint.interval.ms")?,
            log_start_offset_checkpoint_interval: settings
                .millis("log.flush.start.offset.checkpoint.interval.ms")?,
            log_initial_task_delay: settings.millis("log.initial.task.delay.ms")?,
            producer_id_expiration: settings.millis("producer.id.expiration.ms")?,
            producer_id_expiration_check_interval: settings
                .millis("producer.id.expiration.check.interval.ms")?,

            socket_request_bytes_max: settings.count("socket.request.max.bytes")?,
            connections_max: settings.count("max.connections")?,
            connections_per_ip_max: settings.count("max.connections.per.ip")?,
            connections_per_ip_overrides: rules::connections_per_ip(settings)?,
            connections_max_idle: match settings.number("connections.max.idle.ms") {
                ..0 => FOREVER,
                _ => settings.millis("connections.max.idle.ms")?,
            },
            requests_queued_max: settings.count("queued.max.requests")?,
            request_bytes_queued_max: match settings.number("queued.max.request.bytes") {
                ..1 => {
                    REQUEST_MEMORY_BYTES_DEFAULT.max(settings.count("socket.request.max.bytes")?)
                }
                _ => settings.count("queued.max.request.bytes")?,
            },
            fetch_bytes_max: settings.count("fetch.max.bytes")?,
            fetch_sessions_max: settings.count("max.incremental.fetch.session.cache.slots")?,
            request_partitions_max: settings.count("max.request.partition.size.limit")?,
            request_timeout: settings.millis("request.timeout.ms")?,
            connection_setup_timeout: settings.millis("socket.connection.setup.timeout.ms")?,
            connection_setup_timeout_max: settings
                .millis("socket.connection.setup.timeout.max.ms")?,

            auto_create_topics_enable: settings.boolean("auto.create.topics.enable"),
            delete_topic_enable: settings.boolean("delete.topic.enable"),
            num_partitions: i32::try_from(settings.number("num.partitions"))
                .expect("the key is of type int"),
            default_replication_factor: i16::try_from(
                settings.number("default.replication.factor"),
            )
            .expect("a rule has checked it"),

            controlled_shutdown_enable: settings.boolean("controlled.shutdown.enable"),
            controlled_shutdown_time_max: settings.millis("ottla.controlled.shutdown.max.ms")?,
            broker_heartbeat_interval: settings.millis("broker.heartbeat.interval.ms")?,
            broker_session_timeout: settings.millis("broker.session.timeout.ms")?,
            initial_broker_registration_timeout: settings
                .millis("initial.broker.registration.timeout.ms")?,
            startup_time_max: settings.millis("server.max.startup.time.ms")?,

            replica_lag_time_max: settings.millis("replica.lag.time.max.ms")?,
            replica_socket_timeout: settings.millis("replica.socket.timeout.ms")?,
            replica_fetch_bytes_max: settings.count("replica.fetch.max.bytes")?,
            replica_fetch_wait_max: settings.millis("replica.fetch.wait.max.ms")?,
            replica_fetch_backoff: settings.millis("replica.fetch.backoff.ms")?,
            replica_fetch_bytes_min: settings.count("replica.fetch.min.bytes")?,
            replica_fetch_response_bytes_max: settings.count("replica.fetch.response.max.bytes")?,
            high_watermark_checkpoint_interval: settings
                .millis("replica.high.watermark.checkpoint.interval.ms")?,
            auto_leader_rebalance_enable: settings.boolean("auto.leader.rebalance.enable"),
            leader_imbalance_check_interval: settings
                .seconds("leader.imbalance.check.interval.seconds")?,
            unclean_leader_election_interval: settings
                .millis("unclean.leader.election.interval.ms")?,
            controller_socket_timeout: settings.millis("controller.socket.timeout.ms")?,

            quorum_election_timeout,
            quorum_heartbeat_interval: quorum_election_timeout / HEARTBEATS_PER_ELECTION_TIMEOUT,

            static_overrides: settings.overrides(),
        })
    }

    /// The listeners on which clients and brokers are served.
    pub fn broker_listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(|listener| !self.is_controller_listener(&listener.name))
    }

    /// The controllers to begin with: host and port of each.
    #[must_use]
    pub fn controllers(&self) -> Vec<(String, u16)> {
        let voters = self.quorum.voters.iter().map(|voter| &voter.address);
        let addresses: Vec<&Address> = if self.quorum.voters.is_empty() {
            self.quorum.bootstrap_servers.iter().collect()
        } else {
            voters.collect()
        };
        addresses.into_iter().map(|address| (address.host.clone(), address.port)).collect()
    }

    /// Where this node is reached as a controller, if it's one.
    #[must_use]
    pub fn own_controller_address(&self) -> Option<(String, u16)> {
        let own = self.advertised_controller_listeners.first()?;
        Some((own.host.clone(), own.port))
    }

    /// Whether a listener is one of the controllers'.
    #[must_use]
    pub fn is_controller_listener(&self, name: &str) -> bool {
        self.controller_listener_names.iter().any(|own| own == name)
    }
}

fn positive(settings: &Settings, name: &str) -> u64 {
    u64::try_from(settings.number(name)).expect("the table refuses negative ones")
}

/// `log.dirs`, or `log.dir` where it isn't set.
fn log_dirs(settings: &Settings) -> Result<Vec<PathBuf>, ConfigError> {
    let key = if settings.is_set("log.dirs") { "log.dirs" } else { "log.dir" };
    let mut dirs: Vec<PathBuf> = Vec::new();
    for dir in settings.list(key).into_iter().map(PathBuf::from) {
        if dirs.contains(&dir) {
            return Err(ConfigError::Rule(format!(
                "{}: {} is named twice",
                settings.blame(key),
                dir.display()
            )));
        }
        dirs.push(dir);
    }
    if dirs.is_empty() {
        return Err(ConfigError::Rule(format!(
            "{}: name at least one directory, as log.dirs=/var/lib/ottla",
            settings.blame(key)
        )));
    }
    Ok(dirs)
}
