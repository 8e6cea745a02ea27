//! A broker's life as the controller sees it: registration, heartbeats, controlled shutdown.
//!
//! It runs on the runtime of the quorum and touches no disk: a broker whose disks stall is still
//! alive to its controller.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use metadata::MetadataVersion;
use protocol::{
    BrokerEpoch, ErrorCode, Offset, Uuid,
    api::{
        broker_heartbeat::BrokerHeartbeatRequest,
        broker_registration::{BrokerRegistrationRequest, Feature, Listener},
    },
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    Error,
    broker::Broker,
    config::BrokerConfig,
    controller_channel::{ChannelError, ChannelTimeouts, ControllerChannel},
    warnings::Warnings,
};

/// Between two heartbeats while the broker isn't in service yet, unless its image changes: every
/// step of its start is waited for by somebody.
const STARTING_INTERVAL: Duration = Duration::from_millis(5);

/// How often a registration that was refused for a passing reason is tried again, at the latest.
const REGISTRATION_PAUSE: Duration = Duration::from_millis(50);

/// After a heartbeat that nobody answered: a controller that is new must hear of this broker soon.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Between two heartbeats of a broker that waits for others to take over what it leads.
const LEAVING_INTERVAL: Duration = Duration::from_millis(20);

/// How long a broker that's about to stop looks for a controller that lets it go. There may be none
/// any more: the whole cluster is stopped.
const UNHEARD_TIME_MAX: Duration = Duration::from_secs(2);

/// What this process tells the controller of itself.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    /// Drawn when the process started.
    pub(crate) incarnation_id: Uuid,
    /// The epoch in the marker of a clean shutdown; -1 where the last one was not clean.
    pub(crate) previous_epoch: BrokerEpoch,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) log_dirs: Vec<Uuid>,
}

/// Registers, then sends heartbeats until the broker has shut down.
pub(crate) struct Lifecycle {
    broker: Arc<Broker>,
    channel: ControllerChannel,
    introduction: Introduction,
    in_service: Arc<Notify>,
    state: State,
    was_in_service: bool,
    registration_warnings: Warnings,
    heartbeat_warnings: Warnings,
    /// Why the last registration didn't succeed.
    last_refusal: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    InService,
    ShuttingDown,
}

/// What came of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beat {
    /// No active controller was reached.
    Unheard,
    Heard,
    /// The controller lets this broker go.
    MayShutDown,
}

impl Lifecycle {
    pub(crate) fn new(broker: Arc<Broker>, introduction: Introduction) -> Self {
        let config = &broker.config;
        let channel = ControllerChannel::new(
            Arc::clone(&broker.doors.net),
            Arc::clone(&broker.active_controller),
            config.controllers(),
            ChannelTimeouts {
                connect: config.connection_setup_timeout.min(config.broker_session_timeout),
                request: config.broker_session_timeout,
            },
        );
        Self {
            broker,
            channel,
            introduction,
            in_service: Arc::default(),
            state: State::Starting,
            was_in_service: false,
            registration_warnings: Warnings::default(),
            heartbeat_warnings: Warnings::default(),
            last_refusal: None,
        }
    }

    /// Told once, when the controller has unfenced this broker for the first time.
    pub(crate) fn in_service(&self) -> Arc<Notify> {
        Arc::clone(&self.in_service)
    }

    /// Registers. Returns when that succeeded, or the broker is about to stop.
    ///
    /// # Errors
    /// A refusal that no retry will change; or none succeeded in time.
    pub(crate) async fn register(&mut self) -> Result<(), Error> {
        let time_max = self.broker.config.initial_broker_registration_timeout;
        let leaving = self.broker.leaving.clone();
        let registering = timeout(time_max, self.register_once_possible());
        tokio::select! {
            biased;
            () = leaving.requested() => Ok(()),
            registered = registering => match registered {
                Ok(registered) => {
                    registered.map_err(|code| Error::Registration(self.explain(code)))
                }
                Err(_) => {
                    let reason = self.last_refusal.take().unwrap_or_default();
                    Err(Error::NotRegistered { within: time_max, reason })
                }
            },
        }
    }

    async fn register_once_possible(&mut self) -> Result<(), ErrorCode> {
        loop {
            let request = self.registration();
            let answered = self.channel.call(&request, |response| response.error_code).await;
            let reason = match answered {
                Ok(response) if response.error_code.is_none() => {
                    self.broker.set_epoch(response.broker_epoch);
                    self.registration_warnings.end();
                    info!(broker_epoch = %response.broker_epoch, "registered");
                    return Ok(());
                }
                Ok(response) if is_final(response.error_code) => return Err(response.error_code),
                Ok(response) => self.explain(response.error_code),
                Err(error) => error.to_string(),
            };
            if self.registration_warnings.are_due() {
                warn!("not registered yet, and trying again: {reason}");
            }
            self.last_refusal = Some(reason);
            let moved = self.broker.active_controller.moved();
            let _sooner = timeout(REGISTRATION_PAUSE, moved).await;
        }
    }

    /// Sends heartbeats until the controller lets this broker shut down, or the time for that ends.
    pub(crate) async fn run(mut self) {
        let mut shutdown_deadline = None;
        let mut heard_at = Instant::now();
        loop {
            if self.broker.leaving.is_requested() && self.state != State::ShuttingDown {
                self.state = State::ShuttingDown;
                shutdown_deadline = Some(Instant::now() + self.shutdown_time());
                heard_at = Instant::now();
            }
            let told_index = self.broker.image_index();
            let leaving = self.broker.leaving.clone();
            let beat = match self.state {
                State::ShuttingDown => timeout(UNHEARD_TIME_MAX, self.heartbeat()).await,
                _ => tokio::select! {
                    biased;
                    // Whatever this heartbeat waits for, the next one says more.
                    () = leaving.requested() => continue,
                    beat = self.heartbeat() => Ok(beat),
                },
            };
            let beat = beat.unwrap_or(Beat::Unheard);
            if beat != Beat::Unheard {
                heard_at = Instant::now();
            }
            let late = shutdown_deadline.is_some_and(|deadline| Instant::now() >= deadline)
                || heard_at.elapsed() >= UNHEARD_TIME_MAX;
            if self.state == State::ShuttingDown && (beat == Beat::MayShutDown || late) {
                return;
            }
            match beat {
                Beat::Unheard => sleep(RETRY_PAUSE).await,
                _ => self.pause(told_index).await,
            }
        }
    }

    /// Waits until it's time for the next heartbeat.
    async fn pause(&self, told_index: i64) {
        let leaving = self.broker.leaving.clone();
        match self.state {
            State::ShuttingDown => sleep(LEAVING_INTERVAL).await,
            State::InService => {
                let interval = self.broker.config.broker_heartbeat_interval;
                tokio::select! {
                    biased;
                    () = leaving.requested() => {}
                    // A new one has heard of nobody yet.
                    () = self.broker.active_controller.moved() => {}
                    () = sleep(interval) => {}
                }
            }
            // The controller waits to hear that the broker has caught up.
            State::Starting => tokio::select! {
                biased;
                () = leaving.requested() => {}
                () = self.broker.image_beyond(told_index) => {}
                () = sleep(STARTING_INTERVAL) => {}
            },
        }
    }

    /// A broker that never came into service has nothing to hand over.
    fn shutdown_time(&self) -> Duration {
        let hands_over = self.broker.config.controlled_shutdown_enable && self.was_in_service;
        if hands_over { self.broker.config.controlled_shutdown_time_max } else { Duration::ZERO }
    }

    async fn heartbeat(&mut self) -> Beat {
        let request = BrokerHeartbeatRequest {
            broker_id: self.broker.id(),
            broker_epoch: self.broker.epoch(),
            current_metadata_offset: Offset(self.broker.image_index()),
            want_fence: false,
            want_shut_down: self.state == State::ShuttingDown,
            offline_log_dirs: self.broker.log_dirs.offline(),
        };
        let answered = self.channel.call(&request, |response| response.error_code).await;
        let response = match answered {
            Ok(response) => {
                self.heartbeat_warnings.end();
                response
            }
            Err(error) => {
                if !matches!(error, ChannelError::Moved) && self.heartbeat_warnings.are_due() {
                    warn!(%error, "heartbeat not answered");
                }
                return Beat::Unheard;
            }
        };
        match response.error_code {
            ErrorCode::None => {}
            ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered
                if self.state != State::ShuttingDown =>
            {
                warn!(error = %response.error_code, "registering anew");
                // A process that goes on has lost nothing: what it says of its last epoch is what a
                // clean shutdown would have said, and its replicas stay eligible (KIP-966).
                self.introduction.previous_epoch = self.broker.epoch();
                match self.register().await {
                    // The new registration starts out fenced.
                    Ok(()) => self.state = State::Starting,
                    Err(error) => warn!(%error, "not registered anew"),
                }
                return Beat::Heard;
            }
            ErrorCode::NotController => return Beat::Unheard,
            error => debug!(%error, "heartbeat refused"),
        }
        if self.state == State::Starting && response.error_code.is_none() && !response.is_fenced {
            self.state = State::InService;
            self.was_in_service = true;
            info!("in service");
            self.in_service.notify_one();
        }
        if response.should_shut_down { Beat::MayShutDown } else { Beat::Heard }
    }

    /// A refusal, as an operator reads it.
    fn explain(&self, error: ErrorCode) -> String {
        let Broker { config, cluster_id, .. } = &*self.broker;
        let id = config.node_id;
        match error {
            ErrorCode::DuplicateBrokerRegistration => format!(
                "another process is registered as broker {id} and alive: either two nodes have \
                 node.id={id}, and one of them needs another number, or this one was restarted \
                 faster than its last session ends ({:?}, broker.session.timeout.ms)",
                config.broker_session_timeout
            ),
            ErrorCode::InconsistentClusterId => format!(
                "the controllers belong to another cluster than this node, which was formatted for \
                 {cluster_id}: look at controller.quorum.bootstrap.servers and log.dirs"
            ),
            ErrorCode::UnsupportedVersion => format!(
                "the cluster has finalized features that this version of ottla lacks: it has {} \
                 {} to {}, and `ottla cluster` tells which one the cluster has",
                MetadataVersion::FEATURE,
                MetadataVersion::MIN,
                MetadataVersion::LATEST
            ),
            ErrorCode::NotController => "no controller is active yet".to_owned(),
            other => other.to_string(),
        }
    }

    fn registration(&self) -> BrokerRegistrationRequest {
        let Introduction { incarnation_id, previous_epoch, listeners, log_dirs } =
            self.introduction.clone();
        let features = vec![Feature {
            name: MetadataVersion::FEATURE.to_owned(),
            min_supported_version: MetadataVersion::MIN.level(),
            max_supported_version: MetadataVersion::LATEST.level(),
        }];
        BrokerRegistrationRequest {
            broker_id: self.broker.id(),
            cluster_id: self.broker.cluster_id.clone(),
            incarnation_id,
            listeners,
            features,
            rack: self.broker.config.rack.clone(),
            log_dirs,
            previous_broker_epoch: previous_epoch,
            ..BrokerRegistrationRequest::default()
        }
    }
}

/// The listeners as a client reaches them. Where the configuration leaves the port to the system,
/// it's the one of the listener that was bound.
pub(crate) fn advertised(config: &BrokerConfig, bound: &[(String, SocketAddr)]) -> Vec<Listener> {
    let bound_port = |name: &str| bound.iter().find(|(own, _)| own == name).map(|(_, a)| a.port());
    config
        .advertised_listeners
        .iter()
        .map(|listener| Listener {
            name: listener.name.clone(),
            host: listener.host.clone(),
            port: match listener.port {
                0 => bound_port(&listener.name).unwrap_or(0),
                port => port,
            },
            security_protocol: listener.protocol.code(),
        })
        .collect()
}

/// A refusal that another try will not change. A broker id that's still taken is none: the other
/// session may time out.
fn is_final(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::InconsistentClusterId
            | ErrorCode::InvalidRegistration
            | ErrorCode::UnsupportedVersion
            | ErrorCode::InvalidRequest
    )
}
