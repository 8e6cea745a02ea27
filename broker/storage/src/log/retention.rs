//! Cutting the log's beginning off: whole segments that are too old or too many.

use protocol::{Offset, ProducerStateEntry, Timestamp};

use super::Log;
use crate::{Error, segment::Segment};

impl Log {
    /// Deletes the segments that retention no longer keeps, oldest first, none that reaches beyond
    /// the high watermark. If all records go, the active segment is rolled first; `producers` is
    /// what is known about producers then. Returns how many segments were deleted.
    ///
    /// Call it every now and then: it also closes the files of segments that nobody has read since
    /// the last call.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn delete_old_segments(
        &mut self,
        now: Timestamp,
        high_watermark: Offset,
        producers: impl FnOnce() -> Vec<ProducerStateEntry>,
    ) -> Result<usize, Error> {
        self.dir.online()?;
        self.close_idle_files();
        let count = self.deletable_segments(now, high_watermark)?;
        if count == 0 {
            return Ok(0);
        }
        self.dir.before_write()?;
        if count == self.segments.len() {
            self.roll(now, &producers())?;
        }
        // What the batches to be deleted say of producers, only the snapshots will say.
        for snapshot in self.snapshots_unsynced.drain(..) {
            snapshot.sync()?;
        }
        for _ in 0..count {
            // The names of newer segments must outlive those of older ones, or the log would have a
            // hole after a power loss, or have forgotten where it ends.
            self.sync_names()?;
            let (_, segment) = self.segments.pop_first().expect("the active segment stays");
            self.remove_segment_files(&segment)?;
        }
        self.sync_names()?;
        self.start_at(self.log_start_offset.max(self.first_base_offset()));
        Ok(count)
    }

    /// Moves the log start offset up: records were deleted by request, or the leader's log starts
    /// there. The segments go when [`Log::delete_old_segments`] is called.
    ///
    /// # Errors
    /// [`Error::OffsetOutOfRange`] when the log ends before `offset`; [`Error::LogDirOffline`].
    pub fn advance_log_start_offset(&mut self, offset: Offset) -> Result<(), Error> {
        let (log_start_offset, log_end_offset) = (self.log_start_offset, self.log_end_offset);
        if offset > log_end_offset {
            return Err(Error::OffsetOutOfRange { offset, log_start_offset, log_end_offset });
        }
        if offset > log_start_offset {
            self.dir.before_write()?;
            self.start_at(offset);
        }
        Ok(())
    }

    fn start_at(&mut self, offset: Offset) {
        self.log_start_offset = offset;
        self.dir.set_log_start_offset(&self.topic_partition, offset);
        self.epochs.truncate_from_start(offset);
    }

    /// How many of the oldest segments go, by Kafka's three rules.
    fn deletable_segments(&self, now: Timestamp, high_watermark: Offset) -> Result<usize, Error> {
        let mut count = 0;
        let mut excess = match self.config.retention_bytes {
            Some(retention_bytes) if self.config.delete => {
                self.size_in_bytes().saturating_sub(retention_bytes)
            }
            _ => 0,
        };
        for segment in self.segments.values() {
            let end = self.end_of(segment.base_offset);
            let is_active = end == self.log_end_offset && segment.base_offset == self.active_base();
            if end > high_watermark || (is_active && segment.size == 0) {
                break;
            }
            let is_excess = segment.size > 0 && segment.size <= excess;
            // The active segment holds the log's end: it goes only for its age.
            let before_start = end <= self.log_start_offset && !is_active;
            if !(self.is_expired(segment, now)? || is_excess || before_start) {
                break;
            }
            if is_excess {
                excess -= segment.size;
            }
            count += 1;
        }
        Ok(count)
    }

    fn is_expired(&self, segment: &Segment, now: Timestamp) -> Result<bool, Error> {
        match self.config.retention_ms {
            Some(retention_ms) if self.config.delete => {
                let latest = segment.retention_timestamp()?;
                Ok(now.0.saturating_sub(latest.0) > retention_ms)
            }
            _ => Ok(false),
        }
    }

    fn active_base(&self) -> Offset {
        self.active().base_offset
    }

    fn close_idle_files(&mut self) {
        let active = self.active_base();
        for (_, segment) in self.segments.range_mut(..active) {
            segment.close_idle_files();
        }
    }
}
