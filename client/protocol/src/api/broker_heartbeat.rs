//! BrokerHeartbeat (key 63): a registered broker is alive, and says how it wants to go on (KIP-631).
//!
//! | version | change |
//! |---|---|
//! | 1 | log directories that failed (KIP-858) |

use crate::{BrokerEpoch, BrokerId, DirectoryId, ErrorCode, Offset};

crate::api! {
    key BrokerHeartbeat, versions 0..=1, flexible 0..;

    /// A broker's sign of life.
    request BrokerHeartbeatRequest {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
        /// How far the broker has applied the metadata.
        current_metadata_offset: Offset { 0.. },
        want_fence: bool { 0.. },
        want_shut_down: bool { 0.. },
        offline_log_dirs: Vec<DirectoryId> { 1.., tag 0 },
    }

    /// What the controller makes of it.
    response BrokerHeartbeatResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        is_caught_up: bool { 0.. },
        is_fenced: bool { 0.., default true },
        /// The broker leads nothing any more.
        should_shut_down: bool { 0.. },
    }
}
