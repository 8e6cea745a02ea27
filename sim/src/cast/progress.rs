//! How far everybody has come: what stories wait for, and what they judge a loss by.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use broker::witness::{Event, ReplicaId};
use protocol::{BrokerId, Offset};

/// How far each node and each replica has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last entry of the metadata log that each controller has applied.
    pub(super) applied: BTreeMap<BrokerId, u64>,
    /// Up to which entry each controller was last given an image, instead of entries.
    pub(super) restored: BTreeMap<BrokerId, u64>,
    /// The last entry whose image each broker shows its clients.
    pub(super) published: BTreeMap<BrokerId, i64>,
    pub(super) replicas: BTreeMap<ReplicaId, Replica>,
}

/// How far one replica has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Replica {
    end: Offset,
    /// Up to where it would survive a power loss.
    pub(super) synced_end: Offset,
    /// What it has cut off, first to last.
    pub(super) cuts: Vec<Range<Offset>>,
    /// The in-sync replicas that it last asked for, as the leader.
    pub(super) proposed_isr: BTreeSet<BrokerId>,
}

impl Progress {
    /// Takes note of what happened to a replica.
    pub(super) fn saw(&mut self, id: ReplicaId, event: &Event<'_>) {
        let replica = self.replicas.entry(id).or_default();
        match event {
            Event::Opened { log_end_offset, .. } => {
                replica.end = *log_end_offset;
                replica.synced_end = Offset(0);
            }
            Event::Appended { header, .. } => replica.end = header.next_offset(),
            Event::Truncating { from } => replica.synced_end = replica.synced_end.min(*from),
            Event::Truncated { log_end_offset } => {
                let before = std::mem::replace(&mut replica.end, *log_end_offset);
                replica.cuts.push(*log_end_offset..before);
            }
            Event::Synced { synced_end } => {
                replica.synced_end = replica.synced_end.max(*synced_end);
            }
            Event::IsrProposed { isr, .. } => replica.proposed_isr.clone_from(isr),
            _ => {}
        }
    }
}
