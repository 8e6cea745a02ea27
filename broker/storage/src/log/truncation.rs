//! Cutting the log's end off: what a follower does with records that its new leader doesn't have.
//!
//! Everything here is durable when it returns. Otherwise records that were cut off could come back
//! after a power loss, behind others that were appended in their place.

use std::sync::atomic::Ordering;

use protocol::{Offset, Timestamp};

use super::Log;
use crate::{Error, segment::Segment};

impl Log {
    /// Cuts the log so that it ends at or before `offset`: before the batch that holds it. Returns
    /// where it ends. An offset behind the end changes nothing.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`], [`Error::LogDirOffline`]. The log must then be opened
    /// anew: it may be cut in part.
    pub fn truncate_to(&mut self, offset: Offset, now: Timestamp) -> Result<Offset, Error> {
        if offset >= self.log_end_offset {
            // An epoch without records may still contradict the leader's (KAFKA-10706).
            self.epochs.truncate_from_end(self.log_end_offset);
            return Ok(self.log_end_offset);
        }
        if offset < self.first_base_offset() {
            self.truncate_fully_and_start_at(offset, now)?;
            return Ok(offset);
        }
        let floor = self.segments.range(..=offset).next_back();
        let (base_offset, segment) = floor.expect("the first segment starts before the offset");
        let (base_offset, (position, end)) = (*base_offset, segment.cut_before(offset)?);

        self.begin_truncation(end)?;
        let was_active = self.active().base_offset == base_offset;
        // From the end, so that what is left after a crash is the beginning of the log.
        while self.active().base_offset > base_offset {
            let (_, segment) = self.segments.pop_last().expect("a log has a segment");
            self.remove_segment_files(&segment)?;
        }
        let segment = self.active_mut();
        if !was_active {
            segment.activate()?;
        }
        segment.cut(position, end)?;
        self.end_truncation(end)?;
        Ok(end)
    }

    /// Drops all records: the next one gets `offset`. What a follower does whose whole log lies
    /// outside its leader's.
    ///
    /// # Errors
    /// As [`Log::truncate_to`].
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: Offset,
        now: Timestamp,
    ) -> Result<(), Error> {
        // Until the new segment is durable, whatever is left of the old ones is the log.
        self.begin_truncation(Offset(0))?;
        self.dir.lower_log_start_offset(&self.topic_partition, offset)?;
        while let Some((_, segment)) = self.segments.pop_last() {
            self.remove_segment_files(&segment)?;
        }
        self.remove_snapshots(|_, _| true)?;
        self.sync_names()?;
        let segment = Segment::new(&self.dir, &self.path, offset, now);
        segment.log.truncate(0)?;
        self.names.changed += 1;
        self.segments.insert(offset, segment);
        self.log_start_offset = offset;
        self.dir.set_log_start_offset(&self.topic_partition, offset);
        self.epochs.clear();
        self.end_truncation(offset)?;
        self.synced_end = offset;
        self.dir.set_recovery_point(&self.topic_partition, offset);
        Ok(())
    }

    fn begin_truncation(&mut self, offset: Offset) -> Result<(), Error> {
        self.dir.before_write()?;
        self.truncations.fetch_add(1, Ordering::AcqRel);
        self.synced_end = self.synced_end.min(offset);
        self.dir.lower_recovery_point(&self.topic_partition, offset)
    }

    fn end_truncation(&mut self, end: Offset) -> Result<(), Error> {
        self.log_end_offset = end;
        self.synced_end = self.synced_end.min(end);
        if end < self.log_start_offset {
            self.log_start_offset = end;
            self.dir.lower_log_start_offset(&self.topic_partition, end)?;
        }
        self.epochs.truncate_from_end(end);
        self.remove_snapshots(|_, at| at > end)?;
        self.sync_names()
    }
}
