//! IncrementalAlterConfigs (key 44): changes some values of a resource's configuration and leaves
//! the others (KIP-339).
//!
//! | version | change |
//! |---|---|
//! | 1 | flexible |

use crate::ErrorCode;

/// A `config_operation`: the value is the new one.
pub const SET: i8 = 0;
/// A `config_operation`: back to the default.
pub const DELETE: i8 = 1;
/// A `config_operation`: the value's elements join a list.
pub const APPEND: i8 = 2;
/// A `config_operation`: the value's elements leave a list.
pub const SUBTRACT: i8 = 3;

crate::api! {
    key IncrementalAlterConfigs, versions 0..=1, flexible 1..;

    /// Changes each of some resources: all of its changes, or none.
    request IncrementalAlterConfigsRequest {
        resources: Vec<AlterConfigsResource> { 0.. },
        /// Checks everything, changes nothing.
        validate_only: bool { 0.. },
    }

    struct AlterConfigsResource {
        /// As in [`describe_configs`](super::describe_configs).
        resource_type: i8 { 0.. },
        resource_name: String { 0.. },
        configs: Vec<AlterableConfig> { 0.. },
    }

    struct AlterableConfig {
        name: String { 0.. },
        /// One of the constants above.
        config_operation: i8 { 0.. },
        value: Option<String> { 0.. },
    }

    /// One result for each resource.
    response IncrementalAlterConfigsResponse {
        throttle_time_ms: i32 { 0.. },
        responses: Vec<AlterConfigsResourceResponse> { 0.. },
    }

    struct AlterConfigsResourceResponse {
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 0.. },
        resource_type: i8 { 0.. },
        resource_name: String { 0.. },
    }
}
