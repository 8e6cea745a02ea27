//! What every request handler of a node shares: configuration, doors, the image of the cluster, the
//! partitions, the way to the controller.
//!
//! It holds no rule: those are in the pure machines and the API files.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use controller::Controller;
use metadata::ClusterImage;
use protocol::{
    BrokerEpoch, BrokerId, ErrorCode, Reader, Request, RequestHeader, ResponseHeader, Stored,
    TopicName, api::envelope::EnvelopeRequest,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tracing::debug;

use crate::{
    active_controller::ActiveController,
    config::BrokerConfig,
    controller_channel::{ChannelError, ChannelTimeouts, ControllerChannel},
    doors::Doors,
    fetch_session::FetchSessions,
    log_dirs::LogDirs,
    metrics::Metrics,
    partitions::Partitions,
    producer_ids::ProducerIds,
    server::{
        MemoryBudget,
        request_context::{ListenerKind, RequestContext},
        shutdown::Shutdown,
    },
};

/// After a forwarded change succeeded, its answer waits this long for the change to show here too,
/// so that who created a topic can use it at once.
const IMAGE_WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a forwarded request waits before it's sent again, unless the active controller moves.
const FORWARD_PAUSE: Duration = Duration::from_millis(50);

/// How much memory the responses of all connections may hold before they are made smaller.
const RESPONSE_MEMORY_BYTES: usize = 512 << 20;

/// A node's shared state.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) config: BrokerConfig,
    pub(crate) doors: Doors,
    pub(crate) cluster_id: String,
    /// The cluster as this node knows it: one consistent image a time.
    pub(crate) image: ArcSwap<ClusterImage>,
    image_index: AtomicI64,
    image_changed: Notify,
    epoch: AtomicI64,
    pub(crate) log_dirs: LogDirs,
    pub(crate) partitions: Partitions,
    /// The member of the quorum in this process, if it has that role.
    controller: Option<Arc<Controller>>,
    /// Where the active controller is.
    pub(crate) active_controller: Arc<ActiveController>,
    /// For requests that are answered soon; see [`ControllerChannel`].
    pub(crate) channel: ControllerChannel,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) metrics: Arc<Metrics>,
    fetch_sessions: Mutex<FetchSessions>,
    request_memory: MemoryBudget,
    controllers_request_memory: MemoryBudget,
    pub(crate) response_memory: MemoryBudget,
    /// The broker is to be handed over: it serves until that's done.
    pub(crate) leaving: Shutdown,
    /// Nothing more is taken from clients; what has begun is finished.
    pub(crate) shutdown: Shutdown,
    /// No client is left: the logs are about to be closed.
    pub(crate) closing: Shutdown,
}

impl Broker {
    pub(crate) fn new(
        config: BrokerConfig,
        doors: Doors,
        cluster_id: String,
        log_dirs: LogDirs,
        controller: Option<Arc<Controller>>,
    ) -> Self {
        let active_controller = Arc::<ActiveController>::default();
        let channel = ControllerChannel::new(
            Arc::clone(&doors.net),
            Arc::clone(&active_controller),
            config.controllers(),
            ChannelTimeouts {
                connect: config.connection_setup_timeout,
                request: config.request_timeout,
            },
        );
        Self {
            image: ArcSwap::default(),
            image_index: AtomicI64::new(-1),
            image_changed: Notify::new(),
            epoch: AtomicI64::new(-1),
            partitions: Partitions::default(),
            producer_ids: ProducerIds::default(),
            metrics: Arc::default(),
            fetch_sessions: Mutex::new(FetchSessions::new(config.fetch_sessions_max)),
            request_memory: MemoryBudget::new(config.request_bytes_queued_max),
            controllers_request_memory: MemoryBudget::new(config.request_bytes_queued_max),
            response_memory: MemoryBudget::new(RESPONSE_MEMORY_BYTES),
            leaving: Shutdown::default(),
            shutdown: Shutdown::default(),
            closing: Shutdown::default(),
            config,
            doors,
            cluster_id,
            log_dirs,
            controller,
            active_controller,
            channel,
        }
    }

    pub(crate) fn id(&self) -> BrokerId {
        self.config.node_id
    }

    /// Of the registration that is in force; -1 before the first.
    pub(crate) fn epoch(&self) -> BrokerEpoch {
        BrokerEpoch(self.epoch.load(Ordering::SeqCst))
    }

    pub(crate) fn set_epoch(&self, epoch: BrokerEpoch) {
        self.epoch.store(epoch.0, Ordering::SeqCst);
    }

    pub(crate) fn fetch_sessions(&self) -> MutexGuard<'_, FetchSessions> {
        self.fetch_sessions.lock().expect("no panic within a session's bookkeeping")
    }

    /// What the requests of a kind of listener may hold. Heartbeats and the quorum don't wait for
    /// the memory that producers fill.
    pub(crate) fn request_memory(&self, kind: ListenerKind) -> &MemoryBudget {
        match kind {
            ListenerKind::Broker => &self.request_memory,
            ListenerKind::Controller => &self.controllers_request_memory,
        }
    }

    /// The controller in this process, active or not.
    pub(crate) fn controller(&self) -> Result<&Controller, ErrorCode> {
        self.controller.as_deref().ok_or(ErrorCode::NotController)
    }

    /// The index in the metadata log that the image stands at; -1 = nothing applied yet.
    pub(crate) fn image_index(&self) -> i64 {
        self.image_index.load(Ordering::SeqCst)
    }

    /// Publishes a newer image, once everything that it says was done.
    pub(crate) fn publish(&self, image: Arc<ClusterImage>, index: i64) {
        self.doors.witness.published(self.id(), index, &image);
        self.image.store(image);
        self.image_index.store(index, Ordering::SeqCst);
        self.image_changed.notify_waiters();
    }

    /// Waits until the image stands beyond an index in the metadata log.
    pub(crate) async fn image_beyond(&self, index: i64) {
        loop {
            let changed = self.image_changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.image_index() > index {
                return;
            }
            changed.await;
        }
    }

    /// Waits until the image shows something, within a bound.
    pub(crate) async fn until_image_shows(&self, shows: impl Fn(&ClusterImage) -> bool) {
        let deadline = Instant::now() + IMAGE_WAIT_MAX;
        loop {
            let changed = self.image_changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let left = deadline.saturating_duration_since(Instant::now());
            if shows(&self.image.load()) || timeout(left, changed).await.is_err() {
                return;
            }
        }
    }

    /// Sends a client's request on to the active controller, in the client's name (KIP-590), at the
    /// highest version up to `version_max` that the controller has too.
    ///
    /// While no controller is active it's sent again, for as long as a request to another node may
    /// take: clients ride through an election.
    pub(crate) async fn forward<R: Request>(
        &self,
        context: &RequestContext,
        request: &R,
        version_max: i16,
    ) -> Result<R::Response, ErrorCode> {
        debug!(api = R::KEY.name(), "forwarding to the active controller");
        let trying = async {
            loop {
                match self.forward_once(context, request, version_max).await {
                    Err(ErrorCode::NotController) => {
                        let moved = self.active_controller.moved();
                        let _sooner = timeout(FORWARD_PAUSE, moved).await;
                    }
                    forwarded => return forwarded,
                }
            }
        };
        tokio::select! {
            biased;
            // Whoever waits for an answer is better off elsewhere.
            () = self.shutdown.requested() => Err(ErrorCode::NotController),
            forwarded = timeout(self.config.request_timeout, trying) => {
                // What Kafka's clients retry while there is no controller.
                forwarded.unwrap_or(Err(ErrorCode::NotController))
            }
        }
    }

    async fn forward_once<R: Request>(
        &self,
        context: &RequestContext,
        request: &R,
        version_max: i16,
    ) -> Result<R::Response, ErrorCode> {
        let asking = async {
            let reached = self.channel.reach().await?;
            let versions = *R::VERSIONS.start()..=version_max;
            let version = reached.connection.version_within::<R>(versions)?;
            let envelope = envelope(context, request, version);
            let answered = self.channel.ask(&reached, &envelope, |response| response.error_code);
            Ok((version, answered.await?))
        };
        let (version, response) = asking.await.map_err(|error| {
            debug!(api = R::KEY.name(), %error, "not forwarded");
            match error {
                ChannelError::Client(client::Error::UnsupportedVersion { .. }) => {
                    ErrorCode::UnsupportedVersion
                }
                ChannelError::Client(client::Error::Malformed { .. }) => {
                    ErrorCode::UnknownServerError
                }
                _ => ErrorCode::NotController,
            }
        })?;
        if !response.error_code.is_none() {
            return Err(response.error_code);
        }
        let mut inner = Reader::new(response.response_data.unwrap_or_default());
        let header = ResponseHeader::read::<R::Response>(&mut inner, version);
        if !header.is_ok_and(|header| header.correlation_id == context.correlation_id) {
            return Err(ErrorCode::UnknownServerError);
        }
        protocol::Message::read(&mut inner, version).map_err(|_| ErrorCode::UnknownServerError)
    }

    /// Whether the request's principal may do this to that. Everybody may, until ACLs exist.
    #[expect(clippy::unused_self, reason = "the question every API asks; ACLs will answer it")]
    pub(crate) fn authorize(&self, _: &RequestContext, _: Operation, _: Resource<'_>) -> bool {
        true
    }

    /// The operations that the principal may do to a topic or the cluster, a bit each, as Kafka
    /// numbers them.
    pub(crate) fn authorized_operations(
        &self,
        context: &RequestContext,
        resource: Resource<'_>,
    ) -> i32 {
        let operations = match resource {
            Resource::Cluster => Operation::ON_CLUSTER,
            Resource::Topic(_) => Operation::ON_TOPIC,
            Resource::Group(_) | Resource::TransactionalId(_) => &[],
        };
        operations
            .iter()
            .filter(|operation| self.authorize(context, **operation, resource))
            .fold(0, |bits, operation| bits | 1 << *operation as i32)
    }
}

fn envelope<R: Request>(context: &RequestContext, request: &R, version: i16) -> EnvelopeRequest {
    let mut data = BytesMut::new();
    let header = RequestHeader {
        api_key: R::KEY as i16,
        api_version: version,
        correlation_id: context.correlation_id,
        client_id: context.client_id.clone(),
    };
    header.write::<R>(&mut data);
    request.write(version, &mut data);
    EnvelopeRequest {
        request_data: data.freeze(),
        request_principal: Some(context.principal.to_bytes()),
        client_host_address: address_bytes(context),
    }
}

fn address_bytes(context: &RequestContext) -> Bytes {
    match context.connection.peer.ip() {
        std::net::IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
        std::net::IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    }
}

/// What something can be done to.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "whom a rule names is read when there are rules")]
pub(crate) enum Resource<'a> {
    Cluster,
    Topic(&'a TopicName),
    Group(&'a str),
    TransactionalId(&'a str),
}

/// What can be allowed or denied, with Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read = 3,
    Write = 4,
    Create = 5,
    Delete = 6,
    Alter = 7,
    Describe = 8,
    ClusterAction = 9,
    DescribeConfigs = 10,
    AlterConfigs = 11,
    IdempotentWrite = 12,
}

impl Operation {
    pub(crate) const ON_TOPIC: &'static [Self] = &[
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Describe,
        Self::DescribeConfigs,
        Self::AlterConfigs,
    ];

    pub(crate) const ON_CLUSTER: &'static [Self] = &[
        Self::Create,
        Self::Alter,
        Self::Describe,
        Self::ClusterAction,
        Self::DescribeConfigs,
        Self::AlterConfigs,
        Self::IdempotentWrite,
    ];
}
