//! An index isn't truncated with its log.
//!
//! A follower truncates its log, and its index still leads to where the records were. Others are written
//! in their place, at other positions. A consumer that looks for an offset is led into the middle of
//! something, or behind what it asked for.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::S3,
    title: "An index isn't truncated with its log",
    tier: Tier::B,
    properties: &["S3", "L5"],
};
