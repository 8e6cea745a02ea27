//! ApiVersions (key 18): which APIs a node answers, at which versions, and the cluster's features.
//!
//! | version | change |
//! |---|---|
//! | 1 | throttle time |
//! | 2 | a throttled response is sent before the wait, not after |
//! | 3 | flexible, but never the response's header; the client's software; features (KIP-584) |
//! | 4 | a feature's lowest version may be 0 (KAFKA-17011) |
//!
//! A node that doesn't know the version asked for answers UNSUPPORTED_VERSION at version 0, with
//! this API's own range, and the client asks again (KIP-511).

use crate::ErrorCode;

crate::api! {
    key ApiVersions, versions 0..=4, flexible 3..;

    /// The first question on a connection.
    request ApiVersionsRequest {
        client_software_name: String { 3.. },
        client_software_version: String { 3.. },
    }

    /// What the node answers.
    response ApiVersionsResponse {
        error_code: ErrorCode { 0.. },
        api_keys: Vec<ApiVersion> { 0.. },
        throttle_time_ms: i32 { 1.. },
        /// Up to version 3, without features whose lowest version is 0.
        supported_features: Vec<SupportedFeatureKey> { 3.., tag 0 },
        /// -1 = not known.
        finalized_features_epoch: i64 { 3.., tag 1, default -1 },
        /// Counts only with an epoch.
        finalized_features: Vec<FinalizedFeatureKey> { 3.., tag 2 },
        zk_migration_ready: bool { 3.., tag 3 },
    }

    struct ApiVersion {
        /// A number: a newer node has APIs that this build can't name.
        api_key: i16 { 0.. },
        min_version: i16 { 0.. },
        max_version: i16 { 0.. },
    }

    /// What this node could do.
    struct SupportedFeatureKey {
        name: String { 3.. },
        min_version: i16 { 3.. },
        max_version: i16 { 3.. },
    }

    /// What the cluster has agreed to do.
    struct FinalizedFeatureKey {
        name: String { 3.. },
        max_version_level: i16 { 3.. },
        min_version_level: i16 { 3.. },
    }
}
