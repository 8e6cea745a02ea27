//! Only the last batch of a producer is remembered.
//!
//! A producer has several batches under way, and the answers are lost. It sends them all again. The
//! leader remembers only the last one, takes the earlier ones for a gap in the sequence. What is
//! the producer to do? It starts a new epoch and sends again what has long been written; or it gives
//! up, as ours does, and nobody knows what is there.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::T3,
    title: "Only the last batch of a producer is remembered",
    tier: Tier::A,
    properties: &["V5", "I1", "I2"],
};
