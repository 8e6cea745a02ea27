//! What becomes of a batch that a producer sent, and what its response waits for.

use protocol::{LeaderEpoch, Offset, records::BatchHeader};

use crate::{Acks, BatchSequence};

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// Write it, with these in its header.
    New {
        /// The first record's offset.
        base_offset: Offset,
        /// The epoch of this leader.
        leader_epoch: LeaderEpoch,
    },
    /// Don't: it's here already. The response is that of the first time.
    Duplicate {
        /// The batch as it was appended.
        batch: BatchSequence,
        /// The epoch of this leader.
        leader_epoch: LeaderEpoch,
    },
}

impl Append {
    /// The offset for the response.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        match self {
            Self::New { base_offset, .. } => *base_offset,
            Self::Duplicate { batch, .. } => batch.first_offset(),
        }
    }

    /// What the response waits for; `header` is the batch's as it was sent.
    #[must_use]
    pub fn wait(&self, header: &BatchHeader, acks: Acks) -> ProduceWait {
        let (end, leader_epoch) = match self {
            Self::New { base_offset, leader_epoch } => {
                (base_offset.plus(i64::from(header.last_offset_delta) + 1), *leader_epoch)
            }
            Self::Duplicate { batch, leader_epoch } => (batch.last_offset.plus(1), *leader_epoch),
        };
        ProduceWait { end, leader_epoch, acks }
    }
}

/// A produce that waits for its acknowledgement. Of a partition's waits with the same acks, the
/// first to be appended is the first to be done; duplicates may be done sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceWait {
    /// The offset after the batch's last record.
    pub end: Offset,
    /// The leader epoch in which it was appended.
    pub leader_epoch: LeaderEpoch,
    /// Whose acknowledgement it waits for.
    pub acks: Acks,
}
