//! What somebody who looks on is told of one replica. Nobody does in production.

use std::sync::Arc;

use replica::{ProduceWait, Replica};

use crate::witness::{Event, ReplicaId, Witness};

#[derive(Clone, Debug)]
pub(crate) struct Sight {
    witness: Arc<dyn Witness>,
    pub(super) of: ReplicaId,
}

impl Sight {
    pub(crate) fn new(witness: Arc<dyn Witness>, of: ReplicaId) -> Self {
        Self { witness, of }
    }

    pub(super) fn saw(&self, event: &Event<'_>) {
        self.witness.saw(self.of, event);
    }

    /// A producer is about to be told that its batch is there.
    pub(super) fn saw_acknowledged(&self, replica: &Replica, wait: &ProduceWait) {
        let Ok(leader) = replica.leader() else { return };
        self.saw(&Event::Acknowledged {
            end: wait.end,
            acks: wait.acks,
            leader_epoch: wait.leader_epoch,
            isr: leader.isr(),
            min_insync_replicas: replica.effective_min_insync_replicas(),
        });
    }
}
