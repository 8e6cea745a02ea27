//! One partition's log: a chain of segments, of which the last is appended to.
//!
//! A `Log` is a value with one owner, which the broker keeps under its partition's lock. Work that
//! waits for the device is taken out of that lock: reading ([`Slice`]), searching by timestamp
//! ([`TimestampSearch`]) and syncing ([`SyncJob`]) are prepared under the lock and run outside it.

mod append;
mod read;
mod recovery;
mod retention;
mod sync;
mod timestamp;
mod truncation;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use protocol::{LeaderEpoch, Offset, ProducerStateEntry, Timestamp, TopicId, TopicPartition};

use crate::{
    Error, LogConfig, LogDir,
    leader_epoch_checkpoint::LeaderEpochs,
    producer_snapshot,
    segment::{SNAPSHOT, Segment, file_name},
    segment_file::SegmentFile,
};

pub use read::{FirstBatch, Slice};
pub use sync::SyncJob;
pub use timestamp::{TimestampOffset, TimestampSearch};

/// The log of one partition.
#[derive(Debug)]
pub struct Log {
    dir: Arc<LogDir>,
    path: PathBuf,
    topic_partition: TopicPartition,
    topic_id: Option<TopicId>,
    config: LogConfig,
    /// By base offset; never empty. The last is the active one.
    segments: BTreeMap<Offset, Segment>,
    log_start_offset: Offset,
    log_end_offset: Offset,
    synced_end: Offset,
    epochs: LeaderEpochs,
    /// What the checkpoint file says of them; `None` where that is not known.
    epochs_written: Option<LeaderEpochs>,
    /// The offsets that there are producer snapshots of.
    snapshots: BTreeSet<Offset>,
    /// Snapshots that are not durable yet.
    snapshots_unsynced: Vec<Arc<SegmentFile>>,
    names: Names,
    /// Counts what takes bytes away that a reader may just be reading.
    truncations: Arc<AtomicU64>,
}

/// The changes to the partition's directory, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Names {
    changed: u64,
    synced: u64,
}

impl Log {
    /// A log without records that starts at some offset, in a directory that is there.
    pub(crate) fn empty(
        dir: &Arc<LogDir>,
        topic_partition: TopicPartition,
        path: PathBuf,
        topic_id: Option<TopicId>,
        config: LogConfig,
        start: Offset,
        now: Timestamp,
    ) -> Self {
        let segment = Segment::new(dir, &path, start, now);
        Self {
            dir: Arc::clone(dir),
            path,
            topic_partition,
            topic_id,
            config,
            segments: BTreeMap::from([(start, segment)]),
            log_start_offset: start,
            log_end_offset: start,
            synced_end: start,
            epochs: LeaderEpochs::default(),
            epochs_written: Some(LeaderEpochs::default()),
            snapshots: BTreeSet::new(),
            snapshots_unsynced: Vec::new(),
            names: Names::default(),
            truncations: Arc::default(),
        }
    }

    /// Whose log this is.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The directory that the log is in.
    #[must_use]
    pub fn log_dir(&self) -> &Arc<LogDir> {
        &self.dir
    }

    /// The topic's id, as `partition.metadata` says; `None` for a log of an older Kafka.
    #[must_use]
    pub fn topic_id(&self) -> Option<TopicId> {
        self.topic_id
    }

    /// Writes the topic's id, for a log that has none.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    ///
    /// # Panics
    /// If the log has another id.
    pub fn assign_topic_id(&mut self, topic_id: TopicId) -> Result<(), Error> {
        assert!(self.topic_id.is_none_or(|id| id == topic_id), "a log keeps its topic");
        if self.topic_id.is_none() {
            self.dir.before_write()?;
            self.dir.write_partition_metadata(&self.path, topic_id)?;
            self.topic_id = Some(topic_id);
        }
        Ok(())
    }

    /// The configs that the log obeys.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes the configs from now on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// The first offset that can be read.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The offset that the next record gets.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// Everything before this offset survives a power loss: the recovery point.
    #[must_use]
    pub fn synced_end(&self) -> Offset {
        self.synced_end
    }

    /// The size of all segments, in bytes.
    #[must_use]
    pub fn size_in_bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.size).sum()
    }

    /// The base offsets of the segments, ascending.
    pub fn segment_base_offsets(&self) -> impl Iterator<Item = Offset> {
        self.segments.keys().copied()
    }

    /// Whether a segment was closed and isn't durable yet. Until it is, recovery has to scan it.
    #[must_use]
    pub fn has_closed_unsynced(&self) -> bool {
        self.synced_end < self.active().base_offset
    }

    /// The latest leader epoch that was assigned.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest().map(|entry| entry.epoch)
    }

    /// The leader epoch of the record at the log start offset.
    #[must_use]
    pub fn earliest_epoch(&self) -> Option<LeaderEpoch> {
        let earliest = self.epochs.earliest()?;
        (earliest.start_offset <= self.log_start_offset).then_some(earliest.epoch)
    }

    /// The leader epoch that wrote the record at an offset.
    #[must_use]
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_of(offset)
    }

    /// The leader epoch that wrote the last record; `None` where there is no record, or no epoch.
    #[must_use]
    pub fn last_record_epoch(&self) -> Option<LeaderEpoch> {
        if self.log_end_offset == self.log_start_offset {
            return None;
        }
        self.epochs.epoch_of(self.log_end_offset.plus(-1))
    }

    /// Where a leader epoch ends here: the largest epoch up to the requested one, and the offset
    /// after its last record. `None` when the log can't tell (KIP-101, KIP-279).
    #[must_use]
    pub fn epoch_end_offset(&self, requested: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_offset(requested, self.log_end_offset)
    }

    /// Notes that a leader epoch starts at an offset: a new leader's own, before its first append.
    /// Batches that are appended bring theirs with them.
    pub fn assign_epoch(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        self.epochs.assign(epoch, start_offset);
    }

    fn active(&self) -> &Segment {
        self.segments.last_key_value().expect("a log has a segment").1
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_entry().expect("a log has a segment").into_mut()
    }

    fn first_base_offset(&self) -> Offset {
        *self.segments.first_key_value().expect("a log has a segment").0
    }

    /// Where a segment's offsets end: at the next one's base, or with the log.
    fn end_of(&self, base_offset: Offset) -> Offset {
        let after = (std::ops::Bound::Excluded(base_offset), std::ops::Bound::Unbounded);
        self.segments.range(after).next().map_or(self.log_end_offset, |(next, _)| *next)
    }

    fn snapshot_path(&self, offset: Offset) -> PathBuf {
        self.path.join(file_name(offset, SNAPSHOT))
    }

    /// Writes what is known about producers up to the log's end. It becomes durable with the next
    /// sync; a torn snapshot is recognised.
    fn write_snapshot(&mut self, producers: &[ProducerStateEntry]) -> Result<(), Error> {
        let offset = self.log_end_offset;
        let file = SegmentFile::writable(&self.dir, self.snapshot_path(offset));
        file.truncate(0)?;
        file.append(&producer_snapshot::encode(producers), 0)?;
        self.snapshots.insert(offset);
        self.snapshots_unsynced.push(file);
        self.names.changed += 1;
        self.remove_snapshots(|log, at| at != offset && !log.segments.contains_key(&at))
    }

    /// Removes the producer snapshots that `which` picks. Kafka keeps the newest, and one per
    /// segment: where a log may be cut.
    fn remove_snapshots(&mut self, which: impl Fn(&Self, Offset) -> bool) -> Result<(), Error> {
        let removed: Vec<Offset> =
            self.snapshots.iter().copied().filter(|offset| which(self, *offset)).collect();
        for offset in removed {
            let path = self.snapshot_path(offset);
            self.remove_file(&path)?;
            self.snapshots.remove(&offset);
            self.snapshots_unsynced.retain(|file| file.path() != path);
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    fn remove_file(&mut self, path: &Path) -> Result<(), Error> {
        let disk = self.dir.disk();
        if self.dir.check(path, disk.exists(path))? {
            self.dir.before_write()?;
            self.dir.check(path, disk.remove_file(path))?;
            self.names.changed += 1;
        }
        Ok(())
    }

    /// Removes all files of a segment that is no longer in the chain, the log file first: the others
    /// mean nothing without it, and are removed when the log is opened.
    fn remove_segment_files(&mut self, segment: &Segment) -> Result<(), Error> {
        let paths: Vec<PathBuf> = segment.paths().collect();
        for path in &paths {
            self.remove_file(path)?;
            self.snapshots_unsynced.retain(|file| file.path() != path);
        }
        self.snapshots.remove(&segment.base_offset);
        Ok(())
    }

    /// Makes the names in the partition's directory durable now.
    fn sync_names(&mut self) -> Result<(), Error> {
        if self.names.synced != self.names.changed {
            self.dir.check_sync(&self.path, self.dir.disk().sync_dir(&self.path))?;
            self.names.synced = self.names.changed;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
