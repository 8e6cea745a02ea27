//! The balancer: brings leadership back to the preferred replicas, now and then.
//!
//! A broker that comes back follows, until the leadership of its partitions returns to it. Which
//! ones do, and how many at a time, is decided elsewhere.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{quorum_loop::Proposer, raft::Quorum};

/// The task that balances while this controller is the active one.
pub(crate) struct Balancer {
    pub quorum: Arc<Quorum>,
    pub proposer: Proposer,
    pub interval: Duration,
}

impl Balancer {
    pub(crate) async fn run(self) {
        let _needed = self.quorum.needs("the balancing of leaders");
        loop {
            sleep(self.interval).await;
            if self.quorum.active().is_none() {
                continue;
            }
            let balanced =
                self.proposer.submit(|image, context| image.balance_leaders(context.settings));
            match balanced.await {
                Ok(0) => {}
                Ok(partitions) => {
                    tracing::info!(partitions, "leadership returned to preferred replicas");
                }
                // Another controller is active, and balances.
                Err(error) => tracing::debug!(%error, "leadership could not be balanced"),
            }
        }
    }
}
