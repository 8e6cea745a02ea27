//! What is known of producers isn't rebuilt.
//!
//! A leader appends a batch, its followers copy it, and it dies before the producer is answered. The
//! producer sends it again, to the new leader, who has the records but never looked whose they are, and
//! appends them a second time. What is known of producers follows from the log alone: followers and
//! recovery have to read it there.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::T4,
    title: "What is known of producers isn't rebuilt",
    tier: Tier::A,
    properties: &["L12", "I1", "I2"],
};
