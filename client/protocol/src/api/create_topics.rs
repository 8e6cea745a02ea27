//! CreateTopics (key 19).
//!
//! | version | change |
//! |---|---|
//! | 2 | throttle time |
//! | 3 | a throttled response is sent before the wait, not after |
//! | 4 | the broker's defaults for partitions and replication, as -1 (KIP-464) |
//! | 5 | flexible; the response has the topic's configs (KIP-525) |
//! | 6 | THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |
//! | 7 | the response has the topic's id (KIP-516) |

use crate::{BrokerId, ErrorCode, PartitionIndex, TopicId, TopicName};

crate::api! {
    key CreateTopics, versions 2..=7, flexible 5..;

    /// Creates each of the topics, or answers why not.
    request CreateTopicsRequest {
        topics: Vec<CreatableTopic> { 2.. },
        timeout_ms: i32 { 2.., default 60_000 },
        /// Checks everything, creates nothing.
        validate_only: bool { 2.. },
    }

    struct CreatableTopic {
        name: TopicName { 2.. },
        /// -1 = the broker's default (from version 4), or `assignments` says it.
        num_partitions: i32 { 2.. },
        /// -1 = the broker's default (from version 4), or `assignments` says it.
        replication_factor: i16 { 2.. },
        /// Empty = the controller places the replicas.
        assignments: Vec<CreatableReplicaAssignment> { 2.. },
        configs: Vec<CreatableTopicConfig> { 2.. },
    }

    struct CreatableReplicaAssignment {
        partition_index: PartitionIndex { 2.. },
        /// The preferred leader first.
        broker_ids: Vec<BrokerId> { 2.. },
    }

    struct CreatableTopicConfig {
        name: String { 2.. },
        value: Option<String> { 2.. },
    }

    /// One result for each topic.
    response CreateTopicsResponse {
        throttle_time_ms: i32 { 2.. },
        topics: Vec<CreatableTopicResult> { 2.. },
    }

    struct CreatableTopicResult {
        name: TopicName { 2.. },
        topic_id: TopicId { 7.. },
        error_code: ErrorCode { 2.. },
        error_message: Option<String> { 2.. },
        /// Why `configs` is null, where the topic was created all the same.
        topic_config_error_code: ErrorCode { 5.., tag 0 },
        num_partitions: i32 { 5.., default -1 },
        replication_factor: i16 { 5.., default -1_i16 },
        configs: Option<Vec<CreatableTopicConfigs>> { 5.. },
    }

    struct CreatableTopicConfigs {
        name: String { 5.. },
        /// Null where it is sensitive.
        value: Option<String> { 5.. },
        read_only: bool { 5.. },
        /// As in [`describe_configs`](super::describe_configs).
        config_source: i8 { 5.., default -1 },
        is_sensitive: bool { 5.. },
    }
}
