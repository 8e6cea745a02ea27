//! Kafka's `.index`: where in a segment a batch is.
//!
//! An entry of eight bytes holds a batch's last offset, relative to the segment's base offset, and
//! the position of the batch's first byte; one entry about every `index.interval.bytes`.

use protocol::Offset;

use crate::sparse_index::{IndexEntry, SparseIndex};

/// The index of one segment.
pub(crate) type OffsetIndex = SparseIndex<OffsetEntry>;

/// One batch's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    /// The batch's last offset.
    pub(crate) offset: Offset,
    /// Where the batch starts, in bytes.
    pub(crate) position: u32,
}

impl IndexEntry for OffsetEntry {
    const SIZE: usize = 8;

    fn encode(&self, base_offset: Offset, out: &mut Vec<u8>) {
        out.extend_from_slice(&relative(base_offset, self.offset).to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(base_offset: Offset, bytes: &[u8]) -> Self {
        let (offset, position) = bytes.split_at(4);
        Self {
            offset: absolute(base_offset, offset),
            position: u32::from_be_bytes(position.try_into().expect("four bytes")),
        }
    }

    fn offset(&self) -> Offset {
        self.offset
    }

    fn follows(&self, before: &Self) -> bool {
        self.offset > before.offset && self.position > before.position
    }
}

/// An offset as an index stores it. A segment is rolled before an offset gets too far from its base.
pub(crate) fn relative(base_offset: Offset, offset: Offset) -> i32 {
    i32::try_from(offset.0 - base_offset.0).expect("a segment spans at most 2^31 offsets")
}

pub(crate) fn absolute(base_offset: Offset, bytes: &[u8]) -> Offset {
    base_offset.plus(i32::from_be_bytes(bytes.try_into().expect("four bytes")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_kafkas() {
        let entry = OffsetEntry { offset: Offset(1_000_007), position: 4200 };
        let mut bytes = Vec::new();
        entry.encode(Offset(1_000_000), &mut bytes);
        assert_eq!(bytes, [0, 0, 0, 7, 0, 0, 0x10, 0x68]);
        assert_eq!(OffsetEntry::decode(Offset(1_000_000), &bytes), entry);
    }
}
