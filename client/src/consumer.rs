//! Reads partitions from any place on.
//!
//! The consumer is told which partitions to read; sharing them out within a group is not its
//! business. One long-polling Fetch is under way to each broker that leads some of them, also while
//! the application works on what the last one brought.

mod aborted;
mod answers;
mod assigned;
mod fetch_session;
mod fetched;
mod fetcher;
mod options;
mod read_ahead;
mod record;
mod requests;
mod reset;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use protocol::{BrokerId, ErrorCode, LeaderEpoch, Offset, Timestamp, TopicPartition};
use tokio::time::{Instant, timeout};

use self::{answers::Event, assigned::Assigned, fetched::Point, fetcher::Peer};
use crate::{
    admin::Admin,
    backoff::Pace,
    cluster::{Cluster, Pool},
    error::Error,
    offsets::{Found, Isolation, Place},
};

pub use options::{ConsumerOptions, OffsetReset};
pub use record::ConsumerRecord;

/// Reads partitions.
///
/// A consumer works while it is called: [`Consumer::poll`] hands out what has come and asks for
/// more, so that the brokers' next answers are on their way while the application works on the
/// last ones. What is fetched ahead has a bound, [`ConsumerOptions::read_ahead_bytes`].
///
/// Brokers that lose records, by an unclean election, don't deceive it: it remembers the leader's
/// epoch of what it has read, and finds out when the log has something else in that place
/// (KIP-320). It then reads on from where the logs part, or with [`OffsetReset::None`] says so.
///
/// ```no_run
/// use std::time::Duration;
///
/// use client::{Cluster, Consumer, ConsumerOptions, OffsetReset, protocol::TopicPartition};
///
/// async fn follow(cluster: Cluster) -> Result<(), client::Error> {
///     let topic = cluster.wait_for_topic(&"positions".into()).await?;
///     let options =
///         ConsumerOptions { offset_reset: OffsetReset::Earliest, ..Default::default() };
///     let mut consumer = Consumer::new(cluster, options);
///     let partitions = topic.partitions.keys();
///     consumer.assign(partitions.map(|&partition| TopicPartition {
///         topic: topic.name.clone(),
///         partition,
///     }));
///     loop {
///         for record in consumer.poll(Duration::from_secs(1)).await? {
///             println!("{} {}: {:?}", record.partition, record.offset, record.value);
///         }
///     }
/// }
/// ```
pub struct Consumer {
    cluster: Cluster,
    options: ConsumerOptions,
    /// Connections on which fetches wait, and others for short questions.
    fetches: Arc<Pool>,
    questions: Arc<Pool>,
    assigned: BTreeMap<TopicPartition, Assigned>,
    /// Partitions with something to hand out, in turn.
    line: VecDeque<TopicPartition>,
    peers: BTreeMap<BrokerId, Peer>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    metadata_pace: Pace,
    /// Whether something has happened since requests were started.
    has_changed: bool,
    /// When to start requests even if nothing happens.
    wake_at: Option<Instant>,
    errors: VecDeque<Error>,
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
            line: VecDeque::new(),
            peers: BTreeMap::new(),
            events: FuturesUnordered::new(),
            metadata_pace: Pace::default(),
            has_changed: true,
            wake_at: None,
            errors: VecDeque::new(),
        }
    }

    /// Says which partitions to read from now on. Those that were read already go on where they
    /// are, paused or not; the others begin where the reset policy says, unless they're sent
    /// elsewhere.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let mut before = std::mem::take(&mut self.assigned);
        let keep = |partition: TopicPartition| {
            let assigned = before.remove(&partition).unwrap_or_default();
            (partition, assigned)
        };
        self.assigned = partitions.into_iter().map(keep).collect();
        // In a running session the brokers may have no news of a partition that was assigned just
        // before, but it begins with none.
        self.peers.values_mut().for_each(|peer| peer.asks_anew = true);
        self.line.retain(|partition| self.assigned.contains_key(partition));
        self.has_changed = true;
    }

    /// The partitions that are read, paused or not.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.assigned.keys()
    }

    /// Reads a partition from another place on: an offset, the beginning, the end, a time. It takes
    /// effect with the next [`Consumer::poll`], also where the place must be asked for.
    ///
    /// ```no_run
    /// use client::{Consumer, Place, protocol::{Timestamp, TopicPartition}};
    ///
    /// fn from_new_year(
    ///     consumer: &mut Consumer,
    ///     partition: &TopicPartition,
    /// ) -> Result<(), client::Error> {
    ///     consumer.seek(partition, Place::Time(Timestamp(1_767_225_600_000)))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn seek(&mut self, partition: &TopicPartition, place: Place) -> Result<(), Error> {
        self.assigned_mut(partition)?.seek(place);
        self.has_changed = true;
        Ok(())
    }

    /// Reads a partition on from where somebody left off: at an offset, behind a record of this
    /// leader's epoch. If the log has lost that record meanwhile, it is noticed (KIP-320).
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn seek_behind(
        &mut self,
        partition: &TopicPartition,
        offset: Offset,
        epoch: LeaderEpoch,
    ) -> Result<(), Error> {
        let next = Point { offset, epoch };
        self.assigned_mut(partition)?.go_to(next, LeaderEpoch::default());
        self.has_changed = true;
        Ok(())
    }

    /// Hands out nothing of these partitions until they are resumed. They stay assigned and keep
    /// their positions, and what was fetched of them as long as the memory isn't needed for others.
    ///
    /// # Errors
    /// [`Error::NotAssigned`]; then none of them is paused.
    pub fn pause<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<(), Error> {
        self.set_paused(partitions, true)
    }

    /// Goes on with partitions that were paused, and with others as before.
    ///
    /// # Errors
    /// [`Error::NotAssigned`]; then none of them is resumed.
    pub fn resume<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<(), Error> {
        self.set_paused(partitions, false)
    }

    /// The assigned partitions that are paused.
    pub fn paused(&self) -> impl Iterator<Item = &TopicPartition> {
        self.assigned.iter().filter(|(_, assigned)| assigned.is_paused).map(|(at, _)| at)
    }

    fn set_paused<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
        is_paused: bool,
    ) -> Result<(), Error> {
        let partitions: Vec<_> = partitions.into_iter().collect();
        for partition in &partitions {
            self.assigned_mut(partition)?;
        }
        for partition in partitions {
            self.assigned_mut(partition)?.is_paused = is_paused;
            self.stand_in_line(partition);
        }
        self.has_changed = true;
        Ok(())
    }

    /// The offset of the next record that [`Consumer::poll`] returns of a partition, or one before
    /// it that has no record; asks the broker where it isn't known yet.
    ///
    /// # Errors
    /// [`Error::NotAssigned`]; why it could not be found out within the cluster's `retry_for`.
    pub async fn position(&mut self, partition: &TopicPartition) -> Result<Offset, Error> {
        let deadline = Instant::now() + self.cluster.options().retry_for;
        loop {
            if let Some(next) = self.assigned_mut(partition)?.next() {
                return Ok(next.offset);
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

    /// The end of what is replicated of a partition, by the last answer that brought news of it;
    /// none before the first one.
    #[must_use]
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        Some(self.assigned.get(partition)?.watermarks?.high_watermark)
    }

    /// How many offsets the position of a partition is behind the end that this consumer may read
    /// to, by the last answer that brought news of it; none before the first one.
    #[must_use]
    pub fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        let assigned = self.assigned.get(partition)?;
        let (next, watermarks) = (assigned.next()?, assigned.watermarks?);
        let end = match self.options.isolation {
            Isolation::ReadCommitted if watermarks.last_stable_offset.0 >= 0 => {
                watermarks.last_stable_offset
            }
            _ => watermarks.high_watermark,
        };
        Some((end.0 - next.offset.0).max(0))
    }

    /// The first record of each partition at or after a time (milliseconds since 1970), where there
    /// is one. The partitions needn't be assigned.
    ///
    /// # Errors
    /// A partition that doesn't exist; no leader that answers within the cluster's `retry_for`.
    pub async fn offsets_for_times(
        &self,
        times: impl IntoIterator<Item = (TopicPartition, Timestamp)>,
    ) -> Result<BTreeMap<TopicPartition, Found>, Error> {
        self.find(times.into_iter().map(|(at, time)| (at, Place::Time(time)))).await
    }

    /// Where each partition begins. The partitions needn't be assigned.
    ///
    /// # Errors
    /// As [`Consumer::offsets_for_times`].
    pub async fn beginning_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Offset>, Error> {
        self.find_ends(partitions, Place::Beginning).await
    }

    /// Where each partition ends: behind the last record that this consumer may read, be it there
    /// yet or compacted away. The partitions needn't be assigned.
    ///
    /// ```no_run
    /// use client::{Consumer, protocol::TopicPartition};
    ///
    /// async fn is_read(consumer: &mut Consumer, at: TopicPartition) -> Result<bool, client::Error> {
    ///     let ends = consumer.end_offsets([at.clone()]).await?;
    ///     Ok(consumer.position(&at).await? >= ends[&at])
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Consumer::offsets_for_times`].
    pub async fn end_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Offset>, Error> {
        self.find_ends(partitions, Place::End).await
    }

    async fn find_ends(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        place: Place,
    ) -> Result<BTreeMap<TopicPartition, Offset>, Error> {
        let found = self.find(partitions.into_iter().map(|at| (at, place))).await?;
        let offset = |(at, found): (TopicPartition, Found)| match found.offset {
            Some(offset) => Ok((at, offset)),
            None => Err(Error::answer(ErrorCode::OffsetNotAvailable, &at, None)),
        };
        found.into_iter().map(offset).collect()
    }

    async fn find(
        &self,
        places: impl Iterator<Item = (TopicPartition, Place)>,
    ) -> Result<BTreeMap<TopicPartition, Found>, Error> {
        let admin = Admin::new(self.cluster.clone());
        admin.list_offsets(&places.collect(), self.options.isolation).await
    }

    /// The next records: of each partition in the order of their offsets. Waits for some for a
    /// while; then there are none. What has been fetched already is returned without waiting.
    /// A call that is dropped loses nothing.
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
                self.start_what_is_due();
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

    /// Ends the fetch sessions with the brokers. Those of a consumer that is dropped instead, or
    /// that can't be ended within a request's timeout, take up a place at their broker until it
    /// needs it for others.
    pub async fn close(self) {
        let at_most = self.cluster.options().connection.request_timeout;
        if timeout(at_most, self.end_sessions()).await.is_err() {
            tracing::debug!("fetch sessions are left to the brokers");
        }
    }

    fn assigned_mut(&mut self, partition: &TopicPartition) -> Result<&mut Assigned, Error> {
        let assigned = self.assigned.get_mut(partition);
        assigned.ok_or_else(|| Error::NotAssigned { partition: partition.clone() })
    }

    /// Lets a partition have its turn, if it has something to hand out.
    fn stand_in_line(&mut self, partition: &TopicPartition) {
        if let Some(assigned) = self.assigned.get_mut(partition)
            && assigned.is_ready()
            && !assigned.is_in_line
        {
            assigned.is_in_line = true;
            self.line.push_back(partition.clone());
        }
    }

    /// Hands out records, of one partition after the other.
    fn take(&mut self) -> Vec<ConsumerRecord> {
        let ConsumerOptions { poll_records_max, batch_bytes_max, .. } = self.options;
        let mut records = Vec::new();
        while records.len() < poll_records_max
            && let Some(partition) = self.line.pop_front()
        {
            let Some(assigned) = self.assigned.get_mut(&partition) else { continue };
            assigned.is_in_line = false;
            if assigned.is_paused {
                continue;
            }
            if records.is_empty() {
                records.reserve(poll_records_max.min(1024));
            }
            let had_room = self.has_room(&partition);
            let assigned = self.assigned.get_mut(&partition).expect("found above");
            match assigned.take(&partition, poll_records_max, batch_bytes_max, &mut records) {
                Ok(let_go) => {
                    self.has_changed |= let_go || had_room != self.has_room(&partition);
                    self.stand_in_line(&partition);
                }
                Err((offset, source)) => self.on_corrupt(&partition, offset, source),
            }
        }
        records
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("assigned", &self.assigned).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
