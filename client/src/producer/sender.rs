//! The producer's task: brings batches to the brokers, and news back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use protocol::{
    BrokerId, ErrorCode, Message, Offset, TopicId, TopicName, TopicPartition,
    api::{
        init_producer_id::InitProducerIdRequest,
        produce::{
            PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
            TopicProduceData,
        },
    },
};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::{
    Acks, Delivery, Shared, Token,
    accumulator::{Appended, BatchId, Outcome, Sending, Settled},
    batch::Identity,
};
use crate::{
    backoff::Pace,
    cluster::{Cluster, Pool},
    error::Error,
};

/// How many requests may be under way to one broker. More would only wait in its socket, where
/// batches can't fill any further.
const REQUESTS_PER_BROKER_MAX: usize = 5;

/// How much longer than the leader the client waits, for the way there and back.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

/// The last version that names topics; later ones give their ids.
const BY_NAME_MAX: i16 = 12;

/// Where the task looks again at the latest, when it has nothing to wait for.
const IDLE: Duration = Duration::from_secs(60);

/// Runs until it is aborted.
pub(super) async fn run(shared: Arc<Shared>, pool: Pool) {
    let mut sender = Sender {
        shared,
        pool: Arc::new(pool),
        events: FuturesUnordered::new(),
        requests: BTreeMap::new(),
        identity: None,
        identity_pace: Pace::default(),
        metadata_pace: Pace::default(),
        cursor: None,
    };
    loop {
        let wake_at = sender.work();
        select! {
            biased;
            Some(event) = sender.events.next() => sender.on(event),
            () = sender.shared.work.notified() => {}
            () = sleep_until(wake_at) => {}
        }
    }
}

struct Sender {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    /// How many are under way, by broker.
    requests: BTreeMap<BrokerId, usize>,
    identity: Option<Identity>,
    identity_pace: Pace,
    metadata_pace: Pace,
    /// The partition served last: the next round begins behind it, so that none starves.
    cursor: Option<TopicPartition>,
}

enum Event {
    Produced {
        broker: BrokerId,
        sent: Vec<(TopicPartition, BatchId)>,
        result: Result<Answers, Error>,
    },
    Identified(Result<Identity, Error>),
    MetadataAsked(Result<(), Error>),
}

/// What a broker said of each partition; nothing of any with acks=0.
type Answers = BTreeMap<TopicPartition, PartitionProduceResponse>;

/// A request that is being put together.
#[derive(Default)]
struct Load {
    bytes: usize,
    batches: Vec<(Sending, Option<TopicId>)>,
}

impl Sender {
    /// Starts whatever can be started. Returns when to look again.
    fn work(&mut self) -> Instant {
        let now = Instant::now();
        let expired = self.shared.accumulator().expire(now);
        self.tell(expired);
        if self.shared.accumulator().needs_identity(self.identity, now) {
            self.ask_identity(now);
        }
        let mut unknown = BTreeSet::new();
        while self.start_requests(now, &mut unknown) {}
        if !unknown.is_empty() {
            self.ask_metadata(unknown, now);
        }
        let due = self.shared.accumulator().wake_at(now);
        let pace = [self.identity_pace.wake_at(now), self.metadata_pace.wake_at(now)];
        pace.into_iter().chain([due]).flatten().min().unwrap_or(now + IDLE)
    }

    /// Starts at most one request to each broker, holding at most one batch of each partition, as
    /// the protocol has it. Returns whether any was started.
    fn start_requests(&mut self, now: Instant, unknown: &mut BTreeSet<TopicName>) -> bool {
        let mut loads: BTreeMap<BrokerId, Load> = BTreeMap::new();
        for partition in self.ready(now) {
            let topic = self.shared.cluster.known_topic(&partition.topic);
            let leader = topic.as_ref().and_then(|topic| topic.leader(partition.partition));
            let (Some(topic), Some(leader)) = (topic, leader) else {
                self.shared.cluster.invalidate(&partition.topic);
                unknown.insert(partition.topic);
                continue;
            };
            let is_busy =
                self.requests.get(&leader.id).is_some_and(|n| *n >= REQUESTS_PER_BROKER_MAX);
            let load = loads.entry(leader.id).or_default();
            let batch_bytes = self.shared.options.batch_bytes;
            let is_full =
                load.bytes > 0 && load.bytes + batch_bytes > self.shared.options.request_bytes_max;
            if is_busy || is_full {
                continue;
            }
            let taken = self.shared.accumulator().take(&partition, self.identity, now);
            if let Some(sending) = taken {
                load.bytes += sending.bytes.len();
                load.batches.push((sending, topic.id));
                self.cursor = Some(partition);
            }
        }
        loads.retain(|_, load| !load.batches.is_empty());
        let has_started = !loads.is_empty();
        for (broker, load) in loads {
            self.start(broker, load);
        }
        has_started
    }

    /// The partitions that have something to send, from the one behind the cursor on.
    fn ready(&self, now: Instant) -> Vec<TopicPartition> {
        let mut ready = self.shared.accumulator().ready(now);
        if let Some(cursor) = &self.cursor {
            let behind = ready.partition_point(|partition| partition <= cursor);
            ready.rotate_left(behind);
        }
        ready
    }

    fn start(&mut self, broker: BrokerId, load: Load) {
        *self.requests.entry(broker).or_default() += 1;
        let sent = load.batches.iter().map(|(batch, _)| (batch.to.clone(), batch.id)).collect();
        let (shared, pool) = (self.shared.clone(), self.pool.clone());
        let producing = async move {
            let result = produce(&shared, &pool, broker, load).await;
            Event::Produced { broker, sent, result }
        };
        self.events.push(producing.boxed());
    }

    fn ask_identity(&mut self, now: Instant) {
        if self.identity_pace.may_begin(now) {
            let (cluster, lost) = (self.shared.cluster.clone(), self.identity);
            let asking = async move { Event::Identified(identify(&cluster, lost).await) };
            self.events.push(asking.boxed());
        }
    }

    fn ask_metadata(&mut self, topics: BTreeSet<TopicName>, now: Instant) {
        if self.metadata_pace.may_begin(now) {
            let cluster = self.shared.cluster.clone();
            let topics: Vec<_> = topics.into_iter().collect();
            let asking =
                async move { Event::MetadataAsked(cluster.refresh(&topics).await.map(|_| ())) };
            self.events.push(asking.boxed());
        }
    }

    fn on(&mut self, event: Event) {
        let cluster = &self.shared.cluster;
        let wait = cluster.options().backoff.after(1, &*cluster.doors().entropy);
        let not_before = Instant::now() + wait;
        match event {
            Event::Produced { broker, sent, result } => self.on_produced(broker, sent, result),
            Event::Identified(result) => {
                self.identity_pace.end(not_before);
                match result {
                    Ok(identity) => self.identity = Some(identity),
                    Err(error) if error.is_retriable() => {
                        tracing::debug!(%error, "no producer id");
                    }
                    Err(error) => {
                        let failed = self.shared.accumulator().fail_all(&error);
                        self.tell(failed);
                    }
                }
            }
            Event::MetadataAsked(result) => {
                self.metadata_pace.end(not_before);
                if let Err(error) = result {
                    tracing::debug!(%error, "no metadata");
                }
            }
        }
    }

    fn on_produced(
        &mut self,
        broker: BrokerId,
        sent: Vec<(TopicPartition, BatchId)>,
        mut result: Result<Answers, Error>,
    ) {
        let cluster = &self.shared.cluster;
        *self.requests.get_mut(&broker).expect("counted when it was started") -= 1;
        if result.is_err() {
            cluster.invalidate_broker(broker);
        }
        let mut settled = Vec::new();
        let now = Instant::now();
        for (partition, id) in sent {
            let outcome = match &mut result {
                Ok(answers) => self.outcome(&partition, answers.remove(&partition)),
                Err(error) => Err(error.clone()),
            };
            if let Err(error) = &outcome {
                tracing::debug!(%partition, %error, "batch not appended");
            }
            let entropy = &*cluster.doors().entropy;
            let done = self.shared.accumulator().settle(&partition, id, outcome, now, entropy);
            settled.extend(done.map(|done| (partition, done)));
        }
        self.tell(settled);
    }

    /// Reads one partition's answer.
    fn outcome(&self, of: &TopicPartition, answer: Option<PartitionProduceResponse>) -> Outcome {
        let cluster = &self.shared.cluster;
        let Some(answer) = answer else {
            if self.shared.options.acks == Acks::None {
                return Ok(Appended { base_offset: None, log_append_time: None });
            }
            let message = "the broker's answer leaves it out";
            return Err(Error::answer(ErrorCode::UnknownServerError, of, Some(message)));
        };
        match answer.error_code {
            // The broker has the batch, but has forgotten where: it took five more since.
            ErrorCode::None | ErrorCode::DuplicateSequenceNumber => Ok(Appended {
                base_offset: Some(answer.base_offset).filter(|offset| *offset >= Offset(0)),
                log_append_time: Some(answer.log_append_time_ms).filter(|time| time.0 >= 0),
            }),
            code => {
                let first = answer.record_errors.first();
                let detail = first.and_then(|error| error.batch_index_error_message.as_deref());
                let message = answer.error_message.as_deref().or(detail);
                let error = Error::answer(code, of, message);
                // KIP-951: the answer may name the leader, which saves the question.
                let leader = &answer.current_leader;
                if error.is_of_stale_metadata()
                    && !cluster.learn_leader(of, leader.leader_id, leader.leader_epoch)
                {
                    cluster.invalidate(&of.topic);
                }
                Err(error)
            }
        }
    }

    /// Tells the senders of the records what became of them.
    fn tell(&self, settled: Vec<(TopicPartition, Settled<Token>)>) {
        if settled.is_empty() {
            return;
        }
        for (TopicPartition { topic, partition }, Settled { receipts, result }) in settled {
            for (index, receipt) in (0_i64..).zip(receipts) {
                let delivery = result.as_ref().map_err(Error::clone).map(|appended| Delivery {
                    topic: topic.clone(),
                    partition,
                    offset: appended.base_offset.map(|base| base.plus(index)),
                    timestamp: appended.log_append_time.unwrap_or(receipt.timestamp),
                });
                // Whoever gave up waiting doesn't want to know.
                let _ = receipt.token.answer.send(delivery);
            }
        }
        self.shared.settled.notify_waiters();
    }
}

/// Sends one request and reads its answer.
async fn produce(
    shared: &Shared,
    pool: &Pool,
    broker: BrokerId,
    load: Load,
) -> Result<Answers, Error> {
    let connection = pool.connection(broker).await?;
    let has_ids = load.batches.iter().all(|(_, id)| id.is_some());
    let max = if has_ids { *ProduceRequest::VERSIONS.end() } else { BY_NAME_MAX };
    let versions = *ProduceRequest::VERSIONS.start()..=max;
    let version = connection.version_within::<ProduceRequest>(versions)?;
    let options = &shared.options;
    let acks = match options.acks {
        Acks::None => 0,
        Acks::Leader => 1,
        Acks::All => -1,
    };
    let names: BTreeMap<TopicId, TopicName> = load
        .batches
        .iter()
        .filter_map(|(batch, id)| Some(((*id)?, batch.to.topic.clone())))
        .collect();
    let request = ProduceRequest {
        transactional_id: None,
        acks,
        timeout_ms: i32::try_from(options.ack_timeout.as_millis()).unwrap_or(i32::MAX),
        topic_data: by_topic(load),
    };
    if options.acks == Acks::None {
        connection.send_oneway(&request, version).await?;
        return Ok(Answers::new());
    }
    let timeout = options.ack_timeout + ANSWER_MARGIN;
    let response = connection.send_at(&request, version, timeout).await?.response().await?;
    Ok(answers(response, version, &names))
}

fn by_topic(load: Load) -> Vec<TopicProduceData> {
    let mut topics: BTreeMap<TopicName, TopicProduceData> = BTreeMap::new();
    for (Sending { to, bytes, .. }, id) in load.batches {
        let topic = topics.entry(to.topic.clone()).or_insert_with(|| TopicProduceData {
            name: to.topic,
            topic_id: id.unwrap_or_default(),
            partition_data: Vec::new(),
        });
        let records: Option<Bytes> = Some(bytes);
        topic.partition_data.push(PartitionProduceData { index: to.partition, records });
    }
    topics.into_values().collect()
}

fn answers(
    response: ProduceResponse,
    version: i16,
    names: &BTreeMap<TopicId, TopicName>,
) -> Answers {
    let mut answers = Answers::new();
    for topic in response.responses {
        let name =
            if version > BY_NAME_MAX { names.get(&topic.topic_id) } else { Some(&topic.name) };
        let Some(name) = name else { continue };
        for answer in topic.partition_responses {
            let partition = TopicPartition { topic: name.clone(), partition: answer.index };
            answers.insert(partition, answer);
        }
    }
    answers
}

/// Asks who to be; after having lost its way, in a later epoch (KIP-360) or as somebody else.
async fn identify(cluster: &Cluster, lost: Option<Identity>) -> Result<Identity, Error> {
    let mut request =
        InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..Default::default() };
    if let Some(Identity { id, epoch }) = lost {
        request.producer_id = id;
        request.producer_epoch = epoch;
    }
    let response = cluster.any().await?.call(&request).await?;
    Error::check(response.error_code, "InitProducerId", None)?;
    Ok(Identity { id: response.producer_id, epoch: response.producer_epoch })
}
