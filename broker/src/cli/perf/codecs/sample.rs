//! Cuts a sample into records, and records into batches. Pure.

use std::num::NonZeroUsize;

use protocol::{Timestamp, records::BatchBuilder};

use crate::cli::perf::payload::lines;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A line, without its end.
    Lines,
    /// So many bytes; the last one has what is left.
    Every(NonZeroUsize),
}

impl Cut {
    pub(super) fn records(self, sample: &[u8]) -> Box<dyn Iterator<Item = &[u8]> + '_> {
        match self {
            Self::Lines => Box::new(lines(sample)),
            Self::Every(size) => Box::new(sample.chunks(size.get())),
        }
    }
}

/// Fills batches with values as a producer does: a record that would make a batch too large begins
/// the next one, and one that is too large by itself is alone in its own.
pub(super) fn batches<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    batch_bytes_max: usize,
) -> Vec<BatchBuilder> {
    let mut batches = Vec::new();
    let mut batch = BatchBuilder::new();
    for value in values {
        let more = BatchBuilder::size_in_bytes_max(None, Some(value), &[]);
        if !batch.is_empty() && batch.size_in_bytes() + more > batch_bytes_max {
            batches.push(std::mem::take(&mut batch));
        }
        batch.append(Timestamp(0), None, Some(value), &[]);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(cut: Cut, sample: &str) -> Vec<String> {
        let text = |record: &[u8]| String::from_utf8(record.to_vec()).unwrap();
        cut.records(sample.as_bytes()).map(text).collect()
    }

    #[test]
    fn a_record_is_a_line_or_so_many_bytes() {
        assert_eq!(records(Cut::Lines, "a\n\nbc\n"), ["a", "", "bc"]);
        let three = Cut::Every(NonZeroUsize::new(3).unwrap());
        assert_eq!(records(three, "abcdefg"), ["abc", "def", "g"]);
        assert!(records(Cut::Lines, "").is_empty() && records(three, "").is_empty());
    }

    #[test]
    fn batches_keep_their_limit_unless_one_record_exceeds_it() {
        let values = [&[b'x'; 100][..]; 10].into_iter().chain([&[b'y'; 1000][..], b"z"]);
        let batches = batches(values, 400);
        let count = batches.iter().map(BatchBuilder::record_count).sum::<i32>();
        assert_eq!(count, 12);
        let too_large = |batch: &&BatchBuilder| batch.size_in_bytes() > 400;
        let too_large: Vec<_> = batches.iter().filter(too_large).collect();
        assert_eq!(too_large.len(), 1);
        assert_eq!(too_large[0].record_count(), 1);
        assert!(batches[0].record_count() > 1);
    }
}
