//! Kafka's `.timeindex`: from which offset on records can be later than a timestamp.
//!
//! An entry of twelve bytes holds the largest timestamp so far and the last offset of the batch
//! that has it, relative to the segment's base offset. Timestamps ascend strictly: there is an
//! entry along with one in the offset index, and at the segment's end, if there was a later record.

use protocol::{Offset, Timestamp};

use crate::{
    offset_index::{absolute, relative},
    sparse_index::{IndexEntry, SparseIndex},
};

/// The index of one segment.
pub(crate) type TimeIndex = SparseIndex<TimeEntry>;

/// The largest timestamp up to some batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    /// The timestamp.
    pub(crate) timestamp: Timestamp,
    /// The last offset of the first batch that has it.
    pub(crate) offset: Offset,
}

impl IndexEntry for TimeEntry {
    const SIZE: usize = 12;

    fn encode(&self, base_offset: Offset, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.0.to_be_bytes());
        out.extend_from_slice(&relative(base_offset, self.offset).to_be_bytes());
    }

    fn decode(base_offset: Offset, bytes: &[u8]) -> Self {
        let (timestamp, offset) = bytes.split_at(8);
        Self {
            timestamp: Timestamp(i64::from_be_bytes(timestamp.try_into().expect("eight bytes"))),
            offset: absolute(base_offset, offset),
        }
    }

    fn offset(&self) -> Offset {
        self.offset
    }

    fn follows(&self, before: &Self) -> bool {
        self.timestamp > before.timestamp && self.offset > before.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_kafkas() {
        let entry = TimeEntry { timestamp: Timestamp(0x0102_0304), offset: Offset(1_000_007) };
        let mut bytes = Vec::new();
        entry.encode(Offset(1_000_000), &mut bytes);
        assert_eq!(bytes, [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 7]);
        assert_eq!(TimeEntry::decode(Offset(1_000_000), &bytes), entry);
    }
}
