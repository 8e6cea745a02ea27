//! What follows when `metadata.version` is lowered: an older build is to be started on this node's
//! store, and can't read the records that were written before.
//!
//! So every node makes a snapshot at the lower level at once, and forgets the log up to there. A node
//! that stops before it has done so does it when its next snapshot is due.

use std::sync::Arc;

use crate::{published::Published, raft::Quorum};

/// The task that waits for downgrades.
pub(crate) struct Downgrades {
    pub quorum: Arc<Quorum>,
    pub published: Arc<Published>,
}

impl Downgrades {
    pub(crate) async fn run(self) {
        let _needed = self.quorum.needs("the watch for downgrades");
        let mut known = self.published.current();
        loop {
            self.published.applied_after(known.index()).await;
            let current = self.published.current();
            let (level, before) =
                (current.image.metadata_version(), known.image.metadata_version());
            if level < before {
                tracing::info!(%level, "metadata.version was lowered: the log is replaced by a snapshot");
                if let Err(error) = self.quorum.snapshot_and_purge().await {
                    tracing::warn!(%error, "the log still holds records of the higher level");
                }
            }
            known = current;
        }
    }
}
