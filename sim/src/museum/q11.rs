//! A controller acts on what isn't committed.
//!
//! A controller names a new leader, and tells the brokers before a majority has the record. It dies, the
//! record with it, and its successor names another leader under the same epoch. Two brokers append
//! under one epoch, and nothing tells their logs apart.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::Q11,
    title: "A controller acts on what isn't committed",
    tier: Tier::A,
    properties: &["L6", "L3", "M5", "M2"],
};
