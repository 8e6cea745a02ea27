//! AlterPartition (key 56): a partition's leader asks the controller to change who is in sync
//! (KIP-497). What the controller answers is the state that holds.
//!
//! | version | change |
//! |---|---|
//! | 0, 1 | topics by name: gone in Kafka 4.0 |
//! | 2 | topics by id |
//! | 3 | the broker epochs of the in-sync replicas (KIP-903) |

use crate::{
    BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId,
};

crate::api! {
    key AlterPartition, versions 2..=3, flexible 0..;

    /// Who the leader wants in sync.
    request AlterPartitionRequest {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
        topics: Vec<AlterPartitionTopic> { 0.. },
    }

    struct AlterPartitionTopic {
        topic_id: TopicId { 2.. },
        partitions: Vec<AlterPartitionPartition> { 0.. },
    }

    struct AlterPartitionPartition {
        partition_index: PartitionIndex { 0.. },
        /// The epoch that the sender leads in.
        leader_epoch: LeaderEpoch { 0.. },
        new_isr: Vec<BrokerId> { 0..=2 },
        new_isr_with_epochs: Vec<BrokerState> { 3.. },
        /// 1 = the leader was elected uncleanly and hasn't recovered; 0 = as usual (KIP-704).
        leader_recovery_state: i8 { 1.. },
        /// That of the state which the request would change.
        partition_epoch: PartitionEpoch { 0.. },
    }

    struct BrokerState {
        broker_id: BrokerId { 3.. },
        /// The registration that the leader has seen fetching; -1 = don't check.
        broker_epoch: BrokerEpoch { 3.. },
    }

    /// What holds now, or why nothing was changed.
    response AlterPartitionResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        topics: Vec<AlterPartitionTopicResult> { 0.. },
    }

    struct AlterPartitionTopicResult {
        topic_id: TopicId { 2.. },
        partitions: Vec<AlterPartitionPartitionResult> { 0.. },
    }

    struct AlterPartitionPartitionResult {
        partition_index: PartitionIndex { 0.. },
        error_code: ErrorCode { 0.. },
        leader_id: BrokerId { 0.. },
        leader_epoch: LeaderEpoch { 0.. },
        isr: Vec<BrokerId> { 0.. },
        leader_recovery_state: i8 { 1.. },
        partition_epoch: PartitionEpoch { 0.. },
    }
}
