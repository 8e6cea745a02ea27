//! A node: the one assembly of all parts, which production and the simulator both start.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use client::net::Listener as Bound;
use controller::{Controller, ControllerConfig, ControllerDoors, VoterEndpoint};
use metadata::Settings;
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tracing::{error, info};

use crate::{
    Doors, Error, blocking,
    broker::Broker,
    config::{self, Address, BrokerConfig, Listener, Voter},
    housekeeping,
    identity::{self, Identity},
    lifecycle::{self, Introduction, Lifecycle},
    log_dirs::LogDirs,
    metadata_follower::MetadataFollower,
    metrics::AdminListener,
    server::{Acceptor, request_context::ListenerKind},
};

/// How often a running node looks whether all its log directories have failed.
const FAILURE_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A running node. Dropping it stops nothing: call [`Node::shutdown`].
#[derive(Debug)]
pub struct Node {
    broker: Arc<Broker>,
    addresses: Vec<(String, SocketAddr)>,
    acceptors: Vec<JoinHandle<()>>,
    chores: Vec<JoinHandle<()>>,
    lifecycle: Option<JoinHandle<()>>,
    controller: Option<Arc<Controller>>,
    vital: Vital,
}

/// Tasks without which the node is none. A bug in one of them ends the process, rather than leave a
/// broker that seems to live.
#[derive(Clone, Debug, Default)]
struct Vital {
    ended: Arc<OnceLock<&'static str>>,
    wake: Arc<Notify>,
}

impl Vital {
    fn spawn(
        &self,
        task: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let vital = self.clone();
        let running = tokio::spawn(future);
        tokio::spawn(async move {
            if running.await.is_err() {
                vital.ended.get_or_init(|| task);
                vital.wake.notify_one();
            }
        })
    }

    /// Returns the first task that a bug has ended.
    async fn ended(&self) -> &'static str {
        loop {
            if let Some(task) = self.ended.get() {
                return task;
            }
            self.wake.notified().await;
        }
    }
}

impl Node {
    /// Starts a node. It serves clients when this returns: a broker has registered, opened its
    /// logs, and was unfenced.
    ///
    /// # Errors
    /// What keeps it from that, as one line for its operator.
    pub async fn start(config: BrokerConfig, doors: Doors) -> Result<Self, Error> {
        let identity = {
            let (config, doors) = (config.clone(), doors.clone());
            let established = blocking::begin(move || Identity::establish(&config, &doors));
            established.await.expect("opening directories doesn't panic")?
        };
        let bound = Listeners::bind(&config, &doors).await?;
        let found = identity.log_dirs;
        let log_dirs = blocking::begin(move || LogDirs::new(found)).await;
        let log_dirs = log_dirs.expect("listing directories doesn't panic")?;
        let controller = match config.roles.controller {
            true => Some(start_controller(&config, &doors, &identity.cluster_id).await?),
            false => None,
        };
        let broker = Broker::new(config, doors, identity.cluster_id, log_dirs, controller.clone());
        let broker = Arc::new(broker);

        let mut node = Self {
            addresses: bound.addresses(),
            acceptors: Vec::new(),
            chores: Vec::new(),
            lifecycle: None,
            vital: Vital::default(),
            broker,
            controller,
        };
        if let Some(admin) = bound.admin {
            // From the first moment, and until the last request is answered.
            let running = admin.run(Arc::clone(&node.broker), node.broker.closing.clone());
            node.chores.push(tokio::spawn(running));
        }
        for acceptor in bound.controllers {
            let running = acceptor.run(Arc::clone(&node.broker), node.broker.shutdown.clone());
            node.acceptors.push(node.broker.doors.quorum_runtime.spawn(running));
        }
        if node.broker.config.roles.broker {
            let controller = node.controller.clone();
            let started = tokio::select! {
                biased;
                // It may be refused while the broker waits for it.
                error = refused(controller) => Err(error),
                started = Box::pin(node.start_broker(bound.brokers)) => started,
            };
            if let Err(error) = started {
                node.shutdown().await;
                return Err(error);
            }
        }
        Ok(node)
    }

    async fn start_broker(&mut self, acceptors: Vec<Acceptor>) -> Result<(), Error> {
        let broker = &self.broker;
        let incarnation_id = broker.doors.entropy.uuid();
        let follower = MetadataFollower::new(Arc::clone(broker), incarnation_id);
        self.chores.push(self.vital.spawn("following the metadata", follower.run()));
        self.chores.extend(housekeeping::start(broker));

        let introduction = Introduction {
            incarnation_id,
            previous_epoch: broker.log_dirs.previous_broker_epoch(),
            listeners: lifecycle::advertised(&broker.config, &self.addresses),
            log_dirs: broker.log_dirs.ids(),
        };
        let mut lifecycle = Lifecycle::new(Arc::clone(broker), introduction);
        let in_service = lifecycle.in_service();
        if let Some(controller) = &self.controller {
            // However late the last of the first voters starts.
            controller.founded().await;
        }
        let registered = broker.doors.quorum_runtime.spawn(async move {
            let registered = lifecycle.register().await;
            (lifecycle, registered)
        });
        let (lifecycle, registered) = registered.await.expect("registering doesn't panic");
        registered?;
        self.lifecycle = Some(broker.doors.quorum_runtime.spawn(lifecycle.run()));

        let start_time_max = broker.config.startup_time_max;
        if timeout(start_time_max, in_service.notified()).await.is_err() {
            return Err(Error::NotInService(start_time_max));
        }
        // The controller has said so; what follows from it is done here when the image shows it.
        let own = broker.id();
        broker.until_image_shows(|image| image.brokers().is_active(own)).await;
        for acceptor in acceptors {
            let running = acceptor.run(Arc::clone(broker), broker.shutdown.clone());
            self.acceptors.push(tokio::spawn(running));
        }
        Ok(())
    }

    /// The cluster that the node belongs to.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.broker.cluster_id
    }

    /// Where the node listens, by listener name, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[(String, SocketAddr)] {
        &self.addresses
    }

    /// Returns when the node can't go on: its quorum stopped, or no log directory is left. The
    /// process should shut it down then, and end with this as its last words.
    pub async fn failed(&self) -> Error {
        let quorum = refused(self.controller.clone());
        let log_dirs = async {
            loop {
                sleep(FAILURE_CHECK_INTERVAL).await;
                let dirs = self.broker.log_dirs.all();
                let failures: Vec<_> = dirs.iter().filter_map(|dir| dir.failure()).collect();
                if failures.len() == dirs.len() && self.broker.config.roles.broker {
                    return Error::NoLogDir(failures.join("; "));
                }
            }
        };
        tokio::select! {
            biased;
            error = quorum => error,
            task = self.vital.ended() => Error::Bug(task),
            error = log_dirs => error,
        }
    }

    /// Stops the node: hands its leaderships over, answers what it has begun, syncs and closes its
    /// logs, and marks its directories as closed cleanly.
    pub async fn shutdown(self) {
        self.broker.leaving.request();
        if let Some(lifecycle) = self.lifecycle
            && lifecycle.await.is_err()
        {
            error!("a bug in the lifecycle");
        }
        self.broker.shutdown.request();
        for acceptor in self.acceptors {
            // It gives its connections a limited time.
            if acceptor.await.is_err() {
                error!("a bug in a listener");
            }
        }
        self.broker.closing.request();
        for chore in self.chores {
            if chore.await.is_err() {
                error!("a bug in a chore");
            }
        }
        if self.broker.config.roles.broker {
            let broker = &self.broker;
            let held = broker.partitions.all();
            broker.log_dirs.checkpoint_high_watermarks(&held);
            broker.log_dirs.close(held, broker.epoch()).await;
        }
        if let Some(controller) = self.controller {
            controller.shut_down().await;
        }
        info!("stopped");
    }
}

/// Returns when the controller in this process can't go on.
async fn refused(controller: Option<Arc<Controller>>) -> Error {
    match controller {
        Some(controller) => Error::Controller(controller.stopped().await),
        None => std::future::pending().await,
    }
}

async fn start_controller(
    config: &BrokerConfig,
    doors: &Doors,
    cluster_id: &str,
) -> Result<Arc<Controller>, Error> {
    let defaults = ControllerConfig::new(config.node_id, cluster_id, identity::store_path(config));
    let listed = config.quorum.voters.iter();
    let config = ControllerConfig {
        listed_voters: listed
            .map(|Voter { id, address: Address { host, port } }| {
                (*id, VoterEndpoint { host: host.clone(), port: *port })
            })
            .collect(),
        settings: Settings {
            num_partitions: config.num_partitions,
            default_replication_factor: config.default_replication_factor,
            delete_topic_enable: config.delete_topic_enable,
            static_config: config.static_overrides.clone(),
            broker_key: config::broker_key,
        },
        broker_heartbeat_interval: config.broker_heartbeat_interval,
        broker_session_timeout: config.broker_session_timeout,
        quorum_heartbeat_interval: config.quorum_heartbeat_interval,
        quorum_election_timeout: config.quorum_election_timeout,
        leader_balance_interval: config
            .auto_leader_rebalance_enable
            .then_some(config.leader_imbalance_check_interval),
        snapshot_entries: config.metadata_snapshot_entries,
        snapshot_entries_kept: config.metadata_log_entries_kept,
        ..defaults
    };
    let own_doors = ControllerDoors {
        stores: Arc::clone(&doors.stores),
        net: Arc::clone(&doors.net),
        clock: Arc::clone(&doors.clock),
        entropy: Arc::clone(&doors.entropy),
        witness: Arc::clone(&doors.witness) as _,
    };
    let started = doors.quorum_runtime.spawn(Controller::start(config, own_doors)).await;
    Ok(Arc::new(started.expect("starting the controller doesn't panic")?))
}

/// The node's listeners, bound before anything else so that a taken port is the first thing said.
struct Listeners {
    controllers: Vec<Acceptor>,
    brokers: Vec<Acceptor>,
    admin: Option<AdminListener>,
}

impl Listeners {
    async fn bind(config: &BrokerConfig, doors: &Doors) -> Result<Self, Error> {
        let mut listeners = Self { controllers: Vec::new(), brokers: Vec::new(), admin: None };
        for listener in &config.listeners {
            let name = listener.name.clone();
            if config.is_controller_listener(&listener.name) {
                let net = Arc::clone(&doors.net);
                let (host, port) = (listener.host.clone(), listener.port);
                let bound =
                    doors.quorum_runtime.spawn(async move { net.listen(&host, port).await });
                let bound = bound.await.expect("listening doesn't panic");
                let bound = explain(bound, listener)?;
                let kind = ListenerKind::Controller;
                listeners.controllers.push(Acceptor { listener: bound, name, kind });
            } else {
                let bound = doors.net.listen(&listener.host, listener.port).await;
                let bound = explain(bound, listener)?;
                let kind = ListenerKind::Broker;
                listeners.brokers.push(Acceptor { listener: bound, name, kind });
            }
        }
        if let Some(Address { host, port }) = &config.admin_listener {
            let bound = doors.net.listen(host, *port).await;
            let bound = bound.map_err(|source| Error::Listen {
                listener: "ottla.admin.listener".to_owned(),
                host: host.clone(),
                port: *port,
                source,
            })?;
            listeners.admin = Some(AdminListener(bound));
        }
        Ok(listeners)
    }

    fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let all = self.brokers.iter().chain(&self.controllers);
        all.map(|acceptor| (acceptor.name.clone(), acceptor.listener.local_addr())).collect()
    }
}

fn explain(
    bound: std::io::Result<Box<dyn Bound>>,
    listener: &Listener,
) -> Result<Box<dyn Bound>, Error> {
    bound.map_err(|source| Error::Listen {
        listener: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        source,
    })
}
