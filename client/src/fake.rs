//! A broker for tests: in memory, of one node, with faults on demand.
//!
//! It keeps what is produced and gives it back, and knows batches of idempotent producers again.
//! It is no model of a broker in anything else.

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
        create_topics::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse},
        delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse},
        fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData},
        init_producer_id::{InitProducerIdRequest, InitProducerIdResponse},
        list_offsets::{
            EARLIEST, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
            ListOffsetsTopicResponse,
        },
        metadata::{
            MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
            MetadataResponseTopic,
        },
        produce::{
            PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
        },
    },
    records::{Batch, set_base_offset, set_partition_leader_epoch, validate_produced},
};
use tokio::{
    io::{DuplexStream, duplex},
    time::{Instant, sleep},
};

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
    produce_faults: VecDeque<Fault>,
    fetch_errors: VecDeque<ErrorCode>,
    connections: u32,
    produce_requests: u32,
    is_down: bool,
}

#[derive(Debug, Default)]
struct Log {
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

    pub(crate) fn fail_fetch(&self, errors: impl IntoIterator<Item = ErrorCode>) {
        self.state().fetch_errors.extend(errors);
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
                ApiKey::ApiVersions => respond(&header, from, versions),
                ApiKey::Metadata => respond(&header, from, |r| self.metadata(r)),
                ApiKey::InitProducerId => respond(&header, from, |r| self.init_producer_id(r)),
                ApiKey::ListOffsets => respond(&header, from, |r| self.list_offsets(r)),
                ApiKey::CreateTopics => respond(&header, from, |r| self.create_topics(r)),
                ApiKey::DeleteTopics => respond(&header, from, |r| self.delete_topics(r)),
                ApiKey::Fetch => {
                    self.wait_for_data(&header, from.clone()).await;
                    respond(&header, from, |r| self.fetch(r))
                }
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
                other => panic!("the fake has no {other:?}"),
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
                leader_epoch: LeaderEpoch(3),
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
                    Fault::None | Fault::LoseAnswer => match state.logs.get_mut(&at) {
                        Some(log) => log.append(data.records.unwrap()),
                        None => Err(ErrorCode::UnknownTopicOrPartition),
                    },
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

    /// Long poll, the simple way.
    async fn wait_for_data(&self, header: &RequestHeader, from: Reader) {
        let request = request::<FetchRequest>(header, from);
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap());
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline {
            let response = self.peek(&request);
            let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            if partitions.any(|p| !p.error_code.is_none() || p.records.is_some()) {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn fetch(&self, request: FetchRequest) -> FetchResponse {
        let mut response = self.peek(&request);
        if let Some(code) = self.state().fetch_errors.pop_front() {
            for topic in &mut response.responses {
                for data in &mut topic.partitions {
                    data.error_code = code;
                    data.records = None;
                }
            }
        }
        response
    }

    fn peek(&self, request: &FetchRequest) -> FetchResponse {
        let state = self.state();
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
                log.read(wanted.partition, wanted.fetch_offset.0)
            });
            FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions: partitions.collect(),
            }
        });
        FetchResponse { responses: topics.collect(), ..Default::default() }
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
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            ListOffsetsTopicResponse { name: topic.name.clone(), partitions }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn create_topics(&self, request: CreateTopicsRequest) -> CreateTopicsResponse {
        let topics = request.topics.into_iter().map(|topic| {
            let exists = self.state().topics.contains_key(&topic.name);
            if !exists && !request.validate_only {
                self.create(&topic.name, topic.num_partitions.max(1));
            }
            let error_code = if exists { ErrorCode::TopicAlreadyExists } else { ErrorCode::None };
            CreatableTopicResult { name: topic.name, error_code, ..Default::default() }
        });
        CreateTopicsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn delete_topics(&self, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
        let mut state = self.state();
        let responses = request.topics.into_iter().map(|topic| {
            let name = topic.name.unwrap();
            let error_code = match state.topics.remove(&name) {
                Some(_) => ErrorCode::None,
                None => ErrorCode::UnknownTopicOrPartition,
            };
            state.logs.retain(|at, _| at.topic != name);
            DeletableTopicResult { name: Some(name), error_code, ..Default::default() }
        });
        DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
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
        set_partition_leader_epoch(&mut bytes, LeaderEpoch(3));
        self.batches.push((base, bytes.freeze()));
        self.end += i64::from(header.last_offset_delta) + 1;
        Ok(base)
    }

    fn read(&self, partition_index: PartitionIndex, offset: i64) -> PartitionData {
        let mut data = PartitionData {
            partition_index,
            high_watermark: Offset(self.end),
            ..Default::default()
        };
        if offset < self.start || offset > self.end {
            data.error_code = ErrorCode::OffsetOutOfRange;
            return data;
        }
        let from = self.batches.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        let batches: Vec<_> = self.batches[from..].iter().map(|(_, bytes)| bytes.clone()).collect();
        data.records = (offset < self.end).then(|| batches.concat().into());
        data
    }

    fn first_at(&self, time: i64) -> Option<i64> {
        let records = self.batches.iter().flat_map(|(_, bytes)| {
            let batch = Batch::decode(bytes, 1 << 30).unwrap();
            batch.owned_records().map(Result::unwrap).collect::<Vec<_>>()
        });
        records.into_iter().find(|r| r.timestamp.0 >= time).map(|r| r.offset.0)
    }
}

fn versions(_: ApiVersionsRequest) -> ApiVersionsResponse {
    let keys = [0, 1, 2, 3, 18, 19, 20, 22].map(|api_key| ApiVersion {
        api_key,
        min_version: 0,
        max_version: 99,
    });
    ApiVersionsResponse { api_keys: keys.into(), ..Default::default() }
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
