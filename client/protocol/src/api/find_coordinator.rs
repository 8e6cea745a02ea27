//! FindCoordinator (key 10): the broker that keeps a group or a transactional id.
//!
//! | version | change |
//! |---|---|
//! | 1 | kinds of keys; throttle time; error messages |
//! | 2 | a throttled response is sent before the wait, not after |
//! | 3 | flexible |
//! | 4 | several keys at once (KIP-699) |
//! | 5 | TRANSACTION_ABORTABLE may be answered (KIP-890) |
//! | 6 | share groups (KIP-932) |

use crate::{BrokerId, ErrorCode};

/// A `key_type`: a consumer group's id.
pub const KEY_GROUP: i8 = 0;
/// A `key_type`: a transactional id.
pub const KEY_TRANSACTION: i8 = 1;
/// A `key_type`: a share group's partition.
pub const KEY_SHARE: i8 = 2;

crate::api! {
    key FindCoordinator, versions 0..=6, flexible 3..;

    /// Asks for the coordinator of each of some keys, all of one kind.
    request FindCoordinatorRequest {
        key: String { 0..=3 },
        /// One of the constants above.
        key_type: i8 { 1.. },
        coordinator_keys: Vec<String> { 4.. },
    }

    /// One coordinator, or from version 4 on one for each key.
    response FindCoordinatorResponse {
        throttle_time_ms: i32 { 1.. },
        error_code: ErrorCode { 0..=3 },
        error_message: Option<String> { 1..=3 },
        node_id: BrokerId { 0..=3 },
        host: String { 0..=3 },
        port: i32 { 0..=3 },
        coordinators: Vec<Coordinator> { 4.. },
    }

    struct Coordinator {
        key: String { 4.. },
        node_id: BrokerId { 4.. },
        host: String { 4.. },
        port: i32 { 4.. },
        error_code: ErrorCode { 4.. },
        error_message: Option<String> { 4.. },
    }
}
