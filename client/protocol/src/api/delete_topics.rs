//! DeleteTopics (key 20).
//!
//! | version | change |
//! |---|---|
//! | 1 | throttle time |
//! | 2 | a throttled response is sent before the wait, not after |
//! | 3 | TOPIC_DELETION_DISABLED may be answered |
//! | 4 | flexible |
//! | 5 | error messages; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |
//! | 6 | topics by name or by id (KIP-516) |

use crate::{ErrorCode, TopicId, TopicName};

crate::api! {
    key DeleteTopics, versions 1..=6, flexible 4..;

    /// Deletes each of the topics, or answers why not.
    request DeleteTopicsRequest {
        topics: Vec<DeleteTopicState> { 6.. },
        topic_names: Vec<TopicName> { 1..=5 },
        timeout_ms: i32 { 1.. },
    }

    struct DeleteTopicState {
        /// Null where the id is given.
        name: Option<TopicName> { 6.. },
        topic_id: TopicId { 6.. },
    }

    /// One result for each topic.
    response DeleteTopicsResponse {
        throttle_time_ms: i32 { 1.. },
        responses: Vec<DeletableTopicResult> { 1.. },
    }

    struct DeletableTopicResult {
        /// Null where the id isn't known, or where its topic is none of the client's business.
        name: Option<TopicName> { 1.., null 6.. },
        topic_id: TopicId { 6.. },
        error_code: ErrorCode { 1.. },
        error_message: Option<String> { 5.. },
    }
}
