//! The recovery point is ahead of what is synced.
//!
//! The checkpoint says up to where a log needs no checking. A process dies, and the next one recovers
//! the log, with records that only the system's memory holds, and moves the checkpoint behind them
//! without a sync (KAFKA-10101). After a loss of power recovery skips just the part that is damaged:
//! records are missing in the middle of a log, and nobody looks.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::S2,
    title: "The recovery point is ahead of what is synced",
    tier: Tier::A,
    properties: &["S2", "L1"],
};
