//! A vote is answered before it's synced.
//!
//! A controller grants its vote, loses its power, and comes back without knowing. It votes again in the
//! same term, for somebody else, and two leaders of one term write different entries under the same
//! number.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::Q1,
    title: "A vote is answered before it's synced",
    tier: Tier::A,
    properties: &["Q-S1", "M2"],
};
