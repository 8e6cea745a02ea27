//! The producer's task: brings batches to the brokers, and news back.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
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
    Acks, Shared,
    accumulator::{Appended, BatchId, Outcome, Sending, Settled},
    batch::{Identity, Receipt},
};
use crate::{
    backoff::Pace,
    cluster::{Cluster, Pool},
    error::Error,
};

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
        lines: BTreeMap::new(),
        homeless: BTreeSet::new(),
        identity_pace: Pace::default(),
        metadata_pace: Pace::default(),
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
    lines: BTreeMap<BrokerId, Line>,
    /// Partitions that are ready, and whose leader isn't known.
    homeless: BTreeSet<TopicPartition>,
    identity_pace: Pace,
    metadata_pace: Pace,
}

/// The way to one broker.
#[derive(Default)]
struct Line {
    requests_in_flight: usize,
    /// The partitions that are ready, in the order in which they became so: none starves.
    waiting: VecDeque<TopicPartition>,
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

/// A request's batches, and the ids of their topics.
type Load = Vec<(Sending, Option<TopicId>)>;

impl Sender {
    /// Starts whatever can be started. Returns when to look again.
    fn work(&mut self) -> Instant {
        let now = Instant::now();
        self.shared.accumulator().expire(now);
        loop {
            let ready = self.shared.accumulator().ready(now);
            ready.into_iter().for_each(|partition| self.join_line(partition));
            if !self.start_requests(now) {
                break;
            }
        }
        self.tell();
        if self.shared.accumulator().needs_identity() {
            self.ask_identity(now);
        }
        if !self.homeless.is_empty() {
            self.ask_metadata(now);
        }
        let due = self.shared.accumulator().wake_at();
        let pace = [self.identity_pace.wake_at(now), self.metadata_pace.wake_at(now)];
        pace.into_iter().chain([due]).flatten().min().unwrap_or(now + IDLE)
    }

    /// The leader of a partition, and its topic's id; none while it isn't known.
    fn leader(&self, of: &TopicPartition) -> Option<(BrokerId, Option<TopicId>)> {
        let topic = self.shared.cluster.known_topic(&of.topic);
        let leader = topic.as_ref().and_then(|topic| topic.leader(of.partition));
        if leader.is_none() {
            self.shared.cluster.invalidate(&of.topic);
        }
        Some((leader?.id, topic?.id))
    }

    fn line(&mut self, to: BrokerId) -> &mut Line {
        self.lines.entry(to).or_default()
    }

    fn join_line(&mut self, partition: TopicPartition) {
        match self.leader(&partition) {
            Some((leader, _)) => {
                self.line(leader).waiting.push_back(partition);
            }
            None => {
                self.homeless.insert(partition);
            }
        }
    }

    /// Starts at most one request to each broker. Returns whether there may be more to start: also a
    /// partition whose leader has changed moves to another line.
    fn start_requests(&mut self, now: Instant) -> bool {
        let limit = self.shared.options.in_flight_max.max(1);
        let is_served = |line: &Line| line.requests_in_flight < limit && !line.waiting.is_empty();
        let served = self.lines.iter().filter(|(_, line)| is_served(line));
        let served: Vec<_> = served.map(|(broker, _)| *broker).collect();
        for broker in &served {
            let load = self.load(*broker, now);
            if !load.is_empty() {
                self.start(*broker, load);
            }
        }
        !served.is_empty()
    }

    /// Takes what fits into one request. A partition is in line once, and so at most once in a
    /// request, as the protocol has it.
    fn load(&mut self, broker: BrokerId, now: Instant) -> Load {
        let mut load = Load::new();
        let mut room = self.shared.options.request_bytes_max;
        while let Some(partition) = self.line(broker).waiting.pop_front() {
            match self.leader(&partition) {
                Some((leader, topic_id)) if leader == broker => {
                    let mut accumulator = self.shared.accumulator();
                    if !load.is_empty() && accumulator.next_bytes(&partition) > room {
                        drop(accumulator);
                        self.line(broker).waiting.push_front(partition);
                        break;
                    }
                    let Some(sending) = accumulator.take(&partition, now) else { continue };
                    room = room.saturating_sub(sending.bytes.len());
                    load.push((sending, topic_id));
                }
                _ => self.join_line(partition),
            }
        }
        load
    }

    fn start(&mut self, broker: BrokerId, load: Load) {
        self.line(broker).requests_in_flight += 1;
        let sent = load.iter().map(|(batch, _)| (batch.to.clone(), batch.id)).collect();
        let (shared, pool) = (self.shared.clone(), self.pool.clone());
        let producing = async move {
            let result = produce(&shared, &pool, broker, load).await;
            Event::Produced { broker, sent, result }
        };
        self.events.push(producing.boxed());
    }

    fn ask_identity(&mut self, now: Instant) {
        if self.identity_pace.may_begin(now) {
            let lost = self.shared.accumulator().identity();
            let cluster = self.shared.cluster.clone();
            let asking = async move { Event::Identified(identify(&cluster, lost).await) };
            self.events.push(asking.boxed());
        }
    }

    fn ask_metadata(&mut self, now: Instant) {
        if self.metadata_pace.may_begin(now) {
            let cluster = self.shared.cluster.clone();
            let topics: BTreeSet<_> = self.homeless.iter().map(|at| at.topic.clone()).collect();
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
                self.on_identified(result);
            }
            Event::MetadataAsked(result) => {
                self.metadata_pace.end(not_before);
                if let Err(error) = result {
                    tracing::debug!(%error, "no metadata");
                }
                for partition in std::mem::take(&mut self.homeless) {
                    self.join_line(partition);
                }
            }
        }
    }

    fn on_identified(&self, result: Result<Identity, Error>) {
        let mut accumulator = self.shared.accumulator();
        match result {
            Ok(identity) => accumulator.set_identity(Some(identity)),
            Err(error) if error.is_retriable() => tracing::debug!(%error, "no producer id"),
            // KIP-360: who can't go on as the same producer goes on as another.
            Err(error) if accumulator.identity().is_some() => {
                tracing::debug!(%error, "the producer id is given up");
                accumulator.set_identity(None);
            }
            Err(error) => {
                accumulator.fail_all(&error);
                accumulator.set_identity(None);
            }
        }
    }

    fn on_produced(
        &mut self,
        broker: BrokerId,
        sent: Vec<(TopicPartition, BatchId)>,
        mut result: Result<Answers, Error>,
    ) {
        self.line(broker).requests_in_flight -= 1;
        let cluster = &self.shared.cluster;
        if result.is_err() {
            cluster.invalidate_broker(broker);
        }
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
            self.shared.accumulator().settle(&partition, id, outcome, now, entropy);
        }
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
    fn tell(&self) {
        let settled = self.shared.accumulator().settled();
        if settled.is_empty() {
            return;
        }
        for Settled { receipt, result } in settled {
            if let Some(Receipt { token, records }) = receipt {
                token.tell(records, result);
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
    let has_ids = load.iter().all(|(_, id)| id.is_some());
    let max = if has_ids { *ProduceRequest::VERSIONS.end() } else { BY_NAME_MAX };
    let versions = *ProduceRequest::VERSIONS.start()..=max;
    let version = connection.version_within::<ProduceRequest>(versions)?;
    let options = &shared.options;
    let acks = match options.acks {
        Acks::None => 0,
        Acks::Leader => 1,
        Acks::All => -1,
    };
    let names: BTreeMap<TopicId, TopicName> =
        load.iter().filter_map(|(batch, id)| Some(((*id)?, batch.to.topic.clone()))).collect();
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
    for (Sending { to, bytes, .. }, id) in load {
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
