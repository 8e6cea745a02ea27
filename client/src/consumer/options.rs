//! How a consumer reads.

use std::time::Duration;

use protocol::Timestamp;

use crate::offsets::{Isolation, Place};

/// Where to read on when the position is unset or no longer there (`auto.offset.reset`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// From the first record that is still there.
    Earliest,
    /// From the end.
    #[default]
    Latest,
    /// From the first record that is no older than this by the wall clock, or from the end where
    /// there is none (KIP-1106).
    ByDuration(Duration),
    /// Nowhere: [`Consumer::poll`](super::Consumer::poll) returns
    /// [`Error::OffsetOutOfRange`](crate::Error::OffsetOutOfRange), or
    /// [`Error::LogTruncated`](crate::Error::LogTruncated) where records that were read are lost.
    None,
}

impl OffsetReset {
    /// The place to read on from, at this time of the wall clock.
    pub(super) fn place(self, now: Timestamp) -> Option<Place> {
        match self {
            Self::Earliest => Some(Place::Beginning),
            Self::Latest => Some(Place::End),
            Self::ByDuration(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Some(Place::Time(Timestamp(now.0.saturating_sub(ago).max(0))))
            }
            Self::None => None,
        }
    }
}

/// How a consumer reads. The default is Kafka's, but for `read_ahead_bytes`, which Kafka doesn't
/// have.
///
/// ```
/// use client::{ConsumerOptions, Isolation, OffsetReset};
///
/// let options = ConsumerOptions {
///     isolation: Isolation::ReadCommitted,
///     offset_reset: OffsetReset::Earliest,
///     ..Default::default()
/// };
/// assert_eq!(options.poll_records_max, 500);
/// ```
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// What it sees of transactions.
    pub isolation: Isolation,
    /// Where to read on when the position is unset or no longer there.
    pub offset_reset: OffsetReset,
    /// How long a broker may wait for `min_bytes`.
    pub max_wait: Duration,
    /// How many bytes a broker waits for.
    pub min_bytes: i32,
    /// How many bytes a broker answers at most, but for a first batch that is larger.
    pub max_bytes: i32,
    /// How many of them may be of one partition.
    pub partition_max_bytes: i32,
    /// How many bytes are fetched ahead of the application at most, as they come from the brokers.
    /// Each broker has an equal part of it: one half for the answer that is being handed out, one
    /// for the next. Beyond it go a batch that is larger, and of each partition the batch that is
    /// being handed out, decompressed.
    pub read_ahead_bytes: usize,
    /// How large a batch may be when it's decompressed, in bytes.
    pub batch_bytes_max: usize,
    /// How many records one poll returns at most.
    pub poll_records_max: usize,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            offset_reset: OffsetReset::default(),
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_max_bytes: 1 << 20,
            read_ahead_bytes: 64 << 20,
            batch_bytes_max: 256 << 20,
            poll_records_max: 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_by_duration_goes_back_from_now() {
        let reset = |ago| OffsetReset::ByDuration(Duration::from_millis(ago));
        assert_eq!(reset(30).place(Timestamp(100)), Some(Place::Time(Timestamp(70))));
        assert_eq!(reset(300).place(Timestamp(100)), Some(Place::Time(Timestamp(0))));
        assert_eq!(OffsetReset::None.place(Timestamp(100)), None);
    }
}
