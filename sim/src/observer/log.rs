//! One replica's log as the observer knows it: batches by their marks, without the records.

use std::{collections::VecDeque, fmt};

use protocol::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence,
    records::{Attributes, BatchHeader},
};

/// What tells one batch from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) base: Offset,
    /// The offset after the last record.
    pub(crate) end: Offset,
    pub(crate) epoch: LeaderEpoch,
    crc: u32,
    size: usize,
    pub(crate) producer: ProducerId,
    pub(crate) producer_epoch: ProducerEpoch,
    pub(crate) sequence: Sequence,
    attributes: Attributes,
}

impl Mark {
    /// How many offsets it takes.
    pub(crate) fn offsets(&self) -> i64 {
        self.end.0 - self.base.0
    }

    /// The sequence of the producer's next batch.
    pub(crate) fn next_sequence(&self) -> Sequence {
        let count = i32::try_from(self.offsets()).expect("a batch counts its records by an i32");
        self.sequence.plus(count)
    }

    /// Whether its records are numbered by an idempotent producer.
    pub(crate) fn is_numbered(&self) -> bool {
        self.producer.0 >= 0 && !self.attributes.is_control()
    }
}

impl From<&BatchHeader> for Mark {
    fn from(header: &BatchHeader) -> Self {
        Self {
            base: header.base_offset,
            end: header.next_offset(),
            epoch: header.partition_leader_epoch,
            crc: header.crc,
            size: header.size_in_bytes(),
            producer: header.producer_id,
            producer_epoch: header.producer_epoch,
            sequence: header.base_sequence,
            attributes: header.attributes,
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, end, epoch, crc, .. } = self;
        write!(f, "batch {base}..{end} of epoch {epoch} (crc {crc:08x})")
    }
}

/// Batches in the order of their offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    start: Offset,
    end: Offset,
    marks: VecDeque<Mark>,
}

impl Log {
    /// A log without records.
    pub(crate) fn empty_at(start: Offset) -> Self {
        Self { start, end: start, marks: VecDeque::new() }
    }

    pub(crate) fn start(&self) -> Offset {
        self.start
    }

    /// The offset after the last record.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    pub(crate) fn last(&self) -> Option<&Mark> {
        self.marks.back()
    }

    pub(crate) fn marks(&self) -> impl DoubleEndedIterator<Item = &Mark> {
        self.marks.iter()
    }

    pub(crate) fn append(&mut self, mark: Mark) {
        self.end = mark.end;
        self.marks.push_back(mark);
    }

    /// The batches that reach beyond an offset.
    pub(crate) fn beyond(&self, offset: Offset) -> impl Iterator<Item = &Mark> {
        let first = self.marks.partition_point(|mark| mark.end <= offset);
        self.marks.range(first..)
    }

    /// The batch that the record before an offset is in.
    pub(crate) fn before(&self, offset: Offset) -> Option<&Mark> {
        let last = Offset(offset.0 - 1);
        let first = self.marks.partition_point(|mark| mark.end <= last);
        self.marks.get(first).filter(|mark| mark.base <= last)
    }

    /// Whether it has that very batch.
    pub(crate) fn has(&self, mark: &Mark) -> bool {
        self.before(mark.end) == Some(mark)
    }

    /// Cuts off the end. A log that ends before is emptied, and starts there.
    pub(crate) fn truncate(&mut self, end: Offset) {
        if end > self.end {
            *self = Self::empty_at(end);
            return;
        }
        let kept = self.marks.partition_point(|mark| mark.end <= end);
        self.marks.truncate(kept);
        self.end = end;
        self.start = self.start.min(end);
    }

    /// Deletes the beginning.
    pub(crate) fn move_start(&mut self, start: Offset) {
        let gone = self.marks.partition_point(|mark| mark.end <= start);
        self.marks.drain(..gone);
        self.start = self.start.max(start);
        self.end = self.end.max(start);
    }

    /// Whether it has what another log has before an offset, as far as neither was deleted. That
    /// the last batch is the same is enough: L2 sees to what comes before.
    pub(crate) fn has_prefix(&self, other: &Self, end: Offset) -> bool {
        let same = match (self.before(end), other.before(end)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        self.end >= end && same
    }

    /// Where the part ends that two logs have in common.
    pub(crate) fn common_end(&self, other: &Self) -> Offset {
        let common = self.marks.iter().rev().find(|mark| other.has(mark));
        common.map_or(self.start, |mark| mark.end)
    }
}

/// A batch of one record per offset, by nobody in particular.
#[cfg(test)]
pub(crate) fn header(base: i64, end: i64, epoch: i32) -> BatchHeader {
    use protocol::Timestamp;

    let count = i32::try_from(end - base).unwrap();
    BatchHeader {
        base_offset: Offset(base),
        batch_length: 100,
        partition_leader_epoch: LeaderEpoch(epoch),
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: count - 1,
        base_timestamp: Timestamp(0),
        max_timestamp: Timestamp(0),
        producer_id: ProducerId(-1),
        producer_epoch: ProducerEpoch(-1),
        base_sequence: Sequence(-1),
        record_count: count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(batches: &[(i64, i64, i32)]) -> Log {
        let mut log = Log::default();
        for (base, end, epoch) in batches {
            log.append(Mark::from(&header(*base, *end, *epoch)));
        }
        log
    }

    #[test]
    fn the_common_part_of_two_logs_ends_where_they_diverge() {
        let one = log(&[(0, 2, 0), (2, 5, 1), (5, 6, 1)]);
        let other = log(&[(0, 2, 0), (2, 5, 1), (5, 6, 2), (6, 9, 2)]);
        assert_eq!(one.common_end(&other), Offset(5));
        assert_eq!(other.common_end(&one), Offset(5));
        assert!(one.has_prefix(&other, Offset(5)) && !one.has_prefix(&other, Offset(6)));
        assert!(!log(&[(0, 2, 0)]).has_prefix(&one, Offset(5)), "too short");
    }

    #[test]
    fn a_log_is_cut_at_both_ends() {
        let mut log = log(&[(0, 2, 0), (2, 5, 1), (5, 6, 1)]);
        log.truncate(Offset(5));
        assert_eq!((log.end(), log.last().unwrap().base), (Offset(5), Offset(2)));
        log.move_start(Offset(3));
        assert_eq!((log.start(), log.marks().count()), (Offset(3), 1), "a batch goes as a whole");
        log.truncate(Offset(9));
        assert_eq!(log, Log::empty_at(Offset(9)));
    }
}
