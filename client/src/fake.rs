//! A broker for tests: in memory, of one node, with faults on demand.
//!
//! It keeps what is produced and gives it back, and knows batches of idempotent producers again.
//! It is no model of a broker in anything else.

mod administration;
pub(crate) mod fetch_sessions;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, future::BoxFuture};
use protocol::{
    ApiKey, BrokerId, Chunks, CorrelationId, ErrorCode, LeaderEpoch, Message, Offset,
    PartitionIndex, ProducerEpoch, ProducerId, Reader, Request, RequestHeader, ResponseHeader,
    Sequence, TopicId, TopicName, TopicPartition, Uuid,
    api::{
        api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse},
        fetch::{
            EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchableTopicResponse,
            PartitionData,
        },
        init_producer_id::{InitProducerIdRequest, InitProducerIdResponse},
        list_offsets::{
            EARLIEST, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
            ListOffsetsTopicResponse,
        },
        metadata::{
            MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
            MetadataResponseTopic,
        },
        offset_for_leader_epoch::{
            EpochEndOffset as EpochEnd, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
            OffsetForLeaderTopicResult,
        },
        produce::{
            PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
        },
    },
    records::{Batch, BatchHeader, set_base_offset, set_partition_leader_epoch, validate_produced},
};
use tokio::{
    io::{DuplexStream, duplex},
    time::{Instant, sleep},
};

use self::fetch_sessions::{Begun, FetchSessions};
use crate::{
    ClusterOptions, ConnectionOptions, Doors,
    backoff::Backoff,
    cluster::Cluster,
    door::{SystemClock, SystemEntropy},
    endpoint::Endpoint,
    frame::{FrameReader, write_frame},
    net::{Listener, Net, Stream},
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

#[derive(Debug, Default)]
struct Log {
    /// How many leaders there were after the first, whose epoch is 3.
    elections: i32,
    start: i64,
    end: i64,
    batches: Vec<(i64, Bytes)>,
    /// The last five batches of each producer and epoch.
    seen: BTreeMap<(ProducerId, ProducerEpoch), VecDeque<Seen>>,
}

/// A batch's first sequence, record count, and offset.
type Seen = (Sequence, i32, i64);

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

    async fn serve(self, mut stream: DuplexStream) {
        let mut frames = FrameReader::new(1 << 26);
        while let Ok(Some(frame)) = frames.next(&mut stream).await {
            let mut from = Reader::new(frame);
            let header = RequestHeader::read(&mut from).unwrap();
            if self.state().is_down {
                return;
            }
            let answer = match ApiKey::try_from(header.api_key).unwrap() {
                ApiKey::ApiVersions => respond(&header, from, |r| self.versions(r)),
                ApiKey::Metadata => respond(&header, from, |r| self.metadata(r)),
                ApiKey::InitProducerId => respond(&header, from, |r| self.init_producer_id(r)),
                ApiKey::ListOffsets => respond(&header, from, |r| self.list_offsets(r)),
                ApiKey::Fetch => {
                    let begun = self.begin_fetch(&header, from.clone());
                    if let Ok((begun, request)) = &begun {
                        self.wait_for_data(begun, request).await;
                    }
                    respond(&header, from, |_: FetchRequest| self.fetch(begun))
                }
                ApiKey::OffsetForLeaderEpoch => respond(&header, from, |r| self.epoch_ends(r)),
                ApiKey::Produce if self.state().is_silent => continue,
                ApiKey::Produce => {
                    let acks = request::<ProduceRequest>(&header, from.clone()).acks;
                    let mut is_lost = false;
                    let answer = respond(&header, from, |r| self.produce(r, &mut is_lost));
                    if is_lost {
                        return;
                    }
                    if acks == 0 {
                        continue;
                    }
                    answer
                }
                other => self.administrate(other, &header, from),
            };
            if write_frame(&mut stream, &answer).await.is_err() {
                return;
            }
        }
    }

    fn metadata(&self, request: MetadataRequest) -> MetadataResponse {
        let state = self.state();
        let names = match request.topics {
            None => state.topics.keys().cloned().collect::<Vec<_>>(),
            Some(topics) => topics.into_iter().filter_map(|topic| topic.name).collect(),
        };
        let topic = |name: TopicName| {
            let Some(id) = state.topics.get(&name) else {
                let error_code = ErrorCode::UnknownTopicOrPartition;
                return MetadataResponseTopic {
                    error_code,
                    name: Some(name),
                    ..Default::default()
                };
            };
            let of_topic = state.logs.keys().filter(|at| at.topic == name);
            let partition = |at: &TopicPartition| MetadataResponsePartition {
                partition_index: at.partition,
                leader_id: BrokerId(1),
                leader_epoch: state.logs[at].leader_epoch(),
                ..Default::default()
            };
            let partitions = of_topic.map(partition).collect();
            let topic_id = *id;
            MetadataResponseTopic { name: Some(name), topic_id, partitions, ..Default::default() }
        };
        let broker = MetadataResponseBroker {
            node_id: BrokerId(1),
            host: "fake".to_owned(),
            port: 9092,
            ..Default::default()
        };
        MetadataResponse {
            brokers: vec![broker],
            cluster_id: Some("fake".to_owned()),
            controller_id: BrokerId(1),
            topics: names.into_iter().map(topic).collect(),
            ..Default::default()
        }
    }

    fn init_producer_id(&self, request: InitProducerIdRequest) -> InitProducerIdResponse {
        let mut state = self.state();
        if request.producer_id.0 >= 0 {
            return InitProducerIdResponse {
                producer_id: request.producer_id,
                producer_epoch: ProducerEpoch(request.producer_epoch.0 + 1),
                ..Default::default()
            };
        }
        state.producers += 1;
        InitProducerIdResponse {
            producer_id: ProducerId(state.producers),
            producer_epoch: ProducerEpoch(0),
            ..Default::default()
        }
    }

    fn produce(&self, request: ProduceRequest, is_lost: &mut bool) -> ProduceResponse {
        let mut state = self.state();
        state.produce_requests += 1;
        let mut responses = Vec::new();
        for topic in request.topic_data {
            let ids = state.topics.iter();
            let name = ids.clone().find(|(_, id)| **id == topic.topic_id).map(|(name, _)| name);
            let name = name.cloned().unwrap_or(topic.name);
            let mut partition_responses = Vec::new();
            for data in topic.partition_data {
                let at = TopicPartition { topic: name.clone(), partition: data.index };
                let fault = state.produce_faults.pop_front().unwrap_or(Fault::None);
                let result = match fault {
                    Fault::Refuse(code) => Err(code),
                    Fault::LoseRequest => Err(ErrorCode::NetworkException),
                    Fault::None | Fault::LoseAnswer => state.append(&at, data.records.unwrap()),
                };
                *is_lost |= matches!(fault, Fault::LoseRequest | Fault::LoseAnswer);
                partition_responses.push(PartitionProduceResponse {
                    index: data.index,
                    error_code: result.err().unwrap_or_default(),
                    base_offset: Offset(result.unwrap_or(-1)),
                    ..Default::default()
                });
            }
            responses.push(TopicProduceResponse {
                name,
                topic_id: topic.topic_id,
                partition_responses,
            });
        }
        ProduceResponse { responses, ..Default::default() }
    }

    fn begin_fetch(
        &self,
        header: &RequestHeader,
        from: Reader,
    ) -> Result<(Begun, FetchRequest), ErrorCode> {
        let mut request = request::<FetchRequest>(header, from);
        let mut state = self.state();
        state.fetch_requests.push(request.clone());
        let has_room = state.has_fetch_sessions && header.api_version >= 7;
        let begun = state.fetch_sessions.begin(&request, header.api_version >= 13, has_room)?;
        request.topics.clone_from(&begun.topics);
        Ok((begun, request))
    }

    /// Long poll, the simple way.
    async fn wait_for_data(&self, begun: &Begun, request: &FetchRequest) {
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap());
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline && !begun.topics.is_empty() {
            let response = self.peek(request);
            let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            if partitions.any(|p| {
                !p.error_code.is_none()
                    || p.records.is_some()
                    || p.diverging_epoch != EpochEndOffset::default()
            }) {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn fetch(&self, begun: Result<(Begun, FetchRequest), ErrorCode>) -> FetchResponse {
        let (begun, request) = match begun {
            Ok(begun) => begun,
            Err(error_code) => return FetchResponse { error_code, ..Default::default() },
        };
        let mut response = self.peek(&request);
        let mut state = self.state();
        if let Some(code) = state.fetch_errors.pop_front() {
            for topic in &mut response.responses {
                for data in &mut topic.partitions {
                    data.error_code = code;
                    data.records = None;
                }
            }
        }
        state.fetch_sessions.finish(&begun, response)
    }

    fn peek(&self, request: &FetchRequest) -> FetchResponse {
        let state = self.state();
        let mut left = usize::try_from(request.max_bytes).unwrap();
        let topics = request.topics.iter().map(|topic| {
            let ids = state.topics.iter();
            let name = ids.clone().find(|(_, id)| **id == topic.topic_id).map(|(name, _)| name);
            let name = name.unwrap_or(&topic.topic);
            let partitions = topic.partitions.iter().map(|wanted| {
                let at = TopicPartition { topic: name.clone(), partition: wanted.partition };
                let Some(log) = state.logs.get(&at) else {
                    return PartitionData {
                        partition_index: wanted.partition,
                        error_code: ErrorCode::UnknownTopicOrPartition,
                        ..Default::default()
                    };
                };
                log.read(wanted, &mut left)
            });
            FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions: partitions.collect(),
            }
        });
        FetchResponse { responses: topics.collect(), ..Default::default() }
    }

    fn epoch_ends(&self, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
        let mut state = self.state();
        state.epoch_requests += 1;
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter().map(|wanted| {
                let partition = wanted.partition;
                let log = &state.logs[&TopicPartition { topic: topic.topic.clone(), partition }];
                match log.check_epoch(wanted.current_leader_epoch) {
                    Ok(()) => {
                        let (leader_epoch, end_offset) = log.epoch_end(wanted.leader_epoch);
                        EpochEnd { partition, leader_epoch, end_offset, ..Default::default() }
                    }
                    Err(error_code) => EpochEnd { partition, error_code, ..Default::default() },
                }
            });
            let partitions = partitions.collect();
            OffsetForLeaderTopicResult { topic: topic.topic.clone(), partitions }
        });
        OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
    }

    fn versions(&self, _: ApiVersionsRequest) -> ApiVersionsResponse {
        let state = self.state();
        let keys = [0, 1, 2, 3, 18, 19, 20, 22, 23, 32, 37, 44, 60].map(|api_key| ApiVersion {
            api_key,
            min_version: 0,
            max_version: state.versions_max.get(&api_key).copied().unwrap_or(99),
        });
        ApiVersionsResponse { api_keys: keys.into(), ..Default::default() }
    }

    fn list_offsets(&self, request: ListOffsetsRequest) -> ListOffsetsResponse {
        let state = self.state();
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter().map(|wanted| {
                let partition = wanted.partition_index;
                let log = &state.logs[&TopicPartition { topic: topic.name.clone(), partition }];
                let offset = match wanted.timestamp {
                    EARLIEST => log.start,
                    time if time.0 >= 0 => log.first_at(time.0).unwrap_or(-1),
                    _ => log.end,
                };
                ListOffsetsPartitionResponse {
                    partition_index: partition,
                    offset: Offset(offset),
                    leader_epoch: log.epoch_at(offset),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            ListOffsetsTopicResponse { name: topic.name.clone(), partitions }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }
}

impl State {
    fn append(&mut self, at: &TopicPartition, batch: Bytes) -> Result<i64, ErrorCode> {
        if self.batch_bytes_max.is_some_and(|max| batch.len() > max) {
            return Err(ErrorCode::MessageTooLarge);
        }
        let log = self.logs.get_mut(at).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        log.append(batch)
    }
}

impl Log {
    fn append(&mut self, batch: Bytes) -> Result<i64, ErrorCode> {
        let header = validate_produced(&batch).map_err(|error| error.error_code())?;
        if header.has_producer_id() {
            let seen = self.seen.entry((header.producer_id, header.producer_epoch)).or_default();
            let (first, count) = (header.base_sequence, header.record_count);
            if let Some((.., offset)) = seen.iter().find(|(s, c, _)| (*s, *c) == (first, count)) {
                return Ok(*offset);
            }
            let next = seen.back().map_or(Sequence(0), |(base, count, _)| base.plus(*count));
            if first != next {
                return Err(ErrorCode::OutOfOrderSequenceNumber);
            }
            seen.push_back((first, count, self.end));
            if seen.len() > 5 {
                seen.pop_front();
            }
        }
        let base = self.end;
        let mut bytes = BytesMut::from(&batch[..]);
        set_base_offset(&mut bytes, Offset(base));
        set_partition_leader_epoch(&mut bytes, self.leader_epoch());
        self.batches.push((base, bytes.freeze()));
        self.end += i64::from(header.last_offset_delta) + 1;
        Ok(base)
    }

    /// Whole batches, as many as there is space left for, and at least the first of all.
    fn read(&self, wanted: &FetchPartition, left: &mut usize) -> PartitionData {
        let offset = wanted.fetch_offset.0;
        let mut data = PartitionData {
            partition_index: wanted.partition,
            high_watermark: Offset(self.end),
            ..Default::default()
        };
        if let Err(error_code) = self.check_epoch(wanted.current_leader_epoch) {
            data.error_code = error_code;
            return data;
        }
        if wanted.last_fetched_epoch.0 >= 0 {
            let (epoch, end_offset) = self.epoch_end(wanted.last_fetched_epoch);
            if epoch < wanted.last_fetched_epoch || end_offset < wanted.fetch_offset {
                data.diverging_epoch = EpochEndOffset { epoch, end_offset };
                return data;
            }
        }
        if offset < self.start || offset > self.end {
            data.error_code = ErrorCode::OffsetOutOfRange;
            return data;
        }
        if offset == self.end {
            return data;
        }
        let from = self.batches.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        let bytes_max = usize::try_from(wanted.partition_max_bytes).unwrap();
        let mut bytes = BytesMut::new();
        for (_, batch) in &self.batches[from..] {
            if bytes.len() + batch.len() > bytes_max.min(*left) && !bytes.is_empty() {
                break;
            }
            bytes.extend_from_slice(batch);
        }
        *left = left.saturating_sub(bytes.len());
        data.records = Some(bytes.freeze());
        data
    }

    fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(3 + self.elections)
    }

    fn check_epoch(&self, believed: LeaderEpoch) -> Result<(), ErrorCode> {
        match believed {
            LeaderEpoch(-1) => Ok(()),
            epoch if epoch < self.leader_epoch() => Err(ErrorCode::FencedLeaderEpoch),
            epoch if epoch > self.leader_epoch() => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// The epoch of the record at an offset, or of the leader at the end.
    fn epoch_at(&self, offset: i64) -> LeaderEpoch {
        let covering = self.batches.iter().rev().find(|(base, _)| *base <= offset);
        match covering {
            Some((_, bytes)) if offset < self.end => epoch_of(bytes),
            _ => self.leader_epoch(),
        }
    }

    /// The largest epoch up to this one, and the offset behind its last record.
    fn epoch_end(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let later = self.batches.iter().find(|(_, bytes)| epoch_of(bytes) > epoch);
        let end = Offset(later.map_or(self.end, |(base, _)| *base));
        if epoch == self.leader_epoch() {
            return (epoch, end);
        }
        let before = self.batches.iter().rev().find(|(base, _)| Offset(*base) < end);
        match before {
            Some((_, bytes)) => (epoch_of(bytes), end),
            None => (LeaderEpoch(-1), Offset(-1)),
        }
    }

    fn first_at(&self, time: i64) -> Option<i64> {
        let records = self.batches.iter().flat_map(|(_, bytes)| {
            let batch = Batch::decode(bytes, 1 << 30).unwrap();
            batch.owned_records().map(Result::unwrap).collect::<Vec<_>>()
        });
        records.into_iter().find(|r| r.timestamp.0 >= time).map(|r| r.offset.0)
    }
}

fn epoch_of(batch: &[u8]) -> LeaderEpoch {
    BatchHeader::parse(batch).unwrap().partition_leader_epoch
}

fn request<R: Request>(header: &RequestHeader, mut from: Reader) -> R {
    header.finish(&mut from, R::context(header.api_version).flexible).unwrap();
    R::read(&mut from, header.api_version).unwrap()
}

fn respond<R: Request>(
    header: &RequestHeader,
    from: Reader,
    answer: impl FnOnce(R) -> R::Response,
) -> Vec<Bytes> {
    let response = answer(request::<R>(header, from));
    let correlation_id: CorrelationId = header.correlation_id;
    let mut out = Chunks::default();
    ResponseHeader { correlation_id }.write::<R::Response>(header.api_version, &mut out);
    response.write(header.api_version, &mut out);
    out.finish()
}

impl Net for FakeBroker {
    fn listen(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        unreachable!("clients don't listen")
    }

    fn connect(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Stream>> {
        let broker = self.clone();
        async move {
            if broker.state().is_down {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            broker.state().connections += 1;
            let (near, far) = duplex(1 << 16);
            tokio::spawn(broker.serve(far));
            Ok(Box::new(near) as Stream)
        }
        .boxed()
    }
}
