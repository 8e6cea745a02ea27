//! What the records of a load hold.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use client::door::Entropy;

/// After this many random bytes they begin anew: so far apart that no codec of a batch sees it.
const RANDOM_BYTES: usize = 8 << 20;

/// The values of a load's records.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// Consecutive pieces of one block, which is a piece longer than what they begin in.
    Random { block: Bytes, size: usize },
    /// These, in turn.
    Given(Vec<Bytes>),
}

impl Payload {
    /// Random bytes, which no codec makes smaller.
    pub(super) fn random(size: usize, entropy: &dyn Entropy) -> Self {
        let mut block = vec![0; RANDOM_BYTES];
        entropy.fill(&mut block);
        block.extend_from_within(..size.min(RANDOM_BYTES));
        // A record beyond the block repeats it.
        while block.len() < RANDOM_BYTES + size {
            block.extend_from_within(..RANDOM_BYTES.min(RANDOM_BYTES + size - block.len()));
        }
        Self::Random { block: Bytes::from(block), size }
    }

    /// The lines of a file; none if there are none.
    pub(super) fn lines(file: Vec<u8>) -> Option<Self> {
        let file = Bytes::from(file);
        let lines: Vec<_> = lines(&file).map(|line| file.slice_ref(line)).collect();
        (!lines.is_empty()).then_some(Self::Given(lines))
    }

    /// The n-th record's value. It shares the memory of all.
    pub(super) fn value(&self, n: u64) -> Bytes {
        match self {
            Self::Random { block, size } => {
                let start = index(u128::from(n) * to_u128(*size), RANDOM_BYTES);
                block.slice(start..start + size)
            }
            Self::Given(values) => values[index(n.into(), values.len())].clone(),
        }
    }
}

/// The lines of a text, without what ends them.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    // Nothing is no line; an empty one is.
    let lines = (!text.is_empty()).then(|| text.split(|byte| *byte == b'\n'));
    lines.into_iter().flatten().map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn index(number: u128, count: usize) -> usize {
    usize::try_from(number % to_u128(count)).expect("below a usize")
}

fn to_u128(size: usize) -> u128 {
    u128::try_from(size).expect("a size has at most 128 bits")
}

/// What stands first in a record that is to be known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Which run it's of: others may have left records in the topic.
    pub(super) run: u64,
    /// The record's number in it.
    pub(super) sequence: u64,
    /// When it was due, from the start of the run on.
    pub(super) due: Duration,
}

impl Stamp {
    /// In bytes.
    pub(super) const SIZE: usize = 24;

    /// A value that begins with the stamp and goes on like the given one, which is at least as
    /// long.
    pub(super) fn put_over(&self, value: &Bytes) -> Bytes {
        let mut stamped = BytesMut::with_capacity(value.len());
        stamped.put_u64(self.run);
        stamped.put_u64(self.sequence);
        stamped.put_u64(u64::try_from(self.due.as_nanos()).unwrap_or(u64::MAX));
        stamped.put_slice(&value[Self::SIZE..]);
        stamped.freeze()
    }

    /// A record's stamp, if it has one of this run.
    pub(super) fn of(run: u64, value: &[u8]) -> Option<Self> {
        let (stamp, _) = value.split_first_chunk::<{ Self::SIZE }>()?;
        let number = |at: usize| {
            u64::from_be_bytes(stamp[at..at + 8].try_into().expect("eight bytes are eight bytes"))
        };
        (number(0) == run).then(|| Self {
            run,
            sequence: number(8),
            due: Duration::from_nanos(number(16)),
        })
    }
}

#[cfg(test)]
mod tests {
    use client::door::SystemEntropy;

    use super::*;

    #[test]
    fn random_values_have_their_size_and_follow_each_other() {
        let payload = Payload::random(1000, &SystemEntropy);
        let (first, second) = (payload.value(0), payload.value(1));
        assert_eq!((first.len(), second.len()), (1000, 1000));
        assert_ne!(first, second);
        for n in [8388, 8389, u64::MAX] {
            assert_eq!(payload.value(n).len(), 1000);
        }
        assert_eq!(Payload::random(0, &SystemEntropy).value(7).len(), 0);
        let large = Payload::random(RANDOM_BYTES * 2 + 5, &SystemEntropy).value(1);
        assert_eq!(large.len(), RANDOM_BYTES * 2 + 5);
    }

    #[test]
    fn lines_come_in_turn() {
        let payload = Payload::lines(b"a\r\n\nbc".to_vec()).unwrap();
        let values: Vec<_> = (0..4).map(|n| payload.value(n)).collect();
        assert_eq!(values, ["a", "", "bc", "a"]);
        assert!(Payload::lines(Vec::new()).is_none());
    }

    #[test]
    fn a_stamp_is_found_again_by_its_own_run_only() {
        let stamp = Stamp { run: 7, sequence: 1 << 40, due: Duration::from_nanos(123_456_789) };
        let stamped = stamp.put_over(&Bytes::from(vec![b'x'; 30]));
        assert_eq!(stamped.len(), 30);
        assert!(stamped.ends_with(b"xxxxxx"));
        assert_eq!(Stamp::of(7, &stamped), Some(stamp));
        assert_eq!(Stamp::of(8, &stamped), None);
        assert_eq!(Stamp::of(7, &stamped[..23]), None);
    }
}
