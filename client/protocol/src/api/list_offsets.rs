//! ListOffsets (key 2): the first offset at or after a time, and the log's ends.
//!
//! | version | change |
//! |---|---|
//! | 1 | one offset a partition, with its timestamp |
//! | 2 | isolation levels; throttle time |
//! | 3 | a throttled response is sent before the wait, not after |
//! | 4 | leader epochs, both ways (KIP-320) |
//! | 5 | OFFSET_NOT_AVAILABLE may be answered |
//! | 6 | flexible |
//! | 7 | [`MAX_TIMESTAMP`] (KIP-734) |
//! | 8 | [`EARLIEST_LOCAL`] (KIP-405) |
//! | 9 | [`LATEST_TIERED`] (KIP-1005) |
//! | 10 | a timeout, for what lies in remote storage (KIP-1075) |
//! | 11 | [`EARLIEST_PENDING_UPLOAD`] (KIP-1023) |

use crate::{BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicName};

/// Asks for the end: the high watermark, or the last stable offset.
pub const LATEST: Timestamp = Timestamp(-1);
/// Asks for the log's start.
pub const EARLIEST: Timestamp = Timestamp(-2);
/// Asks for the record with the largest timestamp.
pub const MAX_TIMESTAMP: Timestamp = Timestamp(-3);
/// Asks for the first offset on the broker's own disk.
pub const EARLIEST_LOCAL: Timestamp = Timestamp(-4);
/// Asks for the last offset in remote storage.
pub const LATEST_TIERED: Timestamp = Timestamp(-5);
/// Asks for the first offset that isn't in remote storage yet.
pub const EARLIEST_PENDING_UPLOAD: Timestamp = Timestamp(-6);

crate::api! {
    key ListOffsets, versions 1..=11, flexible 6..;

    /// Asks for one offset of each of some partitions.
    request ListOffsetsRequest {
        /// -1 = a consumer.
        replica_id: BrokerId { 1.. },
        /// 0 = up to the high watermark, 1 = up to the last stable offset.
        isolation_level: i8 { 2.. },
        topics: Vec<ListOffsetsTopic> { 1.. },
        /// How long remote storage may take, in milliseconds.
        timeout_ms: i32 { 10.. },
    }

    struct ListOffsetsTopic {
        name: TopicName { 1.. },
        partitions: Vec<ListOffsetsPartition> { 1.. },
    }

    struct ListOffsetsPartition {
        partition_index: PartitionIndex { 1.. },
        /// -1 = don't check.
        current_leader_epoch: LeaderEpoch { 4.. },
        /// A time, or one of the constants above.
        timestamp: Timestamp { 1.. },
    }

    /// The offsets that were asked for.
    response ListOffsetsResponse {
        throttle_time_ms: i32 { 2.. },
        topics: Vec<ListOffsetsTopicResponse> { 1.. },
    }

    struct ListOffsetsTopicResponse {
        name: TopicName { 1.. },
        partitions: Vec<ListOffsetsPartitionResponse> { 1.. },
    }

    struct ListOffsetsPartitionResponse {
        partition_index: PartitionIndex { 1.. },
        error_code: ErrorCode { 1.. },
        /// The record's, -1 where there is none or where an end was asked for.
        timestamp: Timestamp { 1.. },
        /// -1 = no such record.
        offset: Offset { 1.., default -1 },
        /// Of the record, or of the log's end.
        leader_epoch: LeaderEpoch { 4.. },
    }
}
