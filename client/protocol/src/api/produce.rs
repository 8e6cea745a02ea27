//! Produce (key 0): appends record batches to partitions.
//!
//! | version | change |
//! |---|---|
//! | 0 to 2 | advertised, never served: see below |
//! | 3 | transactional ids; batches of magic 2 |
//! | 4 | KAFKA_STORAGE_ERROR may be answered |
//! | 5 | the response tells where the log starts |
//! | 7 | zstd (KIP-110) |
//! | 8 | the response names the records that spoilt a batch (KIP-467) |
//! | 9 | flexible |
//! | 10 | the response names the new leader (KIP-951) |
//! | 11 | TRANSACTION_ABORTABLE may be answered (KIP-890) |
//! | 12 | producing adds the partition to the transaction (KIP-890) |
//! | 13 | topics by id (KIP-516) |
//!
//! Older versions of librdkafka stop compressing when version 0 isn't advertised (KAFKA-18659). So
//! brokers advertise it, as Kafka does, and refuse what comes at 0 to 2.
//!
//! With `acks` 0 there is no response at all.

use bytes::Bytes;

use crate::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId, TopicName,
};

crate::api! {
    key Produce, versions 3..=13, advertised 0..=13, flexible 9..;

    /// Appends at most one batch to each of some partitions.
    request ProduceRequest {
        /// Null = no transaction.
        transactional_id: Option<String> { 3.. },
        /// 0 = answer nothing, 1 = the leader's log, -1 = every in-sync replica's.
        acks: i16 { 3.. },
        /// How long the in-sync replicas may take, in milliseconds.
        timeout_ms: i32 { 3.. },
        topic_data: Vec<TopicProduceData> { 3.. },
    }

    struct TopicProduceData {
        name: TopicName { 3..=12 },
        topic_id: TopicId { 13.. },
        partition_data: Vec<PartitionProduceData> { 3.. },
    }

    struct PartitionProduceData {
        index: PartitionIndex { 3.. },
        /// Record batches, as they go to the log.
        records: Option<Bytes> { 3.. },
    }

    /// Where the batches went.
    response ProduceResponse {
        responses: Vec<TopicProduceResponse> { 3.. },
        throttle_time_ms: i32 { 3.. },
        /// The leaders that the partitions name.
        node_endpoints: Vec<NodeEndpoint> { 10.., tag 0 },
    }

    struct TopicProduceResponse {
        name: TopicName { 3..=12 },
        topic_id: TopicId { 13.. },
        partition_responses: Vec<PartitionProduceResponse> { 3.. },
    }

    struct PartitionProduceResponse {
        index: PartitionIndex { 3.. },
        error_code: ErrorCode { 3.. },
        /// The first record's, -1 on errors.
        base_offset: Offset { 3.. },
        /// -1 where records keep the time that the producer gave them.
        log_append_time_ms: Timestamp { 3.. },
        log_start_offset: Offset { 5.., default -1 },
        record_errors: Vec<BatchIndexAndErrorMessage> { 8.. },
        error_message: Option<String> { 8.. },
        /// Given with NOT_LEADER_OR_FOLLOWER.
        current_leader: LeaderIdAndEpoch { 10.., tag 0 },
    }

    /// A record that spoilt its batch.
    struct BatchIndexAndErrorMessage {
        /// Counts from the batch's first record.
        batch_index: i32 { 8.. },
        batch_index_error_message: Option<String> { 8.. },
    }

    struct LeaderIdAndEpoch {
        leader_id: BrokerId { 10.. },
        leader_epoch: LeaderEpoch { 10.. },
    }

    struct NodeEndpoint {
        node_id: BrokerId { 10.. },
        host: String { 10.. },
        port: i32 { 10.. },
        rack: Option<String> { 10.. },
    }
}
