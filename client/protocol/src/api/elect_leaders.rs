//! ElectLeaders (key 43): an operator asks for elections.
//!
//! | version | change |
//! |---|---|
//! | 1 | unclean elections (KIP-460), and an error for the whole response |
//! | 2 | flexible |

use crate::{ErrorCode, PartitionIndex, TopicName};

/// An `election_type`: the first replica of each partition shall lead it.
pub const ELECTION_PREFERRED: i8 = 0;
/// An `election_type`: some live replica shall lead each partition that has no leader, and records
/// may be lost.
pub const ELECTION_UNCLEAN: i8 = 1;

crate::api! {
    key ElectLeaders, versions 0..=2, flexible 2..;

    /// Which partitions shall have an election.
    request ElectLeadersRequest {
        /// One of the constants above.
        election_type: i8 { 1.. },
        /// Null = all.
        topic_partitions: Option<Vec<ElectLeadersTopic>> { 0.. },
        timeout_ms: i32 { 0.., default 60_000 },
    }

    struct ElectLeadersTopic {
        topic: TopicName { 0.. },
        partitions: Vec<PartitionIndex> { 0.. },
    }

    /// One result for each partition.
    response ElectLeadersResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 1.. },
        replica_election_results: Vec<ElectLeadersTopicResult> { 0.. },
    }

    struct ElectLeadersTopicResult {
        topic: TopicName { 0.. },
        partition_result: Vec<ElectLeadersPartitionResult> { 0.. },
    }

    struct ElectLeadersPartitionResult {
        partition_id: PartitionIndex { 0.. },
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 0.. },
    }
}
