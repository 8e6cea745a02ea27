//! One connection to one broker: many requests in flight, answered in the order they were sent.
//!
//! Callers encode requests and queue them; one task owns the stream, writes what is queued, pairs
//! answers with requests and keeps the deadlines. What breaks the protocol, or is late, ends the
//! connection, and everything that waits on it learns why. There is no reconnecting here: see
//! [`crate::Cluster`].

mod driver;

use std::{
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    ops::RangeInclusive,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use protocol::{
    ApiKey, Chunks, Context, CorrelationId, ErrorCode, Message, Reader, Request, RequestHeader,
    ResponseHeader, Wire,
    api::api_versions::{ApiVersionsRequest, ApiVersionsResponse},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    error::{Disconnect, Error},
    net::{Net, Stream},
};

/// How a connection behaves. The default is Kafka's for its clients.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// What the client calls itself in requests, logs and quotas.
    pub client_id: Option<String>,
    /// How long opening may take: name, connection, and agreeing on versions.
    pub connect_timeout: Duration,
    /// How long an answer may take, from the moment that the request is queued.
    pub request_timeout: Duration,
    /// How many requests may wait for their answer; more wait for their turn.
    pub in_flight_max: usize,
    /// Responses above this many bytes end the connection.
    pub response_bytes_max: usize,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            client_id: Some("ottla".to_owned()),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            in_flight_max: 5,
            response_bytes_max: 256 << 20,
        }
    }
}

/// A connection. Clones share it; it closes when the last of them and of its unread [`Answer`]s is
/// dropped, after what was queued is written.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    versions: Arc<BTreeMap<i16, RangeInclusive<i16>>>,
}

/// What the handles of one connection share, and the driver does not hold.
struct Shared {
    options: ConnectionOptions,
    correlation_id: AtomicI32,
    queue: mpsc::UnboundedSender<Outgoing>,
    fate: Arc<Fate>,
}

/// What handles and driver share.
#[derive(Debug)]
struct Fate {
    address: Arc<str>,
    /// One for each request in flight: this is what bounds the queue.
    permits: Arc<Semaphore>,
    /// Set once, when the connection has ended.
    ended: OnceLock<Error>,
}

/// A request on its way to the stream.
struct Outgoing {
    chunks: Vec<Bytes>,
    waiting: Waiting,
}

/// A request until its answer is there.
struct Waiting {
    api: ApiKey,
    correlation_id: CorrelationId,
    deadline: Instant,
    timeout: Duration,
    /// None where no answer will come.
    answer: Option<oneshot::Sender<Result<Bytes, Error>>>,
    /// Held until the answer is there, also when nobody waits for it any more.
    _permit: OwnedSemaphorePermit,
}

impl Waiting {
    /// Hands the answer over. Whoever gave up waiting doesn't want it.
    fn answer(self, answer: Result<Bytes, Error>) {
        if let Some(sender) = self.answer {
            let _ = sender.send(answer);
        }
    }
}

impl Connection {
    /// Connects, and agrees on versions.
    ///
    /// ```no_run
    /// use client::{
    ///     Connection, ConnectionOptions, net::Tcp,
    ///     protocol::api::describe_cluster::DescribeClusterRequest,
    /// };
    ///
    /// # async fn example() -> Result<(), client::Error> {
    /// let options = ConnectionOptions::default();
    /// let connection = Connection::open(&Tcp, "localhost", 9092, &options).await?;
    /// let cluster = connection.call(&DescribeClusterRequest::default()).await?;
    /// println!("{} is part of cluster {}", connection.address(), cluster.cluster_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No connection, no answer within `connect_timeout`, or a peer that isn't a Kafka broker.
    pub async fn open(
        net: &dyn Net,
        host: &str,
        port: u16,
        options: &ConnectionOptions,
    ) -> Result<Self, Error> {
        let address: Arc<str> = format!("{host}:{port}").into();
        let failed = |error| Error::Connect { address: address.clone(), source: Arc::new(error) };
        let opening = async {
            let stream = net.connect(host, port).await.map_err(failed)?;
            Self::handshake(stream, address.clone(), options).await
        };
        match timeout(options.connect_timeout, opening).await {
            Ok(result) => result,
            Err(_) => Err(failed(std::io::ErrorKind::TimedOut.into())),
        }
    }

    /// Agrees on versions over a stream that is already there. The address serves messages only.
    ///
    /// # Errors
    /// No answer, or a peer that isn't a Kafka broker.
    pub async fn handshake(
        stream: Stream,
        address: impl Into<Arc<str>>,
        options: &ConnectionOptions,
    ) -> Result<Self, Error> {
        let mut connection = Self::start(stream, address.into(), options);
        let response = connection.ask_versions().await?;
        let ranges = response.api_keys.iter();
        connection.versions = Arc::new(
            ranges.map(|range| (range.api_key, range.min_version..=range.max_version)).collect(),
        );
        Ok(connection)
    }

    fn start(stream: Stream, address: Arc<str>, options: &ConnectionOptions) -> Self {
        let (queue, outgoing) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(options.in_flight_max));
        let fate = Arc::new(Fate { address, permits, ended: OnceLock::new() });
        tokio::spawn(driver::run(stream, outgoing, fate.clone(), options.response_bytes_max));
        let correlation_id = AtomicI32::new(0);
        let shared = Shared { options: options.clone(), correlation_id, queue, fate };
        Self { shared: Arc::new(shared), versions: Arc::default() }
    }

    /// Asks what the broker serves, at our latest version or at what it then says it has.
    async fn ask_versions(&self) -> Result<ApiVersionsResponse, Error> {
        let request = ApiVersionsRequest {
            client_software_name: "ottla".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
        };
        let version = *ApiVersionsRequest::VERSIONS.end();
        let mut response = self.versions_at(&request, version).await?;
        if response.error_code == ErrorCode::UnsupportedVersion {
            // KIP-511: the refusal lists what the broker has of this one API.
            let key = ApiKey::ApiVersions as i16;
            let range = response.api_keys.iter().find(|range| range.api_key == key);
            let fallback = range.map_or(0, |range| range.max_version.min(version));
            response = self.versions_at(&request, fallback).await?;
        }
        Error::check(response.error_code, &self.shared.fate.address, None)?;
        Ok(response)
    }

    async fn versions_at(
        &self,
        request: &ApiVersionsRequest,
        version: i16,
    ) -> Result<ApiVersionsResponse, Error> {
        let sent = self.send_at(request, version, self.shared.options.request_timeout).await?;
        let bytes = sent.bytes().await?;
        let mut from = Reader::new(bytes);
        let decoded =
            ResponseHeader::read::<ApiVersionsResponse>(&mut from, version).and_then(|_| {
                // KIP-511: a broker that doesn't know the version answers in version 0.
                let code = ErrorCode::decode(&mut from.clone(), CLASSIC)?;
                let refused = code == ErrorCode::UnsupportedVersion;
                ApiVersionsResponse::read(&mut from, if refused { 0 } else { version })
            });
        decoded.map_err(|source| self.shared.fate.malformed::<ApiVersionsResponse>(version, source))
    }

    /// `host:port`, as it was given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.shared.fate.address
    }

    /// Why the connection ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Error> {
        self.shared.fate.ended.get()
    }

    /// How long an answer may take, unless a request says otherwise.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.shared.options.request_timeout
    }

    /// The highest version of an API that both ends speak.
    ///
    /// # Errors
    /// [`Error::UnsupportedVersion`] when there is none.
    pub fn version_of<R: Request>(&self) -> Result<i16, Error> {
        self.version_within::<R>(R::VERSIONS)
    }

    /// The highest version of an API within a range that the broker speaks too.
    ///
    /// # Errors
    /// [`Error::UnsupportedVersion`] when there is none.
    pub fn version_within<R: Request>(&self, ours: RangeInclusive<i16>) -> Result<i16, Error> {
        let theirs = self.versions.get(&(R::KEY as i16));
        theirs
            .map(|theirs| *theirs.end().min(ours.end()))
            .filter(|version| ours.contains(version))
            .filter(|version| theirs.is_some_and(|theirs| theirs.contains(version)))
            .ok_or_else(|| Error::UnsupportedVersion {
                address: self.shared.fate.address.clone(),
                api: R::KEY,
                ours,
            })
    }

    /// Asks, and waits for the answer, at the highest version that both ends speak.
    ///
    /// # Errors
    /// Whatever ends the connection, no common version, or an answer that is no message. What the
    /// answer says is the caller's to read: its error codes are no error here.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        self.send(request).await?.response().await
    }

    /// [`Connection::call`] at a version.
    ///
    /// # Errors
    /// As [`Connection::call`]; nothing checks that the broker has the version.
    pub async fn call_at<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, Error> {
        let timeout = self.shared.options.request_timeout;
        self.send_at(request, version, timeout).await?.response().await
    }

    /// Queues a request and returns its answer to come. Requests reach the broker in the order in
    /// which these calls return.
    ///
    /// Waits while too many are in flight. A dropped call has queued nothing.
    ///
    /// ```no_run
    /// use client::protocol::api::metadata::MetadataRequest;
    ///
    /// # async fn example(connection: client::Connection) -> Result<(), client::Error> {
    /// // Two questions on the way at once.
    /// let first = connection.send(&MetadataRequest::default()).await?;
    /// let second = connection.send(&MetadataRequest::default()).await?;
    /// assert_eq!(first.response().await?.topics, second.response().await?.topics);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A connection that has ended, or no common version.
    pub async fn send<R: Request>(&self, request: &R) -> Result<Answer<R>, Error> {
        let version = self.version_of::<R>()?;
        self.send_at(request, version, self.shared.options.request_timeout).await
    }

    /// [`Connection::send`] at a version, with a timeout of its own: for requests that the broker
    /// is asked to hold.
    ///
    /// # Errors
    /// A connection that has ended.
    pub async fn send_at<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<Answer<R>, Error> {
        let (answer, receiver) = oneshot::channel();
        self.queue(request, version, timeout, Some(answer)).await?;
        Ok(Answer { receiver, version, shared: self.shared.clone(), request: PhantomData })
    }

    /// Queues a request that the broker won't answer, such as Produce with acks=0.
    ///
    /// # Errors
    /// A connection that has ended. Success says nothing about the request having arrived.
    pub async fn send_oneway<R: Request>(&self, request: &R, version: i16) -> Result<(), Error> {
        self.queue(request, version, self.shared.options.request_timeout, None).await
    }

    async fn queue<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
        answer: Option<oneshot::Sender<Result<Bytes, Error>>>,
    ) -> Result<(), Error> {
        let Shared { options, fate, .. } = &*self.shared;
        let Ok(permit) = fate.permits.clone().acquire_owned().await else {
            return Err(fate.error());
        };
        // Ids need only differ among those in flight, so the order of drawing doesn't matter.
        let id = self.shared.correlation_id.fetch_add(1, Ordering::Relaxed);
        let header = RequestHeader {
            api_key: R::KEY as i16,
            api_version: version,
            correlation_id: CorrelationId(id),
            client_id: options.client_id.clone(),
        };
        let mut out = Chunks::default();
        header.write::<R>(&mut out);
        request.write(version, &mut out);
        let waiting = Waiting {
            api: R::KEY,
            correlation_id: header.correlation_id,
            deadline: Instant::now() + timeout,
            timeout,
            answer,
            _permit: permit,
        };
        let outgoing = Outgoing { chunks: out.finish(), waiting };
        self.shared.queue.send(outgoing).map_err(|_| fate.error())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("fate", &self.shared.fate).finish_non_exhaustive()
    }
}

impl Fate {
    /// Why the connection ended, for those who find out after it has.
    fn error(&self) -> Error {
        self.ended.get().expect("set before semaphore and queue are closed").clone()
    }

    fn disconnected(&self, reason: Disconnect) -> Error {
        Error::Disconnected { address: self.address.clone(), reason }
    }

    fn malformed<M: Message>(&self, version: i16, source: protocol::DecodeError) -> Error {
        Error::Malformed { address: self.address.clone(), message: M::NAME, version, source }
    }
}

/// How the fields before the first flexible one are written.
const CLASSIC: Context = Context { version: 0, flexible: false };

/// An answer on its way. Dropping it gives it up; the request stays sent.
#[must_use = "a request whose answer isn't read may have failed"]
pub struct Answer<R> {
    receiver: oneshot::Receiver<Result<Bytes, Error>>,
    version: i16,
    shared: Arc<Shared>,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Answer<R> {
    /// The version that the request was sent at.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Waits for the response.
    ///
    /// # Errors
    /// Whatever ends the connection before it, or an answer that is no message.
    pub async fn response(self) -> Result<R::Response, Error> {
        let (version, shared) = (self.version, self.shared.clone());
        let mut from = Reader::new(self.bytes().await?);
        ResponseHeader::read::<R::Response>(&mut from, version)
            .and_then(|_| R::Response::read(&mut from, version))
            .map_err(|source| shared.fate.malformed::<R::Response>(version, source))
    }

    /// Waits for the response's frame.
    async fn bytes(self) -> Result<Bytes, Error> {
        match self.receiver.await {
            Ok(result) => result,
            // The runtime dropped the driver, at shutdown.
            Err(_) => Err(self.shared.fate.disconnected(Disconnect::ByPeer)),
        }
    }
}

impl<R> fmt::Debug for Answer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
