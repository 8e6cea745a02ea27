//! What a partition's lock guards.

use std::{sync::Arc, time::Duration};

use metadata::config::TopicConfig;
use protocol::{
    ErrorCode, LeaderEpoch, Offset, Timestamp, api::fetch::PartitionData, bug, records::BatchHeader,
};
use replica::{
    Advance, Assignment, LogOffsets, ProducerStates, Replica, ReplicaConfig, Role, Transition,
};
use storage::{Log, LogConfig, SyncJob};
use tokio::{sync::Notify, time::Instant};

use super::{
    FetchedBatches, Sight, ack_queue::AckQueue, fetch_waiter::FetchWaiters, following::Cut,
};
use crate::{log_dirs::Rebuilt, witness::Event};

/// How much more consumers see.
#[derive(Clone, Copy)]
enum Progress {
    Bytes(usize),
    /// Not worth finding out: who waits looks for itself.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) replica: Replica,
    pub(crate) log: Log,
    pub(crate) config: Arc<TopicConfig>,
    /// What the controller decided last.
    pub(super) assignment: Option<Assignment>,
    pub(super) sight: Sight,
    pub(super) acks: AckQueue,
    /// Consumers' fetches, which wait for the high watermark.
    pub(super) consumers: FetchWaiters,
    /// Followers' fetches, which wait for the log's end, and to hear of a newer high watermark.
    pub(super) followers: FetchWaiters,
    opened_at: Instant,
    shown_high_watermark: Offset,
    /// As a follower: what the leader has said last of its own.
    pub(super) leader_high_watermark: Option<Offset>,
    /// Told when a sync has ended, or none will any more.
    sync_ended: Arc<Notify>,
    /// Since when there are records that no sync has begun for: `flush.ms` counts from then.
    unsynced_since: Option<Instant>,
    jitter_draw: u64,
    /// The log was closed or deleted: its files are somebody else's now.
    is_retired: bool,
}

impl State {
    /// The draw is that of [`log_config`], with which the log was opened.
    pub(crate) fn new(
        replica: Replica,
        log: Log,
        config: Arc<TopicConfig>,
        jitter_draw: u64,
        sight: Sight,
    ) -> Self {
        let LogOffsets { log_start_offset, log_end_offset, synced_end } = replica.log();
        let high_watermark = replica.high_watermark();
        sight.saw(&Event::Opened { log_start_offset, log_end_offset, high_watermark });
        sight.saw(&Event::Synced { synced_end });
        Self {
            shown_high_watermark: high_watermark,
            leader_high_watermark: None,
            replica,
            log,
            config,
            assignment: None,
            sight,
            acks: AckQueue::default(),
            consumers: FetchWaiters::default(),
            followers: FetchWaiters::default(),
            opened_at: Instant::now(),
            sync_ended: Arc::default(),
            unsynced_since: None,
            jitter_draw,
            is_retired: false,
        }
    }

    /// How long ago the replica was opened: the time that its rules go by.
    pub(super) fn age(&self) -> Duration {
        self.opened_at.elapsed()
    }

    /// Writes a producer's batch at the log's end, and tells the replica.
    pub(super) fn write(
        &mut self,
        batch: &[u8],
        header: &BatchHeader,
        now: Timestamp,
    ) -> Result<(), storage::Error> {
        let producers = self.replica.producers();
        self.log.append(batch, header, now, || producers.entries().collect())?;
        let appended = self.replica.appended(header, None);
        self.saw_appended(header, true);
        self.unsynced_since.get_or_insert_with(Instant::now);
        self.followers.progress(batch.len());
        self.advanced(appended.advance, Progress::Bytes(batch.len()));
        Ok(())
    }

    /// Takes what a leader answered: its batches first, then how far it has got with them.
    pub(super) fn take_fetched(
        &mut self,
        fetched: &FetchedBatches,
        data: &PartitionData,
        now: Timestamp,
    ) -> Result<(), storage::Error> {
        let bytes_max = usize::try_from(self.config.segment_bytes).unwrap_or(usize::MAX);
        for (bytes, headers) in fetched.runs(bytes_max) {
            let producers = self.replica.producers();
            self.log.append_fetched(bytes, headers, now, || producers.entries().collect())?;
            for header in headers {
                let appended = self.replica.appended(header, None);
                self.saw_appended(header, false);
                self.advanced(appended.advance, Progress::Unknown);
            }
        }
        if !fetched.is_empty() {
            self.unsynced_since.get_or_insert_with(Instant::now);
        }
        self.leader_high_watermark = Some(data.high_watermark);
        let advance = self.replica.leader_high_watermark(data.high_watermark);
        self.advanced(advance, Progress::Unknown);
        // Records that the leader has deleted go here too, once they are known to be committed.
        let start = data.log_start_offset.min(self.replica.high_watermark());
        if start > self.log.log_start_offset() {
            self.log.advance_log_start_offset(start)?;
            self.log_start_moved();
        }
        Ok(())
    }

    fn saw_appended(&self, header: &BatchHeader, as_leader: bool) {
        let leader_epoch = self.replica.leader_epoch();
        self.sight.saw(&Event::Appended { header, as_leader, leader_epoch });
    }

    /// Cuts the log, and rebuilds from what is left of it what is known of producers.
    pub(super) fn cut(&mut self, cut: Cut, now: Timestamp) -> Result<(), storage::Error> {
        let start = self.log.log_start_offset();
        let from = match cut {
            Cut::To(offset) => offset,
            Cut::StartAnewAt(_) => start,
        };
        self.sight.saw(&Event::Truncating { from });
        match cut {
            Cut::To(offset) => {
                self.log.truncate_to(offset, now)?;
            }
            Cut::StartAnewAt(offset) => self.log.truncate_fully_and_start_at(offset, now)?,
        }
        let mut producers = Rebuilt::default();
        self.log.replay_producers(&mut producers)?;
        let states = if bug!(T4) { ProducerStates::new() } else { producers.states };
        self.replica.truncated(log_offsets(&self.log), states);
        self.sight.saw(&Event::Truncated { log_end_offset: self.log.log_end_offset() });
        let log_start_offset = self.log.log_start_offset();
        if log_start_offset != start {
            self.sight.saw(&Event::LogStartMoved { log_start_offset });
        }
        self.show_high_watermark();
        Ok(())
    }

    fn log_start_moved(&mut self) {
        let log_start_offset = self.log.log_start_offset();
        if log_start_offset == self.replica.log().log_start_offset {
            return;
        }
        let advance = self.replica.log_start_moved(log_start_offset);
        self.sight.saw(&Event::LogStartMoved { log_start_offset });
        self.advanced(advance, Progress::Unknown);
    }

    /// Whether something that was appended may be acknowledged only after a sync.
    pub(super) fn is_acknowledgement_pending(&self) -> bool {
        let pending = self.replica.acknowledged_end() < self.replica.log().log_end_offset;
        pending && self.is_in_use() && !self.is_offline()
    }

    pub(super) fn sync_ended(&self) -> &Arc<Notify> {
        &self.sync_ended
    }

    /// Whether what is unsynced has become too much (`flush.messages`), too old (`flush.ms`), or a
    /// closed segment.
    pub(super) fn wants_sync(&self, now: Instant) -> bool {
        let unsynced = self.log.log_end_offset().0 - self.log.synced_end().0;
        let too_many = self
            .config
            .flush_messages
            .is_some_and(|max| u64::try_from(unsynced).is_ok_and(|unsynced| unsynced >= max));
        // What is closed is synced soon, so that recovery never scans more than one segment.
        too_many || self.log.has_closed_unsynced() || self.is_overdue(now)
    }

    /// Whether the oldest unsynced record is older than `flush.ms` allows.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let (Some(since), Some(max)) = (self.unsynced_since, self.config.flush_interval) else {
            return false;
        };
        now.saturating_duration_since(since) >= max
    }

    /// Whether there are records that a power failure would take.
    pub(super) fn has_unsynced(&self) -> bool {
        self.log.synced_end() < self.log.log_end_offset()
    }

    /// Collects what a sync has to do.
    pub(super) fn begin_sync(&mut self) -> Option<SyncJob> {
        self.unsynced_since = None;
        self.log.begin_sync()
    }

    /// Takes note of a sync.
    pub(super) fn synced(&mut self) {
        let synced_end = self.log.synced_end();
        let advance = self.replica.synced(synced_end);
        self.sight.saw(&Event::Synced { synced_end });
        self.sync_ended.notify_waiters();
        self.advanced(advance, Progress::Unknown);
    }

    /// Takes a decision of the controller: the role first, then the log's epochs, before anything
    /// can be appended in the new one. Returns whether it's newer than what was known.
    pub(super) fn assign(&mut self, assignment: &Assignment) -> bool {
        let known = self.replica.partition_epoch();
        let assigned = self.replica.assign(assignment, self.age());
        if self.replica.partition_epoch() == known {
            return false;
        }
        self.assignment = Some(assignment.clone());
        self.sight.saw(&Event::Assigned(assignment));
        if let Transition::LeaderEpochStarted { leader_epoch, start_offset } = assigned.transition {
            self.log.assign_epoch(leader_epoch, start_offset);
        }
        // KIP-101: a follower keeps what is above its high watermark, which may be behind. What of it
        // isn't the leader's, the leader's epochs will tell.
        if bug!(R1) && matches!(assigned.transition, Transition::Following { leader: Some(_), .. })
        {
            let cut = Cut::To(self.replica.high_watermark());
            self.cut(cut, Timestamp(0)).expect("a planted bug needn't be careful");
        }
        if assigned.transition != Transition::None {
            // Whoever waits at a leader that is none any more has to look elsewhere.
            self.consumers.wake_all();
            self.followers.wake_all();
            self.leader_high_watermark = None;
        }
        self.advanced(assigned.advance, Progress::Unknown);
        true
    }

    pub(super) fn configure(&mut self, config: Arc<TopicConfig>) {
        self.log.set_config(log_config(&config, self.jitter_draw));
        let advance = self.replica.configured(replica_config(&config));
        self.config = config;
        self.advanced(advance, Progress::Unknown);
    }

    /// Where a leader epoch ends here; epoch and offset are -1 where the log can't tell. The
    /// current epoch ends with the log, whether or not anything was appended in it.
    pub(super) fn epoch_end_offset(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        if epoch == self.replica.leader_epoch() {
            return (epoch, self.log.log_end_offset());
        }
        self.log.epoch_end_offset(epoch).unwrap_or((LeaderEpoch(-1), Offset(-1)))
    }

    /// Deletes old segments. Returns how many.
    pub(super) fn retain(&mut self, now: Timestamp) -> Result<usize, storage::Error> {
        let (high_watermark, producers) = (self.replica.high_watermark(), self.replica.producers());
        let snapshot = || producers.entries().collect();
        let deleted = self.log.delete_old_segments(now, high_watermark, snapshot)?;
        self.log_start_moved();
        Ok(deleted)
    }

    /// Whether the log's files are still this partition's.
    pub(super) fn is_in_use(&self) -> bool {
        !self.is_retired
    }

    /// Whether the replica failed.
    pub(super) fn is_offline(&self) -> bool {
        *self.replica.role() == Role::Offline
    }

    /// The disk or a bug has ended this replica, until it's opened anew.
    pub(super) fn take_offline(&mut self) {
        self.end(ErrorCode::KafkaStorageError);
    }

    /// The log is out of use: whoever waits for it is told.
    pub(super) fn retire(&mut self, error: ErrorCode) {
        self.is_retired = true;
        self.end(error);
    }

    fn end(&mut self, error: ErrorCode) {
        if !self.is_offline() {
            self.sight.saw(&Event::Closed);
        }
        self.replica.failed();
        self.acks.fail(error);
        self.consumers.wake_all();
        self.followers.wake_all();
        self.sync_ended.notify_waiters();
    }

    /// Closes the log for good, so that opening it needs no recovery.
    pub(super) fn close(&mut self) -> Result<(), storage::Error> {
        let producers: Vec<_> = self.replica.producers().entries().collect();
        self.log.close(&producers)
    }

    /// Something that isn't an append here moved the high watermark, or may have.
    pub(super) fn advanced_by_others(&mut self, advance: Option<Advance>) {
        self.advanced(advance, Progress::Unknown);
    }

    /// Consumers may see more: those who wait are looked at.
    fn advanced(&mut self, advance: Option<Advance>, by: Progress) {
        if advance.is_some() {
            self.show_high_watermark();
        }
        let (replica, sight) = (&self.replica, &self.sight);
        self.acks.progress(|wait| {
            let completion = replica.completion(wait);
            if completion == Some(Ok(())) {
                sight.saw_acknowledged(replica, wait);
            }
            completion
        });
        match (advance, by) {
            (None, _) => return,
            (Some(_), Progress::Bytes(bytes)) => self.consumers.progress(bytes),
            (Some(_), Progress::Unknown) => self.consumers.wake_all(),
        }
        self.followers.wake_all();
    }

    fn show_high_watermark(&mut self) {
        let high_watermark = self.replica.high_watermark();
        if std::mem::replace(&mut self.shown_high_watermark, high_watermark) != high_watermark {
            let as_leader = self.replica.leader().is_ok();
            let leader_epoch = self.replica.leader_epoch();
            self.sight.saw(&Event::HighWatermark { high_watermark, as_leader, leader_epoch });
        }
    }
}

/// The ends of a log, for its replica.
pub(crate) fn log_offsets(log: &Log) -> LogOffsets {
    LogOffsets {
        log_start_offset: log.log_start_offset(),
        log_end_offset: log.log_end_offset(),
        synced_end: log.synced_end(),
    }
}

/// What of a topic's configuration the log goes by. The draw, any number, decides how much earlier
/// than `segment.ms` this log closes its segments, up to `segment.jitter.ms`.
pub(crate) fn log_config(config: &TopicConfig, jitter_draw: u64) -> LogConfig {
    let jitter_max = config.segment_jitter_ms.min(config.segment_ms);
    let jitter_max = u64::try_from(jitter_max).unwrap_or(0).saturating_add(1);
    let segment_jitter_ms = i64::try_from(jitter_draw % jitter_max).expect("at most an i64");
    LogConfig {
        segment_bytes: config.segment_bytes,
        segment_ms: config.segment_ms,
        segment_jitter_ms,
        segment_index_bytes: config.segment_index_bytes,
        index_interval_bytes: config.index_interval_bytes,
        retention_ms: config.retention_ms,
        retention_bytes: config.retention_bytes,
        compact: config.cleanup_policy.compact,
        delete: config.cleanup_policy.delete,
    }
}

/// What of a topic's configuration the replica goes by.
pub(crate) fn replica_config(config: &TopicConfig) -> ReplicaConfig {
    ReplicaConfig {
        min_insync_replicas: config.min_insync_replicas,
        acknowledge_synced: config.flush_messages == Some(1),
    }
}
