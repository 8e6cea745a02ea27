//! What a partition's lock guards.

use std::sync::Arc;

use metadata::config::TopicConfig;
use protocol::{BrokerId, ErrorCode, LeaderEpoch, Offset, Timestamp, records::BatchHeader};
use replica::{Advance, Assignment, Replica, ReplicaConfig, Role, Transition};
use storage::{Log, LogConfig, SyncJob};
use tokio::time::Instant;

use super::{ack_queue::AckQueue, fetch_waiter::FetchWaiters};

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
    /// Who leads, as the controller said last.
    pub(crate) leader: BrokerId,
    pub(super) acks: AckQueue,
    pub(super) waiters: FetchWaiters,
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
    ) -> Self {
        Self {
            replica,
            log,
            config,
            leader: BrokerId(-1),
            acks: AckQueue::default(),
            waiters: FetchWaiters::default(),
            unsynced_since: None,
            jitter_draw,
            is_retired: false,
        }
    }

    /// Writes a batch at the log's end, and tells the replica.
    pub(super) fn write(
        &mut self,
        batch: &[u8],
        header: &BatchHeader,
        now: Timestamp,
    ) -> Result<(), storage::Error> {
        let producers = self.replica.producers();
        self.log.append(batch, header, now, || producers.entries().collect())?;
        let appended = self.replica.appended(header, None);
        self.unsynced_since.get_or_insert_with(Instant::now);
        self.advanced(appended.advance, Progress::Bytes(batch.len()));
        Ok(())
    }

    /// Whether what is unsynced has become too much (`flush.messages`), too old (`flush.ms`), or a
    /// closed segment.
    pub(super) fn wants_sync(&self, header: &BatchHeader, now: Instant) -> bool {
        let unsynced = header.next_offset().0 - self.log.synced_end().0;
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
        let advance = self.replica.synced(self.log.synced_end());
        self.advanced(advance, Progress::Unknown);
    }

    /// Takes a decision of the controller: the role first, then the log's epochs, before anything
    /// can be appended in the new one.
    pub(super) fn assign(&mut self, assignment: &Assignment) {
        let assigned = self.replica.assign(assignment);
        if let Transition::LeaderEpochStarted { leader_epoch, start_offset } = assigned.transition {
            self.log.assign_epoch(leader_epoch, start_offset);
        }
        if assigned.transition != Transition::None {
            // Whoever waits at a leader that is none any more has to look elsewhere.
            self.waiters.wake_all();
        }
        self.advanced(assigned.advance, Progress::Unknown);
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
        let advance = self.replica.log_start_moved(self.log.log_start_offset());
        self.advanced(advance, Progress::Unknown);
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
        self.replica.failed();
        self.acks.fail(error);
        self.waiters.wake_all();
    }

    /// Closes the log for good, so that opening it needs no recovery.
    pub(super) fn close(&mut self) -> Result<(), storage::Error> {
        let producers: Vec<_> = self.replica.producers().entries().collect();
        self.log.close(&producers)
    }

    /// Consumers may see more: those who wait are looked at.
    fn advanced(&mut self, advance: Option<Advance>, by: Progress) {
        self.acks.progress(|wait| self.replica.completion(wait));
        match (advance, by) {
            (None, _) => {}
            (Some(_), Progress::Bytes(bytes)) => self.waiters.progress(bytes),
            (Some(_), Progress::Unknown) => self.waiters.wake_all(),
        }
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
