//! OffsetForLeaderEpoch (key 23): where an epoch ended, so that a log or a position can be cut back
//! to what both sides have (KIP-101, KIP-279, KIP-320).
//!
//! | version | change |
//! |---|---|
//! | 2 | the epoch that the reader believes in, against fenced leaders; throttle time |
//! | 3 | the replica that asks; consumers may ask |
//! | 4 | flexible |

use crate::{BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicName};

crate::api! {
    key OffsetForLeaderEpoch, versions 2..=4, flexible 4..;

    /// Asks for the end of one epoch of each of some partitions.
    request OffsetForLeaderEpochRequest {
        /// -1 = a consumer, -2 = somebody who may see beyond the high watermark.
        replica_id: BrokerId { 3.., default -2 },
        topics: Vec<OffsetForLeaderTopic> { 2.. },
    }

    struct OffsetForLeaderTopic {
        topic: TopicName { 2.. },
        partitions: Vec<OffsetForLeaderPartition> { 2.. },
    }

    struct OffsetForLeaderPartition {
        partition: PartitionIndex { 2.. },
        /// -1 = don't check.
        current_leader_epoch: LeaderEpoch { 2.. },
        /// The epoch that is asked about.
        leader_epoch: LeaderEpoch { 2.. },
    }

    /// The ends that were asked for.
    response OffsetForLeaderEpochResponse {
        throttle_time_ms: i32 { 2.. },
        topics: Vec<OffsetForLeaderTopicResult> { 2.. },
    }

    struct OffsetForLeaderTopicResult {
        topic: TopicName { 2.. },
        partitions: Vec<EpochEndOffset> { 2.. },
    }

    struct EpochEndOffset {
        error_code: ErrorCode { 2.. },
        partition: PartitionIndex { 2.. },
        /// The largest epoch up to the one asked about that the log has; -1 = none.
        leader_epoch: LeaderEpoch { 2.. },
        /// The offset after that epoch's last record; -1 = none.
        end_offset: Offset { 2.., default -1 },
    }
}
