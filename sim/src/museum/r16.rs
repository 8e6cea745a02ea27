//! A log is found by the name of its topic.
//!
//! A broker is down while a topic is deleted and another one is created under its name. It comes back
//! with a directory of that name, takes it for the new topic's, joins, and is elected: records of the
//! deleted topic are in the new one, at offsets where others have been. A directory says whose it is by
//! the topic's id (KIP-516).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R16,
    title: "A log is found by the name of its topic",
    tier: Tier::A,
    properties: &["L9", "L2"],
};
