//! What a follower got from its leader, checked before it comes near the log.

use bytes::Bytes;
use protocol::{
    Offset, bug,
    records::{BatchHeader, Batches, validate},
};
use replica::FetchPosition;

/// Whole batches that follow each other and a position, none damaged on the way.
#[derive(Debug)]
pub(crate) struct FetchedBatches {
    bytes: Bytes,
    headers: Vec<BatchHeader>,
}

/// Why what was fetched can't be appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch at offset {at}, fetched from the leader: {reason}")]
pub(crate) struct UnusableBatch {
    at: Offset,
    reason: String,
}

impl FetchedBatches {
    /// Checks all batches: their checksums and all that `validate` looks at; that offsets ascend
    /// from the position; and that no later leader wrote them than the one that was asked. A last
    /// batch that is cut short is left out.
    pub(crate) fn check(bytes: Bytes, asked: &FetchPosition) -> Result<Self, UnusableBatch> {
        let mut headers = Vec::new();
        let (mut end, mut len) = (asked.offset, 0);
        for batch in Batches::new(&bytes) {
            let unusable = |reason: String| UnusableBatch { at: end, reason };
            let (header, batch) = batch.map_err(|error| unusable(error.to_string()))?;
            if !bug!(S5) {
                validate(batch).map_err(|error| unusable(error.to_string()))?;
            }
            if header.base_offset < end {
                return Err(unusable(format!("starts at {}", header.base_offset)));
            }
            if header.partition_leader_epoch > asked.leader_epoch {
                let epoch = header.partition_leader_epoch;
                return Err(unusable(format!("has leader epoch {epoch}, which is yet to come")));
            }
            end = header.next_offset();
            len += batch.len();
            headers.push(header);
        }
        Ok(Self { bytes: bytes.slice(..len), headers })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// The batches in runs that are appended at once: each as long as `bytes_max` allows, and of
    /// one batch at least.
    pub(super) fn runs(&self, bytes_max: usize) -> impl Iterator<Item = (&[u8], &[BatchHeader])> {
        let (mut bytes, mut headers) = (&self.bytes[..], &self.headers[..]);
        std::iter::from_fn(move || {
            let (mut len, mut count) = (0, 0);
            for header in headers {
                let size = header.size_in_bytes();
                if count > 0 && len + size > bytes_max {
                    break;
                }
                (len, count) = (len + size, count + 1);
            }
            let run = (bytes.split_at(len), headers.split_at(count));
            let ((run_bytes, rest), (run_headers, rest_headers)) = run;
            (bytes, headers) = (rest, rest_headers);
            (count > 0).then_some((run_bytes, run_headers))
        })
    }
}

#[cfg(test)]
mod tests {
    use protocol::{
        BrokerId, LeaderEpoch, Timestamp,
        records::{BatchBuilder, BatchOptions, set_base_offset, set_partition_leader_epoch},
    };

    use super::*;

    const ASKED: FetchPosition = FetchPosition {
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(3),
        offset: Offset(10),
        high_watermark: Offset(0),
        truncations: 0,
    };

    fn batch(base_offset: i64, epoch: i32) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        builder.append(Timestamp(1), None, Some(b"value"), &[]);
        builder.append(Timestamp(1), None, Some(b"value"), &[]);
        let mut bytes = builder.finish(&BatchOptions::default()).to_vec();
        set_base_offset(&mut bytes, Offset(base_offset));
        set_partition_leader_epoch(&mut bytes, LeaderEpoch(epoch));
        bytes
    }

    #[test]
    fn batches_are_taken_up_to_one_that_is_cut_short() {
        let mut bytes = [batch(10, 2), batch(12, 3), batch(14, 3)].concat();
        bytes.truncate(bytes.len() - 1);
        let fetched = FetchedBatches::check(bytes.into(), &ASKED).unwrap();
        assert_eq!(fetched.headers.len(), 2);
        assert_eq!(fetched.runs(usize::MAX).count(), 1);
        let runs: Vec<_> =
            fetched.runs(1).map(|(bytes, headers)| (bytes.len(), headers.len())).collect();
        assert_eq!(runs, [(batch(10, 2).len(), 1); 2]);
    }

    #[test]
    fn damaged_overlapping_and_future_batches_are_refused() {
        let mut damaged = batch(10, 3);
        *damaged.last_mut().unwrap() ^= 1;
        for bytes in [damaged, batch(9, 3), [batch(10, 3), batch(11, 3)].concat(), batch(10, 4)] {
            assert!(FetchedBatches::check(bytes.into(), &ASKED).is_err());
        }
    }
}
