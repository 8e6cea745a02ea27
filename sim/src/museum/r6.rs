//! The end of an unknown epoch is taken from a later one.
//!
//! Leadership moves twice in quick succession: A leads, B leads and writes a record that only it has, A
//! leads again and writes another one at the same offset. B asks where the epoch ended that it wrote in.
//! A never heard of it, and answers with where its own next epoch starts, which lies behind B's record.
//! B keeps it, and the two logs differ at one offset for ever. The answer has to be about the last epoch
//! that the leader knows up to the one asked for, and to say which it is (KIP-279).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R6,
    title: "The end of an unknown epoch is taken from a later one",
    tier: Tier::B,
    properties: &["L3", "L2"],
};
