//! CreatePartitions (key 37): more partitions for topics that exist.
//!
//! | version | change |
//! |---|---|
//! | 1 | a throttled response is sent before the wait, not after |
//! | 2 | flexible |
//! | 3 | THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |

use crate::{BrokerId, ErrorCode, TopicName};

crate::api! {
    key CreatePartitions, versions 0..=3, flexible 2..;

    /// Says how many partitions each of some topics shall have.
    request CreatePartitionsRequest {
        topics: Vec<CreatePartitionsTopic> { 0.. },
        timeout_ms: i32 { 0.. },
        /// Checks everything, creates nothing.
        validate_only: bool { 0.. },
    }

    struct CreatePartitionsTopic {
        name: TopicName { 0.. },
        /// All of them, the present ones included.
        count: i32 { 0.. },
        /// One for each new partition; null = the controller places the replicas.
        assignments: Option<Vec<CreatePartitionsAssignment>> { 0.. },
    }

    struct CreatePartitionsAssignment {
        /// The preferred leader first.
        broker_ids: Vec<BrokerId> { 0.. },
    }

    /// One result for each topic.
    response CreatePartitionsResponse {
        throttle_time_ms: i32 { 0.. },
        results: Vec<CreatePartitionsTopicResult> { 0.. },
    }

    struct CreatePartitionsTopicResult {
        name: TopicName { 0.. },
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 0.. },
    }
}
