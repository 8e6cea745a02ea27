//! AssignReplicasToDirs (key 73): a broker tells the controller in which of its log directories its
//! replicas are (KIP-858).
//!
//! | version | change |
//! |---|---|
//! | 0 | the first |

use crate::{BrokerEpoch, BrokerId, DirectoryId, ErrorCode, PartitionIndex, TopicId};

crate::api! {
    key AssignReplicasToDirs, versions 0..=0, flexible 0..;

    /// Where replicas are.
    request AssignReplicasToDirsRequest {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
        directories: Vec<AssignedDirectory> { 0.. },
    }

    struct AssignedDirectory {
        id: DirectoryId { 0.. },
        topics: Vec<AssignedTopic> { 0.. },
    }

    struct AssignedTopic {
        topic_id: TopicId { 0.. },
        partitions: Vec<AssignedPartition> { 0.. },
    }

    struct AssignedPartition {
        partition_index: PartitionIndex { 0.. },
    }

    /// One result for each partition.
    response AssignReplicasToDirsResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        directories: Vec<AssignedDirectoryResult> { 0.. },
    }

    struct AssignedDirectoryResult {
        id: DirectoryId { 0.. },
        topics: Vec<AssignedTopicResult> { 0.. },
    }

    struct AssignedTopicResult {
        topic_id: TopicId { 0.. },
        partitions: Vec<AssignedPartitionResult> { 0.. },
    }

    struct AssignedPartitionResult {
        partition_index: PartitionIndex { 0.. },
        error_code: ErrorCode { 0.. },
    }
}
