//! A controller is active without asking the quorum.
//!
//! A controller is cut off from its peers, and not from brokers and clients. It doesn't notice that
//! nobody follows it any more, takes heartbeats, and answers questions with what was true when it was
//! cut off. Its brokers stay with it, and learn nothing. It may answer as active only as long as a
//! majority has answered it lately.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::Q10,
    title: "A controller is active without asking the quorum",
    tier: Tier::A,
    properties: &["Q-S1", "V1", "M1"],
};
