//! Fetch: reads batches as they were stored, and waits for them when there are too few.
//!
//! The bounds of a read (high watermark, last stable offset, end of the log) are taken in one lock
//! scope, the bytes outside of it: from the page cache on this task, from the disk on the blocking
//! pool. One fetch of a connection waits at a time, since answers leave in order. What the
//! responses of all connections hold has a bound: as it's reached they become smaller, down to the
//! one batch that a reader needs to get on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use protocol::{
    BrokerId, ErrorCode, Offset, TopicId, TopicName,
    api::fetch::{
        EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch,
        NodeEndpoint, PartitionData,
    },
    records::{Batches, Compression},
};
use tokio::time::{Instant, timeout};

use crate::{
    api::{Incoming, current_leaders::CurrentLeaders},
    broker::{Broker, Operation, Resource},
    fetch_session::{Begun, FetchKey, FetchPartition, FetchTopic, SessionRequest, Told},
    partition::{FetchWaiter, Follower, Isolation, Partition, Read, ReadSpec},
    server::{Share, answer::Answer, connection::Outcome, request_context::RequestContext},
};

/// The first version whose consumer understands zstd.
const ZSTD_FROM: i16 = 10;

/// The first version that names topics by id (KIP-516).
const TOPIC_ID_FROM: i16 = 13;

/// Having read so many bytes from memory, a fetch lets others of its thread have their turn: that
/// took as long as dozens of small requests.
const TURN_BYTES: usize = 256 << 10;

pub(super) async fn start(mut incoming: Incoming) -> Outcome {
    let request: FetchRequest = match incoming.decode() {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    let Incoming { broker, context, header, bytes, body } = incoming;
    drop((bytes, body));
    let (share, response) = fetch(&broker, &context, request).await;
    Outcome::Answer(Answer::holding(share, header.correlation_id, header.api_version, &response))
}

async fn fetch(
    broker: &Broker,
    context: &RequestContext,
    request: FetchRequest,
) -> (Share, FetchResponse) {
    let refused = |error_code| FetchResponse { error_code, ..FetchResponse::default() };
    let replica = request.replica_id.max(request.replica_state.replica_id);
    if replica >= BrokerId(0)
        && !broker.authorize(context, Operation::ClusterAction, Resource::Cluster)
    {
        return (Share::default(), refused(ErrorCode::ClusterAuthorizationFailed));
    }
    let isolation = Isolation::of(replica, request.isolation_level);
    let follower = (replica >= BrokerId(0))
        .then_some(Follower { broker: replica, epoch: request.replica_state.replica_epoch });
    let limits = Limits::new(broker, &request, isolation, context.api_version);
    let deadline = Instant::now() + wait_max(&request);
    let begun = match begin_session(broker, context, request) {
        Ok(begun) => begun,
        Err(error) => return (Share::default(), refused(error)),
    };
    let fetch = Fetch { broker, context, begun: &begun, limits, follower };
    let round = fetch.read_until(deadline).await;
    fetch.respond(round)
}

fn wait_max(request: &FetchRequest) -> Duration {
    Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0))
}

fn begin_session(
    broker: &Broker,
    context: &RequestContext,
    request: FetchRequest,
) -> Result<Begun, ErrorCode> {
    let by_id = context.api_version >= TOPIC_ID_FROM;
    let topic = |id: TopicId, name: TopicName| {
        if by_id { FetchTopic::Id(id) } else { FetchTopic::Name(name) }
    };
    let mut partitions = Vec::new();
    for named in request.topics {
        let topic = topic(named.topic_id, named.topic);
        partitions.extend(named.partitions.into_iter().map(|partition| FetchPartition {
            topic: topic.clone(),
            partition: partition.partition,
            fetch_offset: partition.fetch_offset,
            max_bytes: partition.partition_max_bytes,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
            high_watermark: partition.high_watermark,
        }));
    }
    let mut forgotten = Vec::new();
    for named in request.forgotten_topics_data {
        let topic = topic(named.topic_id, named.topic);
        forgotten.extend(named.partitions.into_iter().map(|index| (topic.clone(), index)));
    }
    let session = SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        names_topics_by_id: by_id,
        partitions,
        forgotten,
    };
    let entropy = &broker.doors.entropy;
    let new_id = || i32::try_from(entropy.number() >> 33).expect("31 bits");
    broker.fetch_sessions().begin(session, Instant::now(), new_id)
}

/// How much one response may hold.
#[derive(Clone, Copy)]
struct Limits {
    bytes_min: usize,
    bytes_max: usize,
    isolation: Isolation,
    zstd_allowed: bool,
}

impl Limits {
    fn new(broker: &Broker, request: &FetchRequest, isolation: Isolation, version: i16) -> Self {
        let bytes_max = usize::try_from(request.max_bytes).unwrap_or(0);
        let bytes_max = bytes_max.min(broker.config.fetch_bytes_max);
        Self {
            bytes_min: usize::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
            bytes_max,
            isolation,
            zstd_allowed: version >= ZSTD_FROM,
        }
    }
}

/// One reading of everything the fetch wants.
#[derive(Default)]
struct Round {
    answers: Vec<(FetchKey, Answered)>,
    bytes: usize,
    /// Of the memory for responses.
    share: Share,
    /// Something that the client has to hear of at once.
    urgent: bool,
}

struct Answered {
    /// The partition, for as long as this broker has it.
    partition: Option<Arc<Partition>>,
    data: PartitionData,
    told: Option<Told>,
    /// Where readable records end.
    readable_end: Offset,
}

impl Answered {
    /// Where a reader goes on that takes all of this.
    fn next_offset(&self, wanted: &FetchPartition) -> Offset {
        let records = self.data.records.as_deref().unwrap_or_default();
        let last = Batches::new(records).filter_map(Result::ok).last();
        last.map_or(wanted.fetch_offset, |(header, _)| header.next_offset())
    }
}

struct Fetch<'a> {
    broker: &'a Broker,
    context: &'a RequestContext,
    begun: &'a Begun,
    limits: Limits,
    /// Who asks, if it's a replica.
    follower: Option<Follower>,
}

impl Fetch<'_> {
    /// Reads until there is enough, or something urgent, or no time left.
    async fn read_until(&self, deadline: Instant) -> Round {
        // A follower acknowledges once, when its request comes.
        let mut acknowledges = self.follower;
        loop {
            let round = self.read(acknowledges.take()).await;
            let enough = round.bytes >= self.limits.bytes_min || self.is_cut(&round);
            if enough || round.urgent || self.begun.partitions.is_empty() {
                return round;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.broker.shutdown.is_requested() {
                return round;
            }
            let missing = self.limits.bytes_min - round.bytes;
            let waiter = FetchWaiter::new(i64::try_from(missing).expect("a message's size"));
            // What was appended since the reading shows as another end: then there is no waiting.
            let changed = round.answers.iter().any(|(_, answered)| {
                let partition = answered.partition.as_ref();
                partition.is_some_and(|partition| {
                    let seen = (answered.readable_end, answered.data.high_watermark);
                    partition.enroll(&waiter, self.limits.isolation, seen)
                })
            });
            // What was read is read anew: it isn't held while the fetch waits.
            drop(round);
            if !changed {
                tokio::select! {
                    biased;
                    () = self.broker.shutdown.requested() => {}
                    _in_time = timeout(left, waiter.woken()) => {}
                }
            }
        }
    }

    /// Whether a limit or a segment's end cut the reading short. To wait for more bytes would then
    /// keep back those that are there.
    fn is_cut(&self, round: &Round) -> bool {
        let wanted = self.begun.partitions.iter();
        let mut both = wanted.zip(&round.answers);
        both.any(|(wanted, (_, answered))| answered.next_offset(wanted) < answered.readable_end)
    }

    async fn read(&self, acknowledges: Option<Follower>) -> Round {
        let mut round = Round::default();
        let mut turn_bytes = 0;
        for wanted in &self.begun.partitions {
            let answered = match self.read_partition(wanted, round.bytes, acknowledges).await {
                Ok(answered) => answered,
                Err(error) => {
                    round.urgent = true;
                    self.refused(wanted, error)
                }
            };
            let bytes = answered.data.records.as_ref().map_or(0, Bytes::len);
            round.bytes += bytes;
            round.share.merge(self.broker.response_memory.take_rest(bytes));
            round.urgent |= answered.data.diverging_epoch != EpochEndOffset::default();
            round.urgent |= answered.data.high_watermark > wanted.high_watermark;
            round.answers.push((wanted.key(), answered));
            turn_bytes += bytes;
            if turn_bytes >= TURN_BYTES {
                turn_bytes = 0;
                tokio::task::yield_now().await;
            }
        }
        round
    }

    fn partition(&self, wanted: &FetchPartition) -> Result<Arc<Partition>, ErrorCode> {
        let (held, image) = (&self.broker.partitions, self.broker.image.load());
        match &wanted.topic {
            FetchTopic::Id(id) => held.by_id(&image, *id, wanted.partition),
            FetchTopic::Name(name) => held.by_name(&image, name, wanted.partition),
        }
    }

    async fn read_partition(
        &self,
        wanted: &FetchPartition,
        bytes_before: usize,
        acknowledges: Option<Follower>,
    ) -> Result<Answered, ErrorCode> {
        let partition = self.partition(wanted)?;
        let topic = Resource::Topic(partition.topic());
        if !self.broker.authorize(self.context, Operation::Read, topic) {
            return Err(ErrorCode::TopicAuthorizationFailed);
        }
        let spec = ReadSpec {
            offset: wanted.fetch_offset,
            bytes_max: usize::try_from(wanted.max_bytes)
                .unwrap_or(0)
                .min(self.limits.bytes_max.saturating_sub(bytes_before))
                .min(self.broker.response_memory.free_bytes()),
            // The first batch of the first partition that has any is returned whole, whatever the
            // limits: or a large batch would never be read.
            first_whole: bytes_before == 0,
            isolation: self.limits.isolation,
            follower: acknowledges,
            current_leader_epoch: wanted.current_leader_epoch,
            last_fetched_epoch: wanted.last_fetched_epoch,
        };
        self.read_bytes(&partition, &spec, wanted).await
    }

    async fn read_bytes(
        &self,
        partition: &Arc<Partition>,
        spec: &ReadSpec,
        wanted: &FetchPartition,
    ) -> Result<Answered, ErrorCode> {
        let read = partition.read(spec)?;
        let Read { told, readable_end, diverging, aborted, may_join_isr, slice } = read;
        if may_join_isr {
            self.broker.partitions.replication().isr.look_at(partition);
        }
        let records = match slice {
            Some(slice) => partition.read_slice(slice, spec.offset).await?,
            None => Bytes::new(),
        };
        if !self.limits.zstd_allowed && has_zstd(&records) {
            return Err(ErrorCode::UnsupportedCompressionType);
        }
        let diverging_epoch = diverging.map_or_else(EpochEndOffset::default, |(epoch, end)| {
            EpochEndOffset { epoch, end_offset: end }
        });
        let data = PartitionData {
            partition_index: wanted.partition,
            high_watermark: told.high_watermark,
            last_stable_offset: told.last_stable_offset,
            log_start_offset: told.log_start_offset,
            diverging_epoch,
            aborted_transactions: aborted,
            preferred_read_replica: BrokerId(-1),
            records: Some(records),
            ..PartitionData::default()
        };
        let partition = Some(Arc::clone(partition));
        Ok(Answered { partition, data, told: Some(told), readable_end })
    }

    fn refused(&self, wanted: &FetchPartition, error_code: ErrorCode) -> Answered {
        let mut data = PartitionData {
            partition_index: wanted.partition,
            error_code,
            high_watermark: Offset(-1),
            preferred_read_replica: BrokerId(-1),
            records: Some(Bytes::new()),
            ..PartitionData::default()
        };
        if error_code == ErrorCode::OffsetOutOfRange && self.follower.is_some() {
            // A follower that is told where the log starts need not ask for it first.
            let start = self.partition(wanted).ok().and_then(|at| at.leader_log_start_offset());
            data.log_start_offset = start.unwrap_or(data.log_start_offset);
        }
        Answered { partition: None, data, told: None, readable_end: Offset(-1) }
    }

    fn respond(&self, round: Round) -> (Share, FetchResponse) {
        let mut sessions = self.broker.fetch_sessions();
        let mut topics: Vec<FetchableTopicResponse> = Vec::new();
        let mut places: BTreeMap<FetchTopic, usize> = BTreeMap::new();
        for (key, answered) in round.answers {
            let bytes = answered.data.records.as_ref().map_or(0, Bytes::len);
            let has_records = bytes > 0;
            if let Some(partition) = answered.partition.filter(|_| has_records) {
                partition.count_sent(bytes, self.follower.is_some());
            }
            let news = sessions.tell(self.begun.session_id, &key, answered.told, has_records);
            let diverges = answered.data.diverging_epoch != EpochEndOffset::default();
            if self.begun.incremental && !news && !diverges {
                continue;
            }
            let place = *places.entry(key.0.clone()).or_insert_with(|| {
                let mut topic = FetchableTopicResponse::default();
                match key.0 {
                    FetchTopic::Id(id) => topic.topic_id = id,
                    FetchTopic::Name(name) => topic.topic = name,
                }
                topics.push(topic);
                topics.len() - 1
            });
            topics[place].partitions.push(answered.data);
        }
        drop(sessions);
        let mut response = FetchResponse {
            session_id: self.begun.session_id,
            responses: topics,
            ..FetchResponse::default()
        };
        name_leaders(self.broker, self.context, &mut response);
        (round.share, response)
    }
}

/// Tells with the errors who leads instead (KIP-951).
fn name_leaders(broker: &Broker, context: &RequestContext, response: &mut FetchResponse) {
    let image = broker.image.load();
    let mut leaders = CurrentLeaders::new(&image, &context.connection.listener);
    for topic in &mut response.responses {
        for data in &mut topic.partitions {
            let name = (&topic.topic, topic.topic_id);
            if let Some((id, epoch)) = leaders.of(data.error_code, name, data.partition_index) {
                data.current_leader = LeaderIdAndEpoch { leader_id: id, leader_epoch: epoch };
            }
        }
    }
    let nodes = leaders.nodes().map(|(broker, endpoint)| NodeEndpoint {
        node_id: broker.id,
        host: endpoint.host.clone(),
        port: i32::from(endpoint.port),
        rack: broker.rack.clone(),
    });
    response.node_endpoints = nodes.collect();
}

fn has_zstd(records: &Bytes) -> bool {
    Batches::new(records)
        .filter_map(Result::ok)
        .any(|(header, _)| header.attributes.compression() == Ok(Compression::Zstd))
}
