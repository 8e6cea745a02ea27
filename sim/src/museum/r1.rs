//! A follower truncates to its own high watermark.
//!
//! A follower learns the high watermark one round trip late, so what it has beyond its own may well be
//! committed. Two brokers are in sync, and the leader has had two records acknowledged; the follower has
//! both, and knows of one. The leader's epoch is raised without anybody dying, the follower follows
//! anew, and cuts its log back to the one record that it knows to be committed. Before it has fetched
//! the other again the leader dies, the follower leads with one record, and the returning leader
//! truncates to that: an acknowledged record is gone from all of them. Kafka asked the leader for the
//! end of the follower's last epoch instead (KIP-101).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R1,
    title: "A follower truncates to its own high watermark",
    tier: Tier::A,
    properties: &["L11", "L1", "L4"],
};
