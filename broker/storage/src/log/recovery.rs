//! Opening a log that is already there.
//!
//! After a clean stop only the last segment is looked at. After any other, the batches above the
//! recovery point are read and checked: the log ends where the first of them is torn, missing or
//! out of place. What lies below the recovery point was made durable once; if that is damaged, the
//! log is not opened, since cutting it would turn one damaged batch into the loss of all that
//! follow.
//!
//! Recovery may itself be interrupted, at any call: done again, it comes to the same end. It makes
//! what it leaves durable before it returns. What the last process wrote may still be in the
//! kernel's memory alone, and so may be what it cut off: a truncation that only memory knows of
//! would be undone by a power loss, behind the back of whoever appended since.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use protocol::{Offset, Timestamp, TopicId, TopicPartition, bug, records::BatchHeader};

use super::Log;
use crate::{
    Error, LogConfig, LogDir, Replay,
    disk::{TEMPORARY_SUFFIX, read_file},
    leader_epoch_checkpoint::{self, EpochEntry, LeaderEpochs},
    producer_snapshot,
    scan::{Scan, Step},
    segment::{INDEX, LOG, SNAPSHOT, Segment, TIME_INDEX, corrupt, file_name, parse_file_name},
    txn_index,
};

/// What is in a partition's directory.
#[derive(Debug, Default)]
struct Files {
    logs: BTreeSet<Offset>,
    /// Segments that have both indexes are not here.
    without_index: BTreeSet<Offset>,
    snapshots: BTreeSet<Offset>,
}

impl Files {
    /// Lists the directory, and removes what is left over from a crash.
    fn list(dir: &LogDir, path: &Path) -> Result<Self, Error> {
        let names = dir.check(path, dir.disk().list(path))?;
        let names: BTreeSet<String> = names.into_iter().map(|entry| entry.name).collect();
        let mut files = Self::default();
        for name in &names {
            let Some((base_offset, extension)) = parse_file_name(name) else {
                if name.ends_with(TEMPORARY_SUFFIX) {
                    Self::remove(dir, &path.join(name))?;
                }
                continue;
            };
            let log = file_name(base_offset, LOG);
            match extension {
                LOG => {
                    files.logs.insert(base_offset);
                    let has = |extension| names.contains(&file_name(base_offset, extension));
                    if !has(INDEX) || !has(TIME_INDEX) {
                        files.without_index.insert(base_offset);
                    }
                }
                SNAPSHOT => {
                    files.snapshots.insert(base_offset);
                }
                INDEX | TIME_INDEX | txn_index::EXTENSION if !names.contains(&log) => {
                    Self::remove(dir, &path.join(name))?;
                }
                // A compaction by Kafka that was interrupted between its two renames. Only Kafka
                // knows how to finish it.
                extension if extension.ends_with(".swap") => {
                    return Err(Error::Malformed {
                        path: path.join(name),
                        reason: "left by an interrupted compaction: start Kafka on it once".into(),
                    });
                }
                extension if extension.ends_with(".deleted") || extension.ends_with(".cleaned") => {
                    Self::remove(dir, &path.join(name))?;
                }
                _ => {}
            }
        }
        Ok(files)
    }

    fn remove(dir: &LogDir, path: &Path) -> Result<(), Error> {
        dir.before_write()?;
        dir.check(path, dir.disk().remove_file(path))
    }
}

impl Log {
    pub(crate) fn open(
        dir: &Arc<LogDir>,
        partition: TopicPartition,
        topic_id: Option<TopicId>,
        config: LogConfig,
        now: Timestamp,
        replay: &mut dyn Replay,
    ) -> Result<Self, Error> {
        let clean = dir.was_closed_cleanly();
        let path = dir.log_path(&partition);
        let files = Files::list(dir, &path)?;
        let start = dir.log_start_offset(&partition).unwrap_or(Offset(0));
        let recovery_point = dir.recovery_point(&partition).unwrap_or(Offset(0));

        let mut log = Self::empty(dir, partition, path, topic_id, config, start, now);
        let mut segments = BTreeMap::new();
        for base_offset in &files.logs {
            let path = log.path.join(file_name(*base_offset, LOG));
            let size = dir.check(&path, dir.disk().file_len(&path))?;
            segments.insert(*base_offset, Segment::closed(dir, &log.path, *base_offset, size, now));
        }
        log.snapshots = files.snapshots;
        if !segments.is_empty() {
            log.segments = segments;
            log.log_start_offset = start.max(log.first_base_offset());
            log.read_epochs()?;
            let first_scanned =
                if clean { Offset(i64::MAX) } else { log.first_to_scan(recovery_point) };
            log.rebuild_indexes(files.without_index.range(..first_scanned))?;
            if clean {
                log.reopen()?;
            } else {
                log.recover(recovery_point, now)?;
            }
        }
        if !clean && log.log_end_offset < recovery_point && !bug!(S2) {
            let lost = format!("ends at {}, durable up to {recovery_point}", log.log_end_offset);
            return Err(corrupt(&log.active().log, log.active().size, &lost));
        }
        if log.log_end_offset < log.log_start_offset {
            // All that is left was deleted before the crash.
            log.truncate_fully_and_start_at(start, now)?;
        }
        log.epochs.truncate_from_end(log.log_end_offset);
        log.epochs.truncate_from_start(log.log_start_offset);
        log.remove_snapshots(|log, at| at > log.log_end_offset)?;
        if !clean {
            log.names.changed += 1; // Indexes may have been created.
            if let Some(job) = log.begin_sync() {
                if !bug!(S2) {
                    job.run()?;
                }
                log.finish_sync(job);
            }
        }
        log.sync_names()?;
        log.replay_producers(replay)?;
        Ok(log)
    }

    /// Takes up a log that was closed cleanly.
    fn reopen(&mut self) -> Result<(), Error> {
        let active = self.active_mut();
        active.activate()?;
        let mut end = active.base_offset;
        let mut scan = active.scan_from(Offset(i64::MAX))?;
        loop {
            let position = scan.position();
            match scan.next()? {
                Step::Batch(_, header) => end = header.next_offset(),
                Step::End => break,
                Step::Broken(error) => return Err(corrupt(&active.log, position, &error)),
                Step::Blocked => unreachable!("a walk that may touch the disk never blocks"),
            }
        }
        self.log_end_offset = end;
        self.synced_end = end;
        Ok(())
    }

    /// Checks what is above the recovery point, and cuts the log where that ends.
    fn recover(&mut self, recovery_point: Offset, now: Timestamp) -> Result<(), Error> {
        self.dir.before_write()?;
        // What is seen may not be durable, and what follows relies on it.
        self.names.changed += 1;
        self.sync_names()?;
        let from = self.first_to_scan(recovery_point);
        let scanned: Vec<Offset> = self.segments.range(from..).map(|(base, _)| *base).collect();
        self.epochs.truncate_from_end(recovery_point);

        let mut end = from;
        for base_offset in &scanned {
            if !is_in_place(*base_offset, end, self.config.compact) {
                if end < recovery_point && !bug!(S2) {
                    break; // Which is an error, and nothing is to be deleted before it is told.
                }
                self.drop_segments_from(*base_offset)?;
                break;
            }
            let recovered = self.recover_segment(*base_offset, recovery_point, now)?;
            end = recovered.end;
            if recovered.is_cut {
                self.drop_segments_from(base_offset.plus(1))?;
                break;
            }
        }
        self.log_end_offset = end;
        self.synced_end = recovery_point.min(end);
        // The log start offset may have been further on than what is remembered of it.
        let known_from = self.epochs.earliest().map_or(end, |earliest| earliest.start_offset);
        if known_from > self.log_start_offset {
            self.read_epochs_of_batches(known_from)?;
        }

        // All but the last are closed, and their indexes now as good as new.
        let active = self.active().base_offset;
        for (_, segment) in self.segments.range_mut(from..active) {
            segment.finish_indexes()?;
            segment.close();
        }
        Ok(())
    }

    /// The base offset of the first segment that recovery looks at. The one that ends at the
    /// recovery point is among them: it may have been closed since, and its indexes not synced.
    fn first_to_scan(&self, recovery_point: Offset) -> Offset {
        self.floor(recovery_point.plus(-1))
    }

    /// The base offset of the segment that an offset belongs to.
    fn floor(&self, offset: Offset) -> Offset {
        let floor = self.segments.range(..=offset).next_back();
        floor.map_or_else(|| self.first_base_offset(), |(base_offset, _)| *base_offset)
    }

    fn drop_segments_from(&mut self, base_offset: Offset) -> Result<(), Error> {
        for (_, segment) in self.segments.split_off(&base_offset).into_iter().rev() {
            self.remove_segment_files(&segment)?;
        }
        Ok(())
    }

    fn recover_segment(
        &mut self,
        base_offset: Offset,
        recovery_point: Offset,
        now: Timestamp,
    ) -> Result<RecoveredSegment, Error> {
        let segment = self.segments.get_mut(&base_offset).expect("it is in the list");
        let mut scan = segment.salvage(recovery_point, now)?;
        let mut next_offset = None;
        let broken = loop {
            let position = scan.position();
            let header = match scan.next()? {
                Step::Batch(_, header) => header,
                Step::End => break None,
                Step::Broken(error) => break Some((position, error.to_string())),
                Step::Blocked => unreachable!("a walk that may touch the disk never blocks"),
            };
            // A walk that starts inside the segment starts with a batch that the index vouches for.
            let expected = next_offset.or_else(|| (position == 0).then_some(base_offset));
            if let Err(reason) = check_place(&header, expected, self.config.compact) {
                break Some((position, reason));
            }
            if header.next_offset() > recovery_point
                && !bug!(S1)
                && let Err(error) = scan.validate(position, &header)?
            {
                break Some((position, error.to_string()));
            }
            segment.note(position, &header, self.config.index_interval_bytes)?;
            if header.base_offset >= recovery_point {
                self.epochs.assign(header.partition_leader_epoch, header.base_offset);
            }
            next_offset = Some(header.next_offset());
        };
        let end = next_offset.unwrap_or(base_offset);
        let Some((position, reason)) = broken else {
            return Ok(RecoveredSegment { end, is_cut: false });
        };
        if end < recovery_point && !bug!(S2) {
            return Err(corrupt(&segment.log, position, &reason));
        }
        segment.cut(position, end)?;
        Ok(RecoveredSegment { end, is_cut: true })
    }

    /// Reads the leader epochs. The file is rewritten whole and never torn, so that a bad one was
    /// edited, or is missing as in a copy: the batches say the same.
    fn read_epochs(&mut self) -> Result<(), Error> {
        let path = self.path.join(leader_epoch_checkpoint::FILE_NAME);
        let bytes = self.dir.check(&path, read_file(self.dir.disk(), &path))?;
        if let Some(Ok(epochs)) = bytes.map(|bytes| LeaderEpochs::parse(&path, &bytes)) {
            self.epochs = epochs.clone();
            self.epochs_written = Some(epochs);
            return Ok(());
        }
        self.epochs_written = None;
        self.read_epochs_of_batches(Offset(i64::MAX))
    }

    /// Takes in the leader epochs of all batches that start before an offset. Those behind it must
    /// be known.
    fn read_epochs_of_batches(&mut self, end: Offset) -> Result<(), Error> {
        let known = std::mem::take(&mut self.epochs);
        for segment in self.segments.range(..end).map(|(_, segment)| segment) {
            let mut scan = Scan::new(&segment.log, 0, segment.size);
            while let Step::Batch(_, header) = scan.next()?
                && header.base_offset < end
            {
                self.epochs.assign(header.partition_leader_epoch, header.base_offset);
            }
        }
        for EpochEntry { epoch, start_offset } in known.iter() {
            self.epochs.assign(epoch, start_offset);
        }
        Ok(())
    }

    /// Segments without their indexes: somebody copied the log files alone.
    fn rebuild_indexes<'a>(
        &mut self,
        base_offsets: impl Iterator<Item = &'a Offset>,
    ) -> Result<(), Error> {
        for base_offset in base_offsets {
            let segment = self.segments.get_mut(base_offset).expect("it was listed");
            if segment.size > 0 {
                self.dir.before_write()?;
                segment.rebuild_indexes(self.config.index_interval_bytes)?;
                self.names.changed += 1;
            }
        }
        Ok(())
    }

    /// Tells what producers wrote, as opening the log does: the newest snapshot that can be read,
    /// and the batches behind it. Blocks. For a log that was cut off.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn replay_producers(&mut self, replay: &mut dyn Replay) -> Result<(), Error> {
        // Batches before the log start offset tell of producers as long as they are there. Between
        // a snapshot from before them and the first batch, nobody knows what happened.
        let mut from = self.first_base_offset();
        let snapshots: Vec<Offset> = self.snapshots.range(from..).rev().copied().collect();
        for offset in snapshots {
            let path = self.snapshot_path(offset);
            let bytes = self.dir.check(&path, read_file(self.dir.disk(), &path))?;
            if let Some(entries) = bytes.as_deref().and_then(producer_snapshot::decode) {
                replay.snapshot(entries);
                from = from.max(offset);
                break;
            }
            self.dir.before_write()?;
            self.remove_snapshots(|_, at| at == offset)?;
        }
        for segment in self.segments.range(self.floor(from)..).map(|(_, segment)| segment) {
            let mut scan = segment.scan_from(from)?;
            while let Step::Batch(_, header) = scan.next()? {
                if header.base_offset >= from {
                    replay.batch(&header);
                }
            }
        }
        Ok(())
    }
}

/// What is left of a segment.
struct RecoveredSegment {
    /// The offset after its last batch.
    end: Offset,
    /// Whether there was more, which has been cut off.
    is_cut: bool,
}

fn check_place(
    header: &BatchHeader,
    expected: Option<Offset>,
    compact: bool,
) -> Result<(), String> {
    match expected {
        Some(expected) if !is_in_place(header.base_offset, expected, compact) => {
            Err(format!("offset {} where {expected} belongs", header.base_offset))
        }
        _ => Ok(()),
    }
}

/// Only compaction leaves gaps between offsets.
fn is_in_place(offset: Offset, expected: Offset, compact: bool) -> bool {
    offset == expected || (compact && offset > expected)
}
