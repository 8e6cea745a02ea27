//! A leader doesn't ask in which epoch a follower fetches.
//!
//! A follower that was away, or that has only half heard of a new leader, fetches as it did before. The
//! leader takes the offset for an acknowledgement of its own log, though the records before it are of
//! another epoch and may have to go. It moves its high watermark by records that the follower doesn't
//! have, or hands out records that go behind others that it never had. Each fetch has to name the epoch,
//! and a leader of another one must refuse it (KIP-320).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R7,
    title: "A leader doesn't ask in which epoch a follower fetches",
    tier: Tier::A,
    properties: &["L2", "L8", "L1"],
};
