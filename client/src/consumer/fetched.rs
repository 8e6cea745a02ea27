//! What one answer to Fetch brought of one partition: batches that are opened one by one, as their
//! records are handed out.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use protocol::{
    LeaderEpoch, Offset, TopicPartition,
    records::{Batch, BatchError, BatchHeader, Batches, HEADER_SIZE, RecordRef, Records, validate},
};

use super::{aborted::Aborted, read_ahead::Held, record::ConsumerRecord};

/// A place between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// Of the record behind it.
    pub(super) offset: Offset,
    /// Of the record before it; -1 = not known.
    pub(super) epoch: LeaderEpoch,
}

impl Point {
    /// A place of which nothing is known but its offset.
    pub(super) fn at(offset: Offset) -> Self {
        Self { offset, epoch: LeaderEpoch::default() }
    }
}

/// Batches of which some are handed out and others wait.
#[derive(Debug)]
pub(super) struct Fetched {
    open: Option<Open>,
    /// Whole batches, none of them opened.
    rest: Bytes,
    aborted: Aborted,
    /// Behind the last batch: where the next fetch goes on.
    end: Point,
    /// The memory of the answer.
    _held: Arc<Held>,
}

impl Fetched {
    /// Takes in the batches from a place on; the first one may begin before it, the last one be cut
    /// short. Only headers are looked at, and not their checksums.
    ///
    /// # Errors
    /// Bytes in which there is nothing behind the place.
    pub(super) fn new(
        from: Point,
        mut bytes: Bytes,
        aborted: Aborted,
        held: Arc<Held>,
    ) -> Result<Self, BatchError> {
        let (mut end, mut whole, mut failure) = (from, 0, None);
        let mut batches = Batches::new(&bytes);
        while let Some(batch) = batches.next() {
            match batch {
                Ok((header, _)) => {
                    if header.next_offset() > end.offset {
                        end = end_of(&header);
                    }
                    whole = bytes.len() - batches.rest().len();
                }
                // Behind good batches it comes first the next time, and is an error then.
                Err(error) => failure = Some(error),
            }
        }
        // A broker sends at least one whole batch, however large (KIP-74). Without it there would
        // be no progress, ever.
        if end == from {
            let missing = BatchError::Truncated { needed: HEADER_SIZE, left: bytes.len() - whole };
            return Err(failure.unwrap_or(missing));
        }
        bytes.truncate(whole);
        Ok(Self { open: None, rest: bytes, aborted, end, _held: held })
    }

    pub(super) fn end(&self) -> Point {
        self.end
    }

    /// The bytes that nobody opened yet.
    pub(super) fn bytes(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.open.is_none() && self.rest.is_empty()
    }

    /// Hands out records from `next` on, which it moves, until there are `count_max` of them or no
    /// more. A batch may take `batch_bytes_max` when it's decompressed.
    ///
    /// # Errors
    /// A bad batch; `next` is then before it.
    pub(super) fn take(
        &mut self,
        of: &TopicPartition,
        next: &mut Point,
        count_max: usize,
        batch_bytes_max: usize,
        records: &mut Vec<ConsumerRecord>,
    ) -> Result<(), BatchError> {
        while records.len() < count_max {
            if self.open.is_none() {
                if self.rest.is_empty() {
                    return Ok(());
                }
                self.open = self.open_next(next, batch_bytes_max)?;
            }
            if let Some(open) = &mut self.open
                && open.take(of, next, count_max, records)?
            {
                self.open = None;
            }
        }
        Ok(())
    }

    /// Opens the next batch, unless it has nothing to hand out.
    fn open_next(&mut self, next: &mut Point, limit: usize) -> Result<Option<Open>, BatchError> {
        let (header, batch) = Batches::new(&self.rest).next().expect("whole batches are kept")?;
        let batch = self.rest.slice_ref(batch);
        self.rest.advance(batch.len());
        let is_aborted = self.aborted.covers(&header);
        if header.next_offset() <= next.offset {
            return Ok(None);
        }
        validate(&batch)?;
        if is_aborted || header.attributes.is_control() {
            *next = end_of(&header);
            return Ok(None);
        }
        let batch = Batch::decode_validated(header, &batch, limit)?;
        let records = batch.bytes().clone();
        Ok(Some(Open { header, records, left: header.record_count }))
    }
}

fn end_of(header: &BatchHeader) -> Point {
    Point { offset: header.next_offset(), epoch: header.partition_leader_epoch }
}

/// A batch of which some records are handed out.
#[derive(Debug)]
struct Open {
    header: BatchHeader,
    /// Decompressed, from the next record on.
    records: Bytes,
    left: i32,
}

impl Open {
    /// Hands out records, as [`Fetched::take`]. Returns whether that was all.
    fn take(
        &mut self,
        of: &TopicPartition,
        next: &mut Point,
        count_max: usize,
        to: &mut Vec<ConsumerRecord>,
    ) -> Result<bool, BatchError> {
        let Self { header, records, left } = self;
        let mut refs = Records::new(records, *left);
        while to.len() < count_max {
            let Some(record) = refs.next() else {
                *next = end_of(header);
                return Ok(true);
            };
            let record = record?;
            *left -= 1;
            let delta = record.offset_delta;
            if !(0..=header.last_offset_delta).contains(&delta) {
                return Err(BatchError::Record("its offset is outside of its batch"));
            }
            let offset = header.base_offset.plus(i64::from(delta));
            if offset >= next.offset {
                to.push(consumed(of, header, offset, records, &record));
                *next = Point { offset: offset.plus(1), epoch: header.partition_leader_epoch };
            }
        }
        let read = records.len() - refs.rest().len();
        records.advance(read);
        Ok(false)
    }
}

/// A record that shares the memory of its batch.
fn consumed(
    of: &TopicPartition,
    header: &BatchHeader,
    offset: Offset,
    records: &Bytes,
    record: &RecordRef<'_>,
) -> ConsumerRecord {
    let share = |bytes: &[u8]| records.slice_ref(bytes);
    let headers = record.headers();
    ConsumerRecord {
        partition: of.clone(),
        offset,
        leader_epoch: header.partition_leader_epoch,
        timestamp: header.timestamp(record.timestamp_delta),
        timestamp_type: header.attributes.timestamp_type(),
        key: record.key.map(share),
        value: record.value.map(share),
        headers: headers
            .map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), value.map(share)))
            .collect(),
    }
}

#[cfg(test)]
mod tests;
