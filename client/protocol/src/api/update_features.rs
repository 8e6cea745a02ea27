//! UpdateFeatures (key 57): an operator raises or lowers the level of a finalised feature (KIP-584,
//! KIP-778).
//!
//! | version | change |
//! |---|---|
//! | 1 | the kind of change in place of a flag for downgrades, and dry runs |
//! | 2 | one error for all, no results by feature: either all change, or none (KIP-1022) |

use crate::ErrorCode;

/// An `upgrade_type`: only to a higher level.
pub const UPGRADE: i8 = 1;
/// An `upgrade_type`: also to a lower level, where nothing is lost by it.
pub const SAFE_DOWNGRADE: i8 = 2;
/// An `upgrade_type`: also to a lower level that can't express all that is there.
pub const UNSAFE_DOWNGRADE: i8 = 3;

crate::api! {
    key UpdateFeatures, versions 0..=2, flexible 0..;

    /// The levels to change.
    request UpdateFeaturesRequest {
        timeout_ms: i32 { 0.., default 60_000 },
        feature_updates: Vec<FeatureUpdate> { 0.. },
        /// Checks everything, changes nothing.
        validate_only: bool { 1.. },
    }

    struct FeatureUpdate {
        feature: String { 0.. },
        /// Below 1 = the feature is no longer finalised.
        max_version_level: i16 { 0.. },
        allow_downgrade: bool { 0..=0 },
        /// One of the constants above.
        upgrade_type: i8 { 1.., default UPGRADE },
    }

    /// Whether the levels were changed.
    response UpdateFeaturesResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 0.. },
        results: Vec<FeatureUpdateResult> { 0..=1 },
    }

    struct FeatureUpdateResult {
        feature: String { 0.. },
        error_code: ErrorCode { 0.. },
        error_message: Option<String> { 0.. },
    }
}
