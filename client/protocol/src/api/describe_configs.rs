//! DescribeConfigs (key 32): a resource's configuration, and where each value comes from.
//!
//! | version | change |
//! |---|---|
//! | 1 | sources and synonyms (KIP-226) |
//! | 2 | a throttled response is sent before the wait, not after |
//! | 3 | types and documentation (KIP-569) |
//! | 4 | flexible |

use crate::ErrorCode;

/// A `resource_type`: a topic, by name.
pub const RESOURCE_TOPIC: i8 = 2;
/// A `resource_type`: a broker, by id; an empty name = what applies to all.
pub const RESOURCE_BROKER: i8 = 4;
/// A `resource_type`: a broker's log levels, by id.
pub const RESOURCE_BROKER_LOGGER: i8 = 8;

/// A `config_source`: set for the topic.
pub const SOURCE_TOPIC: i8 = 1;
/// A `config_source`: set for this broker while it ran.
pub const SOURCE_DYNAMIC_BROKER: i8 = 2;
/// A `config_source`: set for all brokers while they ran.
pub const SOURCE_DYNAMIC_DEFAULT_BROKER: i8 = 3;
/// A `config_source`: the broker's configuration file.
pub const SOURCE_STATIC_BROKER: i8 = 4;
/// A `config_source`: nobody set it.
pub const SOURCE_DEFAULT: i8 = 5;

crate::api! {
    key DescribeConfigs, versions 1..=4, flexible 4..;

    /// Asks for the configuration of each of some resources.
    request DescribeConfigsRequest {
        resources: Vec<DescribeConfigsResource> { 1.. },
        include_synonyms: bool { 1.. },
        include_documentation: bool { 3.. },
    }

    struct DescribeConfigsResource {
        /// One of the constants above.
        resource_type: i8 { 1.. },
        resource_name: String { 1.. },
        /// Null = all.
        configuration_keys: Option<Vec<String>> { 1.. },
    }

    /// One result for each resource.
    response DescribeConfigsResponse {
        throttle_time_ms: i32 { 1.. },
        results: Vec<DescribeConfigsResult> { 1.. },
    }

    struct DescribeConfigsResult {
        error_code: ErrorCode { 1.. },
        error_message: Option<String> { 1.. },
        resource_type: i8 { 1.. },
        resource_name: String { 1.. },
        configs: Vec<DescribeConfigsResourceResult> { 1.. },
    }

    struct DescribeConfigsResourceResult {
        name: String { 1.. },
        /// Null where it is sensitive.
        value: Option<String> { 1.. },
        read_only: bool { 1.. },
        /// One of the constants above.
        config_source: i8 { 1.., default -1 },
        is_sensitive: bool { 1.. },
        /// Where the value comes from, and what would apply without it: the strongest first.
        synonyms: Vec<DescribeConfigsSynonym> { 1.. },
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password;
        /// 0 = not said.
        config_type: i8 { 3.. },
        documentation: Option<String> { 3.. },
    }

    struct DescribeConfigsSynonym {
        name: String { 1.. },
        value: Option<String> { 1.. },
        source: i8 { 1.. },
    }
}
