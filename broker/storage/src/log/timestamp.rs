//! Finding records by timestamp.

use std::sync::Arc;

use protocol::{
    LeaderEpoch, Offset, Timestamp,
    records::{Batch, BatchHeader},
};

use super::Log;
use crate::{
    Error,
    offset_index::OffsetEntry,
    scan::{Scan, Step},
    segment::{Segment, corrupt},
    segment_file::SegmentFile,
    sparse_index::IndexView,
    time_index::TimeEntry,
};

/// The most that one batch may hold decompressed before a search gives up on it.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// A record found by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it, where the log knows.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// A search: prepared under the partition's lock, run outside it.
#[derive(Debug)]
pub struct TimestampSearch {
    target: Target,
    log_start_offset: Offset,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    /// The first record with this timestamp or a later one.
    AtOrAfter(Timestamp),
    /// The first of the records with the largest timestamp.
    Max,
}

/// What a search needs to know of a segment.
#[derive(Debug)]
struct Part {
    base_offset: Offset,
    log: Arc<SegmentFile>,
    size: u64,
    /// `None`: the time index says.
    max_timestamp: Option<TimeEntry>,
    time_index: IndexView<TimeEntry>,
    offset_index: IndexView<OffsetEntry>,
}

impl Log {
    /// Prepares the search for the first record with a timestamp or a later one.
    #[must_use]
    pub fn find_timestamp(&self, at_or_after: Timestamp) -> TimestampSearch {
        self.search(Target::AtOrAfter(at_or_after))
    }

    /// Prepares the search for the record with the largest timestamp (KIP-734).
    #[must_use]
    pub fn find_max_timestamp(&self) -> TimestampSearch {
        self.search(Target::Max)
    }

    fn search(&self, target: Target) -> TimestampSearch {
        let segments = self.segments.values().filter(|segment| segment.size > 0);
        let parts = segments.map(Part::of).collect();
        TimestampSearch { target, log_start_offset: self.log_start_offset, parts }
    }
}

impl TimestampSearch {
    /// Searches, and touches the disk. `None` when no record has such a timestamp.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`] (`NotFound` when retention has deleted a segment since),
    /// [`Error::LogDirOffline`].
    pub fn run(&self) -> Result<Option<TimestampOffset>, Error> {
        match self.target {
            Target::AtOrAfter(timestamp) => self.first_at_or_after(timestamp, &self.parts),
            Target::Max => {
                let mut max: Option<(Timestamp, &Part)> = None;
                for part in &self.parts {
                    let timestamp = part.max_timestamp()?.timestamp;
                    if timestamp > max.map_or_else(Timestamp::default, |(timestamp, _)| timestamp) {
                        max = Some((timestamp, part));
                    }
                }
                let Some((timestamp, part)) = max else { return Ok(None) };
                self.first_at_or_after(timestamp, std::slice::from_ref(part))
            }
        }
    }

    fn first_at_or_after(
        &self,
        timestamp: Timestamp,
        parts: &[Part],
    ) -> Result<Option<TimestampOffset>, Error> {
        for part in parts {
            if part.max_timestamp()?.timestamp >= timestamp
                && let Some(found) = self.search_part(part, timestamp)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn search_part(
        &self,
        part: &Part,
        timestamp: Timestamp,
    ) -> Result<Option<TimestampOffset>, Error> {
        let mut scan = part.scan_for(timestamp)?;
        loop {
            let position = scan.position();
            match scan.next()? {
                Step::Batch(_, header) if header.max_timestamp >= timestamp => {
                    let bytes = scan.validated(position, &header)?;
                    let bytes = bytes.expect("a walk that may touch the disk never blocks");
                    let batch = bytes.and_then(|bytes| {
                        Batch::decode_validated(header, &bytes, DECOMPRESSED_BYTES_MAX)
                    });
                    let found = batch.and_then(|batch| self.search_batch(&batch, timestamp));
                    match found {
                        Ok(None) => {}
                        Ok(Some(found)) => return Ok(Some(found)),
                        Err(error) => return Err(corrupt(&part.log, position, &error)),
                    }
                }
                Step::Batch(..) => {}
                Step::End => return Ok(None),
                Step::Broken(error) => return Err(corrupt(&part.log, position, &error)),
                Step::Blocked => unreachable!("a walk that may touch the disk never blocks"),
            }
        }
    }

    fn search_batch(
        &self,
        batch: &Batch,
        at_or_after: Timestamp,
    ) -> Result<Option<TimestampOffset>, protocol::records::BatchError> {
        let header: &BatchHeader = batch.header();
        for record in batch.records() {
            let record = record?;
            let timestamp = header.timestamp(record.timestamp_delta);
            let offset = header.base_offset.plus(record.offset_delta.into());
            if timestamp >= at_or_after && offset >= self.log_start_offset {
                let epoch = header.partition_leader_epoch;
                let leader_epoch = (epoch >= LeaderEpoch(0)).then_some(epoch);
                return Ok(Some(TimestampOffset { timestamp, offset, leader_epoch }));
            }
        }
        Ok(None)
    }
}

impl Part {
    fn of(segment: &Segment) -> Self {
        Self {
            base_offset: segment.base_offset,
            log: Arc::clone(&segment.log),
            size: segment.size,
            max_timestamp: segment.known_max_timestamp(),
            time_index: segment.time_index.view(),
            offset_index: segment.offset_index.view(),
        }
    }

    fn max_timestamp(&self) -> Result<TimeEntry, Error> {
        if let Some(max) = self.max_timestamp {
            return Ok(max);
        }
        let none = TimeEntry { timestamp: Timestamp::default(), offset: self.base_offset };
        Ok(self.time_index.last()?.unwrap_or(none))
    }

    /// A walk that starts at or before the first batch that has a record at or after a timestamp.
    fn scan_for(&self, timestamp: Timestamp) -> Result<Scan, Error> {
        // Up to this entry's batch no record is later than the entry's timestamp, and before that
        // batch none is as late.
        let Some(entry) = self.time_index.floor(|entry| entry.timestamp <= timestamp)? else {
            return Ok(Scan::new(&self.log, 0, self.size));
        };
        let floor = self.offset_index.floor(|at| at.offset <= entry.offset)?;
        let position = Segment::checked_position(&self.log, self.size, floor)?;
        Ok(Scan::new(&self.log, position, self.size))
    }
}
