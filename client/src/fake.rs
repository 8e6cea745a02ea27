//! A broker for tests: in memory, of one node, with faults on demand.
//!
//! It keeps what is produced and gives it back, and knows batches of idempotent producers again.
//! It is no model of a broker in anything else.

mod administration;
mod fetch;
pub(crate) mod fetch_sessions;
mod log;
mod metadata;
mod offsets;
mod produce;
mod quorum;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use protocol::{
    ApiKey, ErrorCode, PartitionIndex, TopicId, TopicName, TopicPartition, Uuid,
    api::fetch::FetchRequest, records::Batch,
};

use self::{fetch_sessions::FetchSessions, log::Log};
use crate::{
    ClusterOptions, ConnectionOptions, Doors,
    backoff::Backoff,
    cluster::Cluster,
    door::{SystemClock, SystemEntropy},
    endpoint::Endpoint,
};

/// What happens to the next batch that is produced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing: so that a fault hits a later one.
    None,
    /// It's answered with an error.
    Refuse(ErrorCode),
    /// It's lost, and the connection with it.
    LoseRequest,
    /// It's appended, but the connection is lost before the answer.
    LoseAnswer,
}

/// The broker. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeBroker(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<TopicName, TopicId>,
    logs: BTreeMap<TopicPartition, Log>,
    producers: i64,
    configs: BTreeMap<(i8, String), BTreeMap<String, String>>,
    produce_faults: VecDeque<Fault>,
    batch_bytes_max: Option<usize>,
    is_silent: bool,
    fetch_errors: VecDeque<ErrorCode>,
    fetch_requests: Vec<FetchRequest>,
    fetch_sessions: FetchSessions,
    has_fetch_sessions: bool,
    versions_max: BTreeMap<i16, i16>,
    epoch_requests: u32,
    connections: u32,
    produce_requests: u32,
    is_down: bool,
}

impl FakeBroker {
    pub(crate) fn with_topic(name: &str, partitions: i32) -> Self {
        let broker = Self::default();
        broker.create(&name.into(), partitions);
        broker
    }

    pub(crate) fn create(&self, name: &TopicName, partitions: i32) {
        let mut state = self.state();
        let id = u8::try_from(state.topics.len() + 1).unwrap();
        state.topics.insert(name.clone(), Uuid([id; 16]));
        for partition in (0..partitions).map(PartitionIndex) {
            state.logs.insert(TopicPartition { topic: name.clone(), partition }, Log::default());
        }
    }

    pub(crate) async fn cluster(&self) -> Cluster {
        let doors = Doors {
            net: Arc::new(self.clone()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let options = ClusterOptions {
            connection: ConnectionOptions {
                connect_timeout: Duration::from_secs(1),
                request_timeout: Duration::from_secs(1),
                ..Default::default()
            },
            backoff: Backoff { first: Duration::from_millis(1), max: Duration::from_millis(5) },
            retry_for: Duration::from_secs(5),
            ..Default::default()
        };
        let bootstrap = vec![Endpoint { host: "fake".to_owned(), port: 9092 }];
        Cluster::connect(doors, bootstrap, options).await.unwrap()
    }

    pub(crate) fn fail_produce(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().produce_faults.extend(faults);
    }

    /// Takes no larger batches.
    pub(crate) fn limit_batches(&self, bytes_max: usize) {
        self.state().batch_bytes_max = Some(bytes_max);
    }

    /// Reads what is produced, and does nothing with it.
    pub(crate) fn set_silent(&self, is_silent: bool) {
        self.state().is_silent = is_silent;
    }

    pub(crate) fn fail_fetch(&self, errors: impl IntoIterator<Item = ErrorCode>) {
        self.state().fetch_errors.extend(errors);
    }

    /// Opens fetch sessions from now on.
    pub(crate) fn open_fetch_sessions(&self) {
        self.state().has_fetch_sessions = true;
    }

    pub(crate) fn forget_fetch_sessions(&self) {
        self.state().fetch_sessions.forget_all();
    }

    pub(crate) fn fetch_sessions(&self) -> usize {
        self.state().fetch_sessions.sessions().len()
    }

    /// The fetches that came since the last call.
    pub(crate) fn take_fetch_requests(&self) -> Vec<FetchRequest> {
        std::mem::take(&mut self.state().fetch_requests)
    }

    /// How often somebody asked where an epoch ended.
    pub(crate) fn epoch_requests(&self) -> u32 {
        self.state().epoch_requests
    }

    /// Is an older broker.
    pub(crate) fn limit_version(&self, api: ApiKey, max: i16) {
        self.state().versions_max.insert(api as i16, max);
    }

    /// Elects a new leader, whose log ends no later than here.
    pub(crate) fn elect(&self, at: &TopicPartition, end: i64) {
        let mut state = self.state();
        let log = state.logs.get_mut(at).unwrap();
        log.elections += 1;
        log.batches.retain(|(base, _)| *base < end);
        log.end = log.end.min(end);
    }

    /// Refuses connections, and ends those that are used.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    /// Forgets what is before an offset.
    pub(crate) fn delete_before(&self, at: &TopicPartition, offset: i64) {
        let mut state = self.state();
        let log = state.logs.get_mut(at).unwrap();
        log.start = offset;
        log.batches.retain(|(base, _)| *base >= offset);
    }

    pub(crate) fn append(&self, at: &TopicPartition, batch: Bytes) {
        self.state().logs.get_mut(at).unwrap().append(batch).unwrap();
    }

    /// The values in a partition, in order.
    pub(crate) fn values(&self, at: &TopicPartition) -> Vec<String> {
        let state = self.state();
        let batches = state.logs[at].batches.iter();
        let values = batches.flat_map(|(_, bytes)| {
            let batch = Batch::decode(bytes, 1 << 30).unwrap();
            batch.owned_records().map(Result::unwrap).collect::<Vec<_>>()
        });
        values.map(|r| String::from_utf8(r.value.unwrap_or_default().to_vec()).unwrap()).collect()
    }

    pub(crate) fn with_batches<T>(
        &self,
        at: &TopicPartition,
        look: impl FnOnce(Vec<Bytes>) -> T,
    ) -> T {
        look(self.state().logs[at].batches.iter().map(|(_, bytes)| bytes.clone()).collect())
    }

    pub(crate) fn produce_requests(&self) -> u32 {
        self.state().produce_requests
    }

    pub(crate) fn connections(&self) -> u32 {
        self.state().connections
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}
