//! The minimum of replicas is asked for once only.
//!
//! Three replicas are in sync when a batch is appended, and two must be. The two followers fall out while
//! it waits, the high watermark passes it by the leader alone, and the producer is told that all is
//! well, though one broken disk loses the record. Whether there are enough has to be asked when the
//! answer is given, too.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R10,
    title: "The minimum of replicas is asked for once only",
    tier: Tier::A,
    properties: &["L8", "L10"],
};
