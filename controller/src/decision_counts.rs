//! How often this controller has decided what an operator counts: elections by their kind, fencings
//! by their reason. Since its process started; whoever wants the cluster's numbers adds up those of
//! all controllers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use metadata::{Candidacy, Event, record::FenceReason};

/// The numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionCounts {
    /// Leaders that were elected, by the right that they lead by.
    pub elections: BTreeMap<Candidacy, u64>,
    /// Partitions that lost their leader, with nobody to follow it.
    pub leaderless: u64,
    /// Brokers that were fenced, by the reason. A level of `metadata.version` that can't say it leaves
    /// it unknown.
    pub fencings: BTreeMap<FenceReason, u64>,
    /// Brokers that came into service.
    pub unfencings: u64,
}

impl Default for DecisionCounts {
    /// What hasn't happened is a zero, not missing.
    fn default() -> Self {
        use Candidacy::{Eligible, InSync, LastKnownLeader, Unclean};
        use FenceReason::{Gone, ShutDown, Silent, Unknown, Wish};
        let elections = [InSync, Eligible, LastKnownLeader, Unclean];
        let fencings = [Unknown, Silent, Gone, Wish, ShutDown];
        Self {
            elections: elections.map(|kind| (kind, 0)).into(),
            leaderless: 0,
            fencings: fencings.map(|reason| (reason, 0)).into(),
            unfencings: 0,
        }
    }
}

/// Counts while others read.
#[derive(Debug, Default)]
pub(crate) struct DecisionCounter {
    counts: Mutex<DecisionCounts>,
}

impl DecisionCounter {
    /// A decision was committed, and meant this.
    pub(crate) fn count(&self, event: &Event) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Fenced(_, reason) => *counts.fencings.entry(*reason).or_default() += 1,
            Event::Unfenced(_) => counts.unfencings += 1,
            Event::LeaderChanged(change) => match change.to {
                Some((_, candidacy)) => *counts.elections.entry(candidacy).or_default() += 1,
                None => counts.leaderless += 1,
            },
            Event::Registered(_)
            | Event::Leaving(_)
            | Event::LostDirectories(..)
            | Event::Unregistered(_) => {}
        }
    }

    /// The numbers now.
    pub(crate) fn read(&self) -> DecisionCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
