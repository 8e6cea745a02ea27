//! Metadata (key 3): brokers, topics, and who leads each partition.
//!
//! | version | change |
//! |---|---|
//! | 1 | racks, the controller, internal topics; a null list of topics means all, an empty one none |
//! | 2 | the cluster's id |
//! | 3 | throttle time |
//! | 4 | the client says whether topics may be created |
//! | 5 | offline replicas |
//! | 7 | leader epochs |
//! | 8 | authorized operations |
//! | 9 | flexible |
//! | 10 | topic ids; a request by id |
//! | 11 | no authorized operations of the cluster: DescribeCluster has them |
//! | 12 | a request by id alone, so names are null where a topic isn't known |
//! | 13 | an error for the whole response |

use crate::{BrokerId, ErrorCode, LeaderEpoch, PartitionIndex, TopicId, TopicName};

crate::api! {
    key Metadata, versions 0..=13, flexible 9..;

    /// Asks for topics, and for the brokers always.
    request MetadataRequest {
        /// Null = all topics. In version 0 an empty list means all.
        topics: Option<Vec<MetadataRequestTopic>> { 0.., null 1.. },
        /// Whether the broker may create topics that don't exist, if it's configured to.
        allow_auto_topic_creation: bool { 4.., default true },
        include_cluster_authorized_operations: bool { 8..=10 },
        include_topic_authorized_operations: bool { 8.. },
    }

    struct MetadataRequestTopic {
        topic_id: TopicId { 10.. },
        /// Null where the id is given.
        name: Option<TopicName> { 0.., null 10.. },
    }

    /// The cluster as one broker knows it.
    response MetadataResponse {
        throttle_time_ms: i32 { 3.. },
        brokers: Vec<MetadataResponseBroker> { 0.. },
        cluster_id: Option<String> { 2.. },
        controller_id: BrokerId { 1.. },
        topics: Vec<MetadataResponseTopic> { 0.. },
        /// A bit per operation; the smallest number = not asked for.
        cluster_authorized_operations: i32 { 8..=10, default i32::MIN },
        error_code: ErrorCode { 13.. },
    }

    struct MetadataResponseBroker {
        node_id: BrokerId { 0.. },
        host: String { 0.. },
        port: i32 { 0.. },
        rack: Option<String> { 1.. },
    }

    struct MetadataResponseTopic {
        error_code: ErrorCode { 0.. },
        /// Null where a topic was asked for by an id that isn't known.
        name: Option<TopicName> { 0.., null 12.. },
        topic_id: TopicId { 10.. },
        is_internal: bool { 1.. },
        partitions: Vec<MetadataResponsePartition> { 0.. },
        /// A bit per operation; the smallest number = not asked for.
        topic_authorized_operations: i32 { 8.., default i32::MIN },
    }

    struct MetadataResponsePartition {
        error_code: ErrorCode { 0.. },
        partition_index: PartitionIndex { 0.. },
        /// -1 = none.
        leader_id: BrokerId { 0.. },
        leader_epoch: LeaderEpoch { 7.. },
        replica_nodes: Vec<BrokerId> { 0.. },
        isr_nodes: Vec<BrokerId> { 0.. },
        offline_replicas: Vec<BrokerId> { 5.. },
    }
}
