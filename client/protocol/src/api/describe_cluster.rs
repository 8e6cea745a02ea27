//! DescribeCluster (key 60): the cluster's id, its nodes, and what the client may do to it.
//!
//! | version | change |
//! |---|---|
//! | 1 | brokers or controllers (KIP-919) |
//! | 2 | fenced brokers (KIP-1073) |

use crate::{BrokerId, ErrorCode};

/// An `endpoint_type`: the brokers.
pub const ENDPOINT_BROKERS: i8 = 1;
/// An `endpoint_type`: the controllers.
pub const ENDPOINT_CONTROLLERS: i8 = 2;

crate::api! {
    key DescribeCluster, versions 0..=2, flexible 0..;

    /// Asks for the cluster's nodes.
    request DescribeClusterRequest {
        include_cluster_authorized_operations: bool { 0.. },
        /// One of the constants above. Must be what the node is that is asked.
        endpoint_type: i8 { 1.., default 1 },
        include_fenced_brokers: bool { 2.. },
    }

    /// The cluster as one node knows it.
    response DescribeClusterResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 0.. },
        endpoint_type: i8 { 1.., default 1 },
        cluster_id: String { 0.. },
        /// From a broker: one of the brokers.
        controller_id: BrokerId { 0.. },
        brokers: Vec<DescribeClusterBroker> { 0.. },
        /// A bit per operation; the smallest number = not asked for.
        cluster_authorized_operations: i32 { 0.., default i32::MIN },
    }

    struct DescribeClusterBroker {
        broker_id: BrokerId { 0.. },
        host: String { 0.. },
        port: i32 { 0.. },
        rack: Option<String> { 0.. },
        is_fenced: bool { 2.. },
    }
}
