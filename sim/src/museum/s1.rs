//! Recovery believes in the length of a file.
//!
//! Power is lost in the middle of a write, and the last pages of a log are torn or empty, though the
//! file is as long as it should be. Recovery takes all of it for records. They are served, and copied,
//! or their offsets are counted that nobody can read, and no two logs are equal.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::S1,
    title: "Recovery believes in the length of a file",
    tier: Tier::A,
    properties: &["S1", "V3", "L1", "S5"],
};
