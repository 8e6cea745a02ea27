//! Fetch (key 1): reads record batches, for consumers and for followers.
//!
//! | version | change |
//! |---|---|
//! | 4 | isolation levels, aborted transactions; batches of magic 2 |
//! | 5 | where the log starts, both ways |
//! | 6 | KAFKA_STORAGE_ERROR may be answered |
//! | 7 | fetch sessions (KIP-227) |
//! | 9 | the epoch that the reader believes in, against fenced leaders (KIP-320) |
//! | 10 | zstd (KIP-110) |
//! | 11 | racks, and a closer replica to read from (KIP-392) |
//! | 12 | flexible; truncation by epoch within Fetch (KIP-595) |
//! | 13 | topics by id (KIP-516) |
//! | 14 | OFFSET_MOVED_TO_TIERED_STORAGE may be answered (KIP-405) |
//! | 15 | a follower names its broker epoch (KIP-903) |
//! | 16 | the response names the new leaders' endpoints (KIP-951) |
//! | 17 | the follower's log directory (KIP-853) |
//! | 18 | the high watermark that the follower knows (KIP-1166) |

use bytes::Bytes;

use crate::{
    BrokerEpoch, BrokerId, DirectoryId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, ProducerId,
    TopicId, TopicName,
};

crate::api! {
    key Fetch, versions 4..=18, flexible 12..;

    /// Asks for records from an offset on. A follower's fetch offset is also its acknowledgement
    /// of everything before it.
    request FetchRequest {
        /// Checked where it is given.
        cluster_id: Option<String> { 12.., tag 0 },
        /// -1 = a consumer.
        replica_id: BrokerId { 4..=14 },
        replica_state: ReplicaState { 15.., tag 1 },
        /// How long to wait for `min_bytes`, in milliseconds.
        max_wait_ms: i32 { 4.. },
        min_bytes: i32 { 4.. },
        /// Of the whole response. The first batch of the first partition that has any is sent
        /// even where it is larger (KIP-74).
        max_bytes: i32 { 4.., default i32::MAX },
        /// 0 = up to the high watermark, 1 = up to the last stable offset.
        isolation_level: i8 { 4.. },
        /// 0 = none yet.
        session_id: i32 { 7.. },
        /// 0 = open a session, -1 = none wanted, or the next number of the session.
        session_epoch: i32 { 7.., default -1 },
        /// In a session: what changed.
        topics: Vec<FetchTopic> { 4.. },
        /// Partitions that leave the session.
        forgotten_topics_data: Vec<ForgottenTopic> { 7.. },
        /// The consumer's rack.
        rack_id: String { 11.. },
    }

    /// The follower that asks.
    struct ReplicaState {
        /// -1 = a consumer.
        replica_id: BrokerId { 15.. },
        replica_epoch: BrokerEpoch { 15.. },
    }

    struct FetchTopic {
        topic: TopicName { 4..=12 },
        topic_id: TopicId { 13.. },
        partitions: Vec<FetchPartition> { 4.. },
    }

    struct FetchPartition {
        partition: PartitionIndex { 4.. },
        /// -1 = don't check.
        current_leader_epoch: LeaderEpoch { 9.. },
        fetch_offset: Offset { 4.. },
        /// Of the last record that the reader has; -1 = don't check.
        last_fetched_epoch: LeaderEpoch { 12.. },
        /// The follower's own, -1 from consumers.
        log_start_offset: Offset { 5.., default -1 },
        partition_max_bytes: i32 { 4.. },
        replica_directory_id: DirectoryId { 17.., tag 0 },
        /// The one that the follower knows: -1 = none, the largest number = it doesn't say.
        high_watermark: Offset { 18.., tag 1, default i64::MAX },
    }

    struct ForgottenTopic {
        topic: TopicName { 7..=12 },
        topic_id: TopicId { 13.. },
        partitions: Vec<PartitionIndex> { 7.. },
    }

    /// Records, and how far they may be read.
    response FetchResponse {
        throttle_time_ms: i32 { 4.. },
        error_code: ErrorCode { 7.. },
        /// 0 = no session.
        session_id: i32 { 7.. },
        /// In a session: what changed.
        responses: Vec<FetchableTopicResponse> { 4.. },
        /// The leaders that the partitions name.
        node_endpoints: Vec<NodeEndpoint> { 16.., tag 0 },
    }

    struct FetchableTopicResponse {
        topic: TopicName { 4..=12 },
        topic_id: TopicId { 13.. },
        partitions: Vec<PartitionData> { 4.. },
    }

    struct PartitionData {
        partition_index: PartitionIndex { 4.. },
        error_code: ErrorCode { 4.. },
        high_watermark: Offset { 4.. },
        last_stable_offset: Offset { 4.., default -1 },
        log_start_offset: Offset { 5.., default -1 },
        /// Set where the reader's log diverged: up to where to truncate.
        diverging_epoch: EpochEndOffset { 12.., tag 0 },
        /// Given with NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH.
        current_leader: LeaderIdAndEpoch { 12.., tag 1 },
        /// Only in Kafka's own quorum.
        snapshot_id: SnapshotId { 12.., tag 2 },
        /// Whose records to skip when reading committed ones, by first offset.
        aborted_transactions: Option<Vec<AbortedTransaction>> { 4.. },
        /// -1 = this one.
        preferred_read_replica: BrokerId { 11.. },
        /// Whole record batches, as they are in the log.
        records: Option<Bytes> { 4.. },
    }

    struct EpochEndOffset {
        epoch: LeaderEpoch { 12.. },
        end_offset: Offset { 12.., default -1 },
    }

    struct LeaderIdAndEpoch {
        leader_id: BrokerId { 12.. },
        leader_epoch: LeaderEpoch { 12.. },
    }

    struct SnapshotId {
        end_offset: Offset { 12.., default -1 },
        epoch: LeaderEpoch { 12.. },
    }

    struct AbortedTransaction {
        producer_id: ProducerId { 4.. },
        first_offset: Offset { 4.. },
    }

    struct NodeEndpoint {
        node_id: BrokerId { 16.. },
        host: String { 16.. },
        port: i32 { 16.. },
        rack: Option<String> { 16.. },
    }
}
