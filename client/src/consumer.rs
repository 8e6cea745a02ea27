//! Reads partitions from any place on.
//!
//! The consumer is told which partitions to read; sharing them out within a group is not its
//! business. One long-polling Fetch is under way to each broker that leads some of them, also while
//! the caller works on what the last one brought.

mod assigned;
mod records;
mod requests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use protocol::{BrokerId, ErrorCode, Offset, TopicName, TopicPartition, api::fetch::PartitionData};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use self::{assigned::Assigned, requests::From};
use crate::{
    backoff::Pace,
    cluster::{Cluster, Pool},
    error::Error,
    metadata_cache::Leader,
    offsets::{Found, Isolation, Place, Question},
};

pub use records::ConsumerRecord;

/// Where to read on when the position is unset or no longer there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// From the first record that is still there.
    Earliest,
    /// From the end.
    #[default]
    Latest,
    /// Nowhere: [`Consumer::poll`] returns [`Error::OffsetOutOfRange`].
    None,
}

/// How a consumer reads. The default is Kafka's.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// What it sees of transactions.
    pub isolation: Isolation,
    /// Where to read on when the position is unset or no longer there.
    pub offset_reset: OffsetReset,
    /// How long a broker may wait for `min_bytes`.
    pub max_wait: Duration,
    /// How many bytes a broker waits for.
    pub min_bytes: i32,
    /// How many bytes a broker answers at most, but for a first batch that is larger.
    pub max_bytes: i32,
    /// How many of them may be of one partition.
    pub partition_max_bytes: i32,
    /// How large a batch may be when it's decompressed, in bytes.
    pub batch_bytes_max: usize,
    /// How many records one poll returns at most.
    pub poll_records_max: usize,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            offset_reset: OffsetReset::default(),
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_max_bytes: 1 << 20,
            batch_bytes_max: 256 << 20,
            poll_records_max: 500,
        }
    }
}

/// Reads partitions.
pub struct Consumer {
    cluster: Cluster,
    options: ConsumerOptions,
    /// Connections on which fetches wait, and others for short questions.
    fetches: Arc<Pool>,
    questions: Arc<Pool>,
    assigned: BTreeMap<TopicPartition, Assigned>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    /// Brokers with a fetch under way, and with a question.
    fetching: BTreeSet<BrokerId>,
    asking: BTreeSet<BrokerId>,
    metadata_pace: Pace,
    /// The partition whose records were handed out last: others come first in the next fetch.
    cursor: Option<TopicPartition>,
    errors: VecDeque<Error>,
}

enum Event {
    Fetched {
        broker: BrokerId,
        from: BTreeMap<TopicPartition, Offset>,
        result: Result<BTreeMap<TopicPartition, PartitionData>, Error>,
    },
    Located {
        broker: BrokerId,
        sought: BTreeMap<TopicPartition, Place>,
        result: Result<BTreeMap<TopicPartition, Result<Found, Error>>, Error>,
    },
    MetadataAsked(Result<(), Error>),
}

impl Consumer {
    /// A consumer of a cluster, with connections of its own. It reads nothing yet.
    #[must_use]
    pub fn new(cluster: Cluster, options: ConsumerOptions) -> Self {
        Self {
            fetches: Arc::new(Pool::new(cluster.clone())),
            questions: Arc::new(Pool::new(cluster.clone())),
            cluster,
            options,
            assigned: BTreeMap::new(),
            events: FuturesUnordered::new(),
            fetching: BTreeSet::new(),
            asking: BTreeSet::new(),
            metadata_pace: Pace::default(),
            cursor: None,
            errors: VecDeque::new(),
        }
    }

    /// Says which partitions to read from now on. Those that were read already go on where they
    /// are; the others begin where the reset policy says, unless they're sent elsewhere.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let mut before = std::mem::take(&mut self.assigned);
        let keep = |partition: TopicPartition| {
            let assigned = before.remove(&partition).unwrap_or_else(Assigned::new);
            (partition, assigned)
        };
        self.assigned = partitions.into_iter().map(keep).collect();
    }

    /// The partitions that are read.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.assigned.keys()
    }

    /// Reads a partition from another place on.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn seek(&mut self, partition: &TopicPartition, place: Place) -> Result<(), Error> {
        self.assigned_mut(partition)?.seek(place);
        Ok(())
    }

    /// The offset of the next record that [`Consumer::poll`] returns of a partition, asking the
    /// broker where that isn't known yet.
    ///
    /// # Errors
    /// [`Error::NotAssigned`]; why it could not be found out within the cluster's `retry_for`.
    pub async fn position(&mut self, partition: &TopicPartition) -> Result<Offset, Error> {
        let deadline = Instant::now() + self.cluster.options().retry_for;
        loop {
            if let Some(position) = self.assigned_mut(partition)?.position() {
                return Ok(position);
            }
            if let Some(error) = self.errors.pop_front() {
                return Err(error);
            }
            if Instant::now() >= deadline {
                return Err(Error::answer(ErrorCode::RequestTimedOut, partition, None));
            }
            self.step(deadline).await;
        }
    }

    /// The end of a partition as a reader sees it, by the last answer that brought one.
    #[must_use]
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        self.assigned.get(partition)?.high_watermark
    }

    /// The next records: of each partition in the order of their offsets. Waits for some for a
    /// while; then there are none.
    ///
    /// # Errors
    /// What won't pass by itself, after all records that came before it have been returned. Reading
    /// goes on with the next call, where it can.
    pub async fn poll(&mut self, at_most: Duration) -> Result<Vec<ConsumerRecord>, Error> {
        let deadline = Instant::now() + at_most;
        loop {
            self.take_in_what_is_there();
            let records = self.take();
            if !records.is_empty() {
                // The next fetch is on its way while the caller works.
                self.start(Instant::now());
                self.take_in_what_is_there();
                return Ok(records);
            }
            if let Some(error) = self.errors.pop_front() {
                return Err(error);
            }
            self.step(deadline).await;
            if Instant::now() >= deadline {
                self.take_in_what_is_there();
                return Ok(self.take());
            }
        }
    }

    fn assigned_mut(&mut self, partition: &TopicPartition) -> Result<&mut Assigned, Error> {
        let assigned = self.assigned.get_mut(partition);
        assigned.ok_or_else(|| Error::NotAssigned { partition: partition.clone() })
    }

    /// Hands out records, beginning with the partition behind the last one, so that all have their
    /// turn.
    fn take(&mut self) -> Vec<ConsumerRecord> {
        let mut records = Vec::new();
        for partition in self.in_turn() {
            let room = self.options.poll_records_max - records.len();
            let assigned = self.assigned.get_mut(&partition).expect("listed above");
            let before = records.len();
            records.extend(assigned.take(room));
            if records.len() > before {
                self.cursor = Some(partition);
            }
            if records.len() >= self.options.poll_records_max {
                break;
            }
        }
        records
    }

    /// The partitions, from the one behind the cursor on.
    fn in_turn(&self) -> Vec<TopicPartition> {
        let mut partitions: Vec<_> = self.assigned.keys().cloned().collect();
        if let Some(cursor) = &self.cursor {
            let behind = partitions.partition_point(|partition| partition <= cursor);
            partitions.rotate_left(behind);
        }
        partitions
    }

    /// Starts what can be started, and waits for something to happen, until the deadline at most.
    async fn step(&mut self, deadline: Instant) {
        let wake_at = self.start(Instant::now()).map_or(deadline, |at| at.min(deadline));
        if !self.errors.is_empty() {
            return;
        }
        select! {
            biased;
            Some(event) = self.events.next() => self.on(event),
            () = sleep_until(wake_at) => {}
        }
    }

    fn take_in_what_is_there(&mut self) {
        while let Some(Some(event)) = self.events.next().now_or_never() {
            self.on(event);
        }
    }

    /// Starts requests for all partitions that have none under way. Returns when to look again,
    /// should nothing else happen.
    fn start(&mut self, now: Instant) -> Option<Instant> {
        let mut unknown = BTreeSet::new();
        let mut fetches: BTreeMap<BrokerId, Vec<(TopicPartition, From)>> = BTreeMap::new();
        let mut sought: BTreeMap<BrokerId, BTreeMap<TopicPartition, (Place, Question)>> =
            BTreeMap::new();
        for partition in self.in_turn() {
            self.reset_if_unset(&partition);
            let assigned = &self.assigned[&partition];
            if assigned.is_paused(now) {
                continue;
            }
            let Some((leader, topic_id)) = self.leader(&partition) else {
                self.cluster.invalidate(&partition.topic);
                unknown.insert(partition.topic);
                continue;
            };
            let question =
                assigned.sought().map(|place| (place, Question::new(place, leader.epoch)));
            if let Some((place, Some(question))) = question {
                sought.entry(leader.id).or_default().insert(partition, (place, question));
            } else if let Some(offset) = assigned.fetch_from(self.options.poll_records_max) {
                let from = From { offset, leader_epoch: leader.epoch, topic_id };
                fetches.entry(leader.id).or_default().push((partition, from));
            }
        }
        for (broker, partitions) in fetches {
            self.start_fetch(broker, partitions);
        }
        for (broker, questions) in sought {
            self.start_locating(broker, questions);
        }
        if !unknown.is_empty() {
            self.ask_metadata(unknown, now);
        }
        let pauses = self.assigned.values().filter_map(|assigned| assigned.paused_until);
        pauses.chain(self.metadata_pace.wake_at(now)).filter(|at| *at > now).min()
    }

    fn leader(&self, of: &TopicPartition) -> Option<(Leader, Option<protocol::TopicId>)> {
        let topic = self.cluster.known_topic(&of.topic)?;
        Some((topic.leader(of.partition)?, topic.id))
    }

    fn start_fetch(&mut self, broker: BrokerId, partitions: Vec<(TopicPartition, From)>) {
        if !self.fetching.insert(broker) {
            return;
        }
        let from = partitions.iter().map(|(at, from)| (at.clone(), from.offset)).collect();
        let (pool, options) = (self.fetches.clone(), self.options.clone());
        let fetching = async move {
            let result = requests::fetch(pool, broker, options, partitions).await;
            Event::Fetched { broker, from, result }
        };
        self.events.push(fetching.boxed());
    }

    fn start_locating(
        &mut self,
        broker: BrokerId,
        questions: BTreeMap<TopicPartition, (Place, Question)>,
    ) {
        if !self.asking.insert(broker) {
            return;
        }
        let sought = questions.iter().map(|(at, (place, _))| (at.clone(), *place)).collect();
        let questions = questions.into_iter().map(|(at, (_, question))| (at, question)).collect();
        let (pool, options) = (self.questions.clone(), self.options.clone());
        let locating = async move {
            let result = requests::locate(pool, broker, options, questions).await;
            Event::Located { broker, sought, result }
        };
        self.events.push(locating.boxed());
    }

    fn ask_metadata(&mut self, topics: BTreeSet<TopicName>, now: Instant) {
        if self.metadata_pace.may_begin(now) {
            let (cluster, topics) = (self.cluster.clone(), Vec::from_iter(topics));
            let asking =
                async move { Event::MetadataAsked(cluster.refresh(&topics).await.map(|_| ())) };
            self.events.push(asking.boxed());
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Fetched { broker, from, result } => {
                self.fetching.remove(&broker);
                match result {
                    Ok(mut answers) => {
                        for (partition, offset) in from {
                            // What the answer leaves out has no news.
                            if let Some(data) = answers.remove(&partition) {
                                self.on_fetched(&partition, offset, data);
                            }
                        }
                    }
                    Err(error) => self.on_broker_failed(broker, from.into_keys(), &error),
                }
            }
            Event::Located { broker, sought, result } => {
                self.asking.remove(&broker);
                match result {
                    Ok(mut answers) => {
                        for (partition, place) in sought {
                            let missing = || {
                                let message = "the broker's answer leaves it out";
                                let code = ErrorCode::UnknownServerError;
                                Err(Error::answer(code, &partition, Some(message)))
                            };
                            let answer = answers.remove(&partition).unwrap_or_else(missing);
                            self.on_located(&partition, place, answer);
                        }
                    }
                    Err(error) => self.on_broker_failed(broker, sought.into_keys(), &error),
                }
            }
            Event::MetadataAsked(result) => {
                let cluster = &self.cluster;
                let wait = cluster.options().backoff.after(1, &*cluster.doors().entropy);
                self.metadata_pace.end(Instant::now() + wait);
                if let Err(error) = result {
                    tracing::debug!(%error, "no metadata");
                }
            }
        }
    }

    fn on_fetched(&mut self, at: &TopicPartition, offset: Offset, data: PartitionData) {
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        if !assigned.is_fetching(offset) {
            return;
        }
        if data.error_code == ErrorCode::OffsetOutOfRange {
            return self.on_out_of_range(at, offset);
        }
        if let Err(error) = Error::check(data.error_code, at, None) {
            let leader = &data.current_leader;
            let is_news = self.cluster.learn_leader(at, leader.leader_id, leader.leader_epoch);
            return self.on_failed(at, error, is_news);
        }
        assigned.high_watermark = Some(data.high_watermark);
        let Some(bytes) = data.records.filter(|bytes| !bytes.is_empty()) else { return };
        let aborted = data.aborted_transactions.unwrap_or_default();
        let ConsumerOptions { isolation, batch_bytes_max, .. } = self.options;
        match records::decode(at, offset, &bytes, isolation, aborted, batch_bytes_max) {
            Ok(decoded) => assigned.fetched(decoded),
            Err(error) => self.on_failed(at, error, false),
        }
    }

    fn on_located(&mut self, at: &TopicPartition, place: Place, answer: Result<Found, Error>) {
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        if assigned.sought() != Some(place) {
            return;
        }
        match answer.map(|found| found.offset) {
            Ok(Some(offset)) => assigned.seek(Place::At(offset)),
            // No record that late: what comes next is.
            Ok(None) if place != Place::End => assigned.seek(Place::End),
            Ok(None) => {
                let error = Error::answer(ErrorCode::OffsetNotAvailable, at, None);
                self.on_failed(at, error, false);
            }
            Err(error) => self.on_failed(at, error, false),
        }
    }

    /// A partition begins where the reset policy says.
    fn reset_if_unset(&mut self, at: &TopicPartition) {
        let assigned = self.assigned.get_mut(at).expect("only what is assigned is reset");
        if !assigned.is_unset() {
            return;
        }
        match self.options.offset_reset {
            OffsetReset::Earliest => assigned.seek(Place::Beginning),
            OffsetReset::Latest => assigned.seek(Place::End),
            OffsetReset::None if self.errors.is_empty() => {
                let offset = Offset(-1);
                self.errors.push_back(Error::OffsetOutOfRange { partition: at.clone(), offset });
            }
            OffsetReset::None => {}
        }
    }

    fn on_out_of_range(&mut self, at: &TopicPartition, offset: Offset) {
        let assigned = self.assigned.get_mut(at).expect("only what is assigned is fetched");
        let place = match self.options.offset_reset {
            OffsetReset::Earliest => Place::Beginning,
            OffsetReset::Latest => Place::End,
            OffsetReset::None => {
                let error = Error::OffsetOutOfRange { partition: at.clone(), offset };
                return self.on_failed(at, error, false);
            }
        };
        tracing::info!(partition = %at, %offset, ?place, "offset out of range: reading on elsewhere");
        assigned.seek(place);
    }

    fn on_broker_failed(
        &mut self,
        broker: BrokerId,
        partitions: impl Iterator<Item = TopicPartition>,
        error: &Error,
    ) {
        self.cluster.invalidate_broker(broker);
        if !error.is_retriable() {
            self.errors.push_back(error.clone());
        }
        for partition in partitions {
            self.pause(&partition);
        }
    }

    /// Lets a partition rest after an error. The caller hears of it unless it may pass.
    fn on_failed(&mut self, at: &TopicPartition, error: Error, is_leader_news: bool) {
        tracing::debug!(partition = %at, %error, "not read");
        if error.is_of_stale_metadata() && !is_leader_news {
            self.cluster.invalidate(&at.topic);
        }
        if !error.is_retriable() {
            self.errors.push_back(error);
        }
        self.pause(at);
    }

    fn pause(&mut self, at: &TopicPartition) {
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        assigned.failures += 1;
        let entropy = &*self.cluster.doors().entropy;
        let wait = self.cluster.options().backoff.after(assigned.failures, entropy);
        assigned.paused_until = Some(Instant::now() + wait);
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("assigned", &self.assigned).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
