//! An answer of an earlier leader is appended.
//!
//! A follower has asked a leader for records, and is told to follow another one, and truncates as that
//! one says, while the answer is still under way. It comes, and is appended behind a log that it
//! doesn't continue. Whatever a fetch brings has to be measured by the epoch that it was asked in
//! (KAFKA-13266).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R9,
    title: "An answer of an earlier leader is appended",
    tier: Tier::A,
    properties: &["L2"],
};
