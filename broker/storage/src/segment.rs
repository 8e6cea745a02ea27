//! One segment of a log: a `.log` file and its indexes, all named by the segment's base offset.
//!
//! Only the last segment of a log, the active one, is appended to. The others are closed: their
//! files are opened when somebody reads them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use protocol::{Offset, Timestamp, bug, records::BatchHeader};

use crate::{
    Error, LogConfig, LogDir,
    disk::Mode,
    offset_index::{OffsetEntry, OffsetIndex},
    scan::{Scan, Step},
    segment_file::{SegmentFile, Touch},
    sparse_index::{Floor, IndexEntry as _},
    time_index::{TimeEntry, TimeIndex},
    txn_index,
};

pub(crate) const LOG: &str = "log";
pub(crate) const INDEX: &str = "index";
pub(crate) const TIME_INDEX: &str = "timeindex";
pub(crate) const SNAPSHOT: &str = "snapshot";

/// The name of a segment's file: its base offset with twenty digits, and what it holds.
pub(crate) fn file_name(base_offset: Offset, extension: &str) -> String {
    format!("{:020}.{extension}", base_offset.0)
}

/// What a file name of [`file_name`]'s form says.
pub(crate) fn parse_file_name(name: &str) -> Option<(Offset, &str)> {
    let (digits, extension) = name.split_once('.')?;
    let well_formed = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten().map(|base| (Offset(base), extension))
}

/// A segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: Offset,
    pub(crate) log: Arc<SegmentFile>,
    pub(crate) offset_index: OffsetIndex,
    pub(crate) time_index: TimeIndex,
    /// The size of the log file, in bytes.
    pub(crate) size: u64,
    /// How many of them are durable; `None` where even the file's length may not be.
    pub(crate) synced_size: Option<u64>,
    /// Whether the index files hold all entries, durably. They are only made to when the segment is
    /// closed, or the log.
    pub(crate) indexes_synced: bool,
    /// From where on this process itself wrote the bytes.
    pub(crate) trusted_from: u64,
    /// The largest timestamp, once known. A timestamp of -1: no record has one.
    max_timestamp: OnceLock<TimeEntry>,
    /// The first batch's largest timestamp: what `segment.ms` counts from.
    rolling_timestamp: Option<Timestamp>,
    /// When this process created or opened the segment.
    created: Timestamp,
    bytes_since_index_entry: u64,
}

impl Segment {
    /// A segment to append to; its files are created when there is something to write.
    pub(crate) fn new(dir: &Arc<LogDir>, path: &Path, base: Offset, created: Timestamp) -> Self {
        let file = |extension| SegmentFile::writable(dir, path.join(file_name(base, extension)));
        Self {
            base_offset: base,
            log: file(LOG),
            offset_index: OffsetIndex::empty(file(INDEX), base),
            time_index: TimeIndex::empty(file(TIME_INDEX), base),
            size: 0,
            synced_size: Some(0),
            indexes_synced: false,
            trusted_from: 0,
            max_timestamp: OnceLock::from(no_timestamp(base)),
            rolling_timestamp: None,
            created,
            bytes_since_index_entry: 0,
        }
    }

    /// A segment whose files are complete and durable. Nothing is opened.
    pub(crate) fn closed(
        dir: &Arc<LogDir>,
        path: &Path,
        base: Offset,
        size: u64,
        opened: Timestamp,
    ) -> Self {
        let file = |extension| SegmentFile::readable(dir, path.join(file_name(base, extension)));
        Self {
            log: file(LOG),
            offset_index: OffsetIndex::closed(file(INDEX), base),
            time_index: TimeIndex::closed(file(TIME_INDEX), base),
            size,
            synced_size: Some(size),
            indexes_synced: true,
            trusted_from: u64::MAX,
            max_timestamp: OnceLock::new(),
            ..Self::new(dir, path, base, opened)
        }
    }

    /// Makes a closed segment the active one. Its indexes are as good as they were.
    pub(crate) fn activate(&mut self) -> Result<(), Error> {
        self.log = self.log.reopened(Mode::Write);
        let offset_index = self.offset_index.file().reopened(Mode::Write);
        let time_index = self.time_index.file().reopened(Mode::Write);
        if self.size == 0 {
            self.offset_index = OffsetIndex::empty(offset_index, self.base_offset);
            self.time_index = TimeIndex::empty(time_index, self.base_offset);
        } else {
            self.offset_index = OffsetIndex::reopen(offset_index, self.base_offset)?;
            self.time_index = TimeIndex::reopen(time_index, self.base_offset)?;
        }
        self.trusted_from = self.size;
        let max = self.time_index.last().unwrap_or_else(|| no_timestamp(self.base_offset));
        self.max_timestamp = OnceLock::from(max);
        self.rolling_timestamp = self.first_timestamp()?;
        Ok(())
    }

    /// Takes up a segment of which only what is below the recovery point is known to be durable.
    /// Returns a walk over the batches that are not in the indexes yet: all that are not durable,
    /// and those before them that an index might have lost.
    pub(crate) fn salvage(
        &mut self,
        recovery_point: Offset,
        now: Timestamp,
    ) -> Result<Scan, Error> {
        let base = self.base_offset;
        self.log = self.log.reopened(Mode::Write);
        let index = self.offset_index.file().reopened(Mode::Write);
        let (size, durable) = (self.size, |offset: Offset| offset < recovery_point);
        self.offset_index = OffsetIndex::salvage(index, base, |entry| {
            durable(entry.offset) && u64::from(entry.position) < size
        })?;
        let index = self.time_index.file().reopened(Mode::Write);
        self.time_index = TimeIndex::salvage(index, base, |entry| durable(entry.offset))?;

        // The time index is complete up to its last entry, as far as anybody knows.
        let known = self.time_index.last().map(|entry| entry.offset);
        let entry = match self.offset_index.last().zip(known) {
            None => None,
            Some((last, known)) => {
                self.offset_index.view().floor(|at| at.offset <= last.offset.min(known))?
            }
        };
        let position = Self::checked_position(&self.log, self.size, entry)?;
        // The walk starts with the entry's batch and enters it again.
        let indexed = entry.filter(|_| position > 0).map_or(base, |entry| entry.offset);
        self.offset_index.truncate_to(indexed)?;
        self.time_index.truncate_to(indexed)?;

        self.synced_size = None;
        self.indexes_synced = false;
        self.trusted_from = self.size;
        self.bytes_since_index_entry = 0;
        self.created = now;
        let max = self.time_index.last().unwrap_or_else(|| no_timestamp(base));
        self.max_timestamp = OnceLock::from(max);
        self.rolling_timestamp = self.first_timestamp()?;
        Ok(Scan::new(&self.log, position, self.size))
    }

    /// The largest timestamp of the first batch.
    pub(crate) fn first_timestamp(&self) -> Result<Option<Timestamp>, Error> {
        Ok(match Scan::new(&self.log, 0, self.size).next()? {
            Step::Batch(_, header) => timestamp(header.max_timestamp),
            _ => None,
        })
    }

    /// Whether batches must go into a new segment: Kafka's rules.
    pub(crate) fn must_roll(
        &self,
        len: usize,
        headers: &[BatchHeader],
        config: &LogConfig,
        now: Timestamp,
    ) -> bool {
        let last = headers.last().expect("an append has a batch").last_offset();
        if last.0 - self.base_offset.0 > i64::from(i32::MAX) {
            return true;
        }
        if self.size == 0 {
            return false;
        }
        let latest = headers.iter().map(|header| header.max_timestamp).max().unwrap_or(now);
        let waited = match self.rolling_timestamp {
            Some(first) => latest.0.saturating_sub(first.0),
            None => now.0.saturating_sub(self.created.0),
        };
        self.size + len as u64 > u64::from(config.segment_bytes)
            || waited > config.segment_ms.saturating_sub(config.segment_jitter_ms)
            || self.is_index_full(config)
    }

    fn is_index_full(&self, config: &LogConfig) -> bool {
        // Kafka keeps room for the entry that the time index gets when the segment is closed.
        let max = u64::from(config.segment_index_bytes);
        let entry = TimeEntry::SIZE as u64;
        self.offset_index.size_in_bytes() + OffsetEntry::SIZE as u64 > max
            || self.time_index.size_in_bytes() + 2 * entry > max
    }

    /// Appends batches. After an error the segment is what it was before.
    pub(crate) fn append(
        &mut self,
        bytes: &[u8],
        headers: &[BatchHeader],
        index_interval_bytes: u32,
    ) -> Result<(), Error> {
        self.log.append(bytes, self.size)?;
        let mut position = self.size;
        self.size += bytes.len() as u64;
        for header in headers {
            self.note(position, header, index_interval_bytes)?;
            position += header.size_in_bytes() as u64;
        }
        Ok(())
    }

    /// Takes a batch that is in the file into the indexes.
    pub(crate) fn note(
        &mut self,
        position: u64,
        header: &BatchHeader,
        index_interval_bytes: u32,
    ) -> Result<(), Error> {
        self.indexes_synced = false;
        if position == 0 {
            self.rolling_timestamp = timestamp(header.max_timestamp);
        }
        let mut max = *self.max_timestamp.get().expect("an open segment knows its timestamps");
        if header.max_timestamp > max.timestamp {
            max = TimeEntry { timestamp: header.max_timestamp, offset: header.last_offset() };
            self.max_timestamp = OnceLock::from(max);
        }
        if self.bytes_since_index_entry > u64::from(index_interval_bytes) {
            let position = u32::try_from(position).expect("a segment has at most 2^32 bytes");
            self.offset_index.append(OffsetEntry { offset: header.last_offset(), position })?;
            self.append_time_entry(max)?;
            self.bytes_since_index_entry = 0;
        }
        self.bytes_since_index_entry += header.size_in_bytes() as u64;
        Ok(())
    }

    fn append_time_entry(&mut self, entry: TimeEntry) -> Result<(), Error> {
        let new = self.time_index.last().is_none_or(|last| entry.follows(&last));
        if new && entry.timestamp >= Timestamp(0) {
            self.time_index.append(entry)?;
        }
        Ok(())
    }

    /// Writes the indexes as a whole: the segment is to be closed, or the log.
    pub(crate) fn finish_indexes(&mut self) -> Result<(), Error> {
        self.append_time_entry(self.max_timestamp()?)?;
        self.offset_index.flush()?;
        self.time_index.flush()
    }

    /// Makes durable what [`Segment::finish_indexes`] wrote.
    pub(crate) fn sync_indexes(&mut self) -> Result<(), Error> {
        for file in self.written_indexes() {
            file.sync()?;
        }
        self.indexes_synced = true;
        Ok(())
    }

    /// The index files that have to be synced.
    pub(crate) fn written_indexes(&self) -> impl Iterator<Item = &Arc<SegmentFile>> {
        [self.offset_index.written_file(), self.time_index.written_file()].into_iter().flatten()
    }

    /// Whether the log file is durable as it is.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced_size == Some(self.size)
    }

    /// No longer the active one: its bytes are checked whenever they are read.
    pub(crate) fn close(&mut self) {
        self.trusted_from = u64::MAX;
    }

    /// Closes the files of a segment that is closed and durable, if nobody read them since the last
    /// call.
    pub(crate) fn close_idle_files(&mut self) {
        if self.is_synced() && self.indexes_synced && self.log.is_idle() {
            self.log = self.log.reopened(Mode::Read);
            let index = self.offset_index.file().reopened(Mode::Read);
            self.offset_index.forget_handle(index);
            let index = self.time_index.file().reopened(Mode::Read);
            self.time_index.forget_handle(index);
        }
    }

    /// The largest timestamp and the last offset of the batch that has it; -1 where none has.
    /// Reads one index entry, the first time that a closed segment is asked.
    pub(crate) fn max_timestamp(&self) -> Result<TimeEntry, Error> {
        if let Some(max) = self.max_timestamp.get() {
            return Ok(*max);
        }
        let max = self.time_index.view().last()?.unwrap_or_else(|| no_timestamp(self.base_offset));
        Ok(*self.max_timestamp.get_or_init(|| max))
    }

    /// The same, if nothing has to be read for it.
    pub(crate) fn known_max_timestamp(&self) -> Option<TimeEntry> {
        self.max_timestamp.get().copied()
    }

    /// What retention goes by: the largest timestamp, or where no record has one, when the segment
    /// was opened.
    pub(crate) fn retention_timestamp(&self) -> Result<Timestamp, Error> {
        Ok(timestamp(self.max_timestamp()?.timestamp).unwrap_or(self.created))
    }

    /// The index's entry for the last batch that ends at or before an offset.
    pub(crate) fn floor(&self, offset: Offset) -> Floor<OffsetEntry> {
        self.offset_index.floor(|entry| entry.offset <= offset)
    }

    /// A walk that starts at or before the batch that holds an offset, and not far from it.
    pub(crate) fn scan_from(&self, offset: Offset) -> Result<Scan, Error> {
        let floor = self.floor(offset).resolve(Touch::Disk, |entry| entry.offset <= offset)?;
        let entry = floor.expect("a read that may touch the disk never blocks");
        let position = Self::checked_position(&self.log, self.size, entry)?;
        Ok(Scan::new(&self.log, position, self.size))
    }

    /// The position that an index entry names, if there is that batch; otherwise the segment's
    /// start: a damaged index costs time, nothing else.
    pub(crate) fn checked_position(
        log: &Arc<SegmentFile>,
        size: u64,
        entry: Option<OffsetEntry>,
    ) -> Result<u64, Error> {
        let Some(entry) = entry else { return Ok(0) };
        let position = u64::from(entry.position);
        if bug!(S3) {
            return Ok(position);
        }
        Ok(match Scan::new(log, position, size).next()? {
            Step::Batch(_, header) if header.last_offset() == entry.offset => position,
            _ => 0,
        })
    }

    /// Where to cut the segment so that it ends at or before an offset: the position and the offset
    /// of the batch that holds it. Without such a batch, the segment's end and the offset itself.
    pub(crate) fn cut_before(&self, offset: Offset) -> Result<(u64, Offset), Error> {
        let mut scan = self.scan_from(offset)?;
        loop {
            let position = scan.position();
            match scan.next()? {
                Step::Batch(_, header) if header.last_offset() >= offset => {
                    return Ok((position, header.base_offset.min(offset)));
                }
                Step::Batch(..) => {}
                Step::End => return Ok((position, offset)),
                Step::Broken(error) => return Err(corrupt(&self.log, position, &error)),
                Step::Blocked => unreachable!("a walk that may touch the disk never blocks"),
            }
        }
    }

    /// Cuts log and indexes, durably: a byte that came back after a crash would be taken for what
    /// was written over it.
    pub(crate) fn cut(&mut self, position: u64, offset: Offset) -> Result<(), Error> {
        self.log.truncate(position)?;
        self.log.sync()?;
        self.size = position;
        self.synced_size = Some(position);
        self.trusted_from = self.trusted_from.min(position);
        if !bug!(S3) {
            self.offset_index.truncate_to(offset)?;
            self.time_index.truncate_to(offset)?;
        }
        self.indexes_synced = false;
        self.bytes_since_index_entry = 0;
        if position == 0 {
            self.rolling_timestamp = None;
        }
        self.reload_max_timestamp()
    }

    /// Builds the indexes of a closed segment anew, from the batches. Each file is complete and
    /// durable before it gets its name.
    pub(crate) fn rebuild_indexes(&mut self, index_interval_bytes: u32) -> Result<(), Error> {
        let (index, time_index) = (self.offset_index.file(), self.time_index.file());
        let (index, time_index) = (Arc::clone(index), Arc::clone(time_index));
        self.offset_index = OffsetIndex::empty(index.temporary()?, self.base_offset);
        self.time_index = TimeIndex::empty(time_index.temporary()?, self.base_offset);
        self.max_timestamp = OnceLock::from(no_timestamp(self.base_offset));
        let mut scan = Scan::new(&self.log, 0, self.size);
        while let Step::Batch(position, header) = scan.next()? {
            self.note(position, &header, index_interval_bytes)?;
        }
        self.finish_indexes()?;
        self.offset_index.file().replace(&index)?;
        self.time_index.file().replace(&time_index)?;
        self.offset_index = OffsetIndex::closed(index, self.base_offset);
        self.time_index = TimeIndex::closed(time_index, self.base_offset);
        self.indexes_synced = true;
        Ok(())
    }

    /// Finds the largest timestamp anew: the last entry of the time index, and the batches since.
    pub(crate) fn reload_max_timestamp(&mut self) -> Result<(), Error> {
        let mut max = self.time_index.last().unwrap_or_else(|| no_timestamp(self.base_offset));
        let mut scan = self.scan_from(max.offset)?;
        while let Step::Batch(_, header) = scan.next()? {
            if header.max_timestamp > max.timestamp {
                max = TimeEntry { timestamp: header.max_timestamp, offset: header.last_offset() };
            }
        }
        self.max_timestamp = OnceLock::from(max);
        Ok(())
    }

    /// The paths of all files that a segment may have, the log itself first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let log = self.log.path().to_owned();
        [LOG, INDEX, TIME_INDEX, txn_index::EXTENSION, SNAPSHOT]
            .into_iter()
            .map(move |extension| log.with_extension(extension))
    }
}

/// A fault found at some byte of a file.
pub(crate) fn corrupt(file: &SegmentFile, position: u64, reason: &impl ToString) -> Error {
    Error::Corrupt { path: file.path().to_owned(), position, reason: reason.to_string() }
}

fn no_timestamp(base_offset: Offset) -> TimeEntry {
    TimeEntry { timestamp: Timestamp::default(), offset: base_offset }
}

fn timestamp(timestamp: Timestamp) -> Option<Timestamp> {
    (timestamp >= Timestamp(0)).then_some(timestamp)
}
