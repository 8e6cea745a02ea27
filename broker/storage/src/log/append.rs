//! Appending, and rolling: closing the active segment and starting the next.

use protocol::{Offset, ProducerStateEntry, Timestamp, records::BatchHeader};

use super::Log;
use crate::{Error, segment::Segment};

impl Log {
    /// Appends one batch, whose base offset and leader epoch are set already: a leader's append.
    ///
    /// `producers` is asked only when a segment is rolled: it is what is known about producers
    /// before this batch.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`]. The log is then what it was before.
    ///
    /// # Panics
    /// If the batch doesn't start at the log's end, or isn't as long as its header says.
    pub fn append(
        &mut self,
        batch: &[u8],
        header: &BatchHeader,
        now: Timestamp,
        producers: impl FnOnce() -> Vec<ProducerStateEntry>,
    ) -> Result<(), Error> {
        assert_eq!(header.base_offset, self.log_end_offset, "a leader's log has no gaps");
        self.append_fetched(batch, std::slice::from_ref(header), now, producers)
    }

    /// Appends batches as they were fetched from the leader, all or none. Between them there may be
    /// gaps, where the leader's log is compacted.
    ///
    /// # Errors
    /// As [`Log::append`].
    ///
    /// # Panics
    /// If a batch starts before the end of the one before, or the bytes are not as long as the
    /// headers say.
    pub fn append_fetched(
        &mut self,
        batches: &[u8],
        headers: &[BatchHeader],
        now: Timestamp,
        producers: impl FnOnce() -> Vec<ProducerStateEntry>,
    ) -> Result<(), Error> {
        let mut end = self.log_end_offset;
        let mut len = 0;
        for header in headers {
            assert!(header.base_offset >= end, "{} is before {end}", header.base_offset);
            end = header.next_offset();
            len += header.size_in_bytes();
        }
        assert_eq!(len, batches.len(), "the headers are those of the bytes");
        if headers.is_empty() {
            return Ok(());
        }

        self.dir.before_write()?;
        if self.active().must_roll(len, headers, &self.config, now) {
            self.roll_for(headers, now, &producers())?;
        }
        let index_interval_bytes = self.config.index_interval_bytes;
        let new_file = self.active().size == 0;
        self.active_mut().append(batches, headers, index_interval_bytes)?;
        if new_file {
            self.names.changed += 1;
        }
        for header in headers {
            self.epochs.assign(header.partition_leader_epoch, header.base_offset);
        }
        self.log_end_offset = end;
        Ok(())
    }

    /// Closes the active segment and starts another one at the log's end. Does nothing when the
    /// active one is empty.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`]. The log is then what it was before.
    pub fn roll(&mut self, now: Timestamp, producers: &[ProducerStateEntry]) -> Result<(), Error> {
        if self.active().size == 0 {
            return Ok(());
        }
        self.dir.before_write()?;
        self.roll_to(self.log_end_offset, now, producers)
    }

    fn roll_for(
        &mut self,
        headers: &[BatchHeader],
        now: Timestamp,
        producers: &[ProducerStateEntry],
    ) -> Result<(), Error> {
        let (first, last) = (headers.first(), headers.last());
        let (first, last) = first.zip(last).expect("an append has a batch");
        // Usually the log's end. A fetched batch may lie so far behind it, in a compacted log, that
        // its offset would not fit in the index.
        let fits = last.last_offset().0 - self.log_end_offset.0 <= i64::from(i32::MAX);
        let base_offset = if fits { self.log_end_offset } else { first.base_offset };
        self.roll_to(base_offset, now, producers)
    }

    fn roll_to(
        &mut self,
        base_offset: Offset,
        now: Timestamp,
        producers: &[ProducerStateEntry],
    ) -> Result<(), Error> {
        if self.active().size > 0 {
            self.active_mut().finish_indexes()?;
        }
        self.write_snapshot(producers)?;
        let segment = Segment::new(&self.dir, &self.path, base_offset, now);
        // The file is there from now on, empty: its name is the only trace of where the log ends,
        // should all older segments be deleted before anything is appended.
        segment.log.truncate(0)?;
        self.names.changed += 1;

        let (closed_base, closed) = self.segments.pop_last().expect("a log has a segment");
        if closed.size > 0 {
            let mut closed = closed;
            closed.close();
            self.segments.insert(closed_base, closed);
        } else {
            self.remove_segment_files(&closed)?;
        }
        self.segments.insert(base_offset, segment);
        Ok(())
    }
}
