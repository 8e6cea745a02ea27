//! Where a read may start and where it must end, taken all at once.
//!
//! Reading the high watermark twice, once for the limit and once for the response, has shown
//! aborted records to consumers (KAFKA-9807).

use protocol::{ErrorCode, LeaderEpoch, Offset};

/// How far a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadUpTo {
    /// To the log's end: a follower.
    LogEnd,
    /// To the high watermark: a consumer that reads uncommitted transactions too.
    HighWatermark,
    /// To the last stable offset: a consumer that reads committed transactions only.
    LastStableOffset,
}

/// The bounds of one read, and what its response says of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBounds {
    /// The first offset that there is.
    pub log_start_offset: Offset,
    /// The offset after the last that there is.
    pub log_end_offset: Offset,
    /// The offset after the last that is replicated.
    pub high_watermark: Offset,
    /// The first offset of an open transaction, or the high watermark.
    pub last_stable_offset: Offset,
    /// The read ends before this offset.
    pub up_to: Offset,
    /// The epoch in which all this is so.
    pub leader_epoch: LeaderEpoch,
}

impl ReadBounds {
    /// Whether a read may start at an offset. Between `up_to` and the log's end it may, and finds
    /// nothing yet.
    ///
    /// # Errors
    /// OFFSET_OUT_OF_RANGE.
    pub fn check(&self, offset: Offset) -> Result<(), ErrorCode> {
        if (self.log_start_offset..=self.log_end_offset).contains(&offset) {
            Ok(())
        } else {
            Err(ErrorCode::OffsetOutOfRange)
        }
    }
}
