//! DescribeQuorum (key 55): the controllers' quorum, as its leader sees it (KIP-595). The quorum's
//! log goes by the name of a partition.
//!
//! | version | change |
//! |---|---|
//! | 1 | when each replica fetched, and when it had everything (KIP-836) |
//! | 2 | directory ids, error messages, and where the nodes listen (KIP-853) |

use crate::{
    BrokerId, DirectoryId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicName,
};

/// The topic that the quorum's log goes by; its only partition is 0.
pub const METADATA_TOPIC: &str = "__cluster_metadata";

crate::api! {
    key DescribeQuorum, versions 0..=2, flexible 0..;

    /// Asks for the one partition there is.
    request DescribeQuorumRequest {
        topics: Vec<DescribeQuorumTopic> { 0.. },
    }

    struct DescribeQuorumTopic {
        topic_name: TopicName { 0.. },
        partitions: Vec<DescribeQuorumPartition> { 0.. },
    }

    struct DescribeQuorumPartition {
        partition_index: PartitionIndex { 0.. },
    }

    /// The quorum.
    response DescribeQuorumResponse {
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 2.. },
        topics: Vec<DescribeQuorumTopicResult> { 0.. },
        nodes: Vec<DescribeQuorumNode> { 2.. },
    }

    struct DescribeQuorumTopicResult {
        topic_name: TopicName { 0.. },
        partitions: Vec<DescribeQuorumPartitionResult> { 0.. },
    }

    struct DescribeQuorumPartitionResult {
        partition_index: PartitionIndex { 0.. },
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 2.. },
        leader_id: BrokerId { 0.. },
        leader_epoch: LeaderEpoch { 0.. },
        high_watermark: Offset { 0.. },
        current_voters: Vec<QuorumReplica> { 0.. },
        observers: Vec<QuorumReplica> { 0.. },
    }

    struct QuorumReplica {
        replica_id: BrokerId { 0.. },
        replica_directory_id: DirectoryId { 2.. },
        /// -1 = not known.
        log_end_offset: Offset { 0.. },
        /// By the leader's clock. -1 = not known, and for the leader itself.
        last_fetch_timestamp: Timestamp { 1.. },
        /// By the leader's clock: when it had everything that the leader had. -1 = not known; for
        /// the leader itself, now.
        last_caught_up_timestamp: Timestamp { 1.. },
    }

    struct DescribeQuorumNode {
        node_id: BrokerId { 2.. },
        listeners: Vec<DescribeQuorumListener> { 2.. },
    }

    struct DescribeQuorumListener {
        name: String { 2.. },
        host: String { 2.. },
        port: u16 { 2.. },
    }
}
