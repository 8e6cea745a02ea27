//! The metadata log as the observer knows it: what every node must come to at every index.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use controller::Vow;
use metadata::ClusterImage;
use protocol::{BrokerEpoch, BrokerId, TopicId};

/// What the quorum has committed.
#[derive(Debug, Default)]
pub(crate) struct Quorum {
    /// All that was committed.
    pub(crate) image: ClusterImage,
    /// Its index; none before anything was seen.
    pub(crate) index: Option<u64>,
    /// What each entry led to, as whoever was first found out.
    entries: BTreeMap<u64, Outcome>,
    /// How far each controller has applied, in its life.
    pub(crate) applied: BTreeMap<BrokerId, u64>,
    /// Who was active in each term.
    pub(crate) active: BTreeMap<u64, Reign>,
    /// What each voter answers for.
    pub(crate) vows: BTreeMap<BrokerId, Vows>,
    /// How long a quorum may be silent before its leader isn't active any more.
    pub(crate) election_timeout: Duration,
    /// All topics that there ever were.
    pub(crate) topic_ids: BTreeSet<TopicId>,
    /// The highest that was ever given out.
    pub(crate) last_broker_epoch: BrokerEpoch,
}

/// An active controller of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reign {
    pub(crate) node: BrokerId,
    /// Since when it was seen to be active.
    pub(crate) since: Duration,
}

/// What a voter answers for: its last vote, and the end of its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vows {
    pub(crate) vote: Option<Vow>,
    pub(crate) log_end: Option<Vow>,
}

impl Vows {
    pub(crate) fn take(&mut self, vow: Vow) {
        match vow {
            Vow::Vote { .. } => self.vote = Some(vow),
            Vow::LogEnd { .. } => self.log_end = Some(vow),
        }
    }
}

/// What an entry led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// None for an image that nobody was seen to get by an entry.
    pub(crate) term: Option<u64>,
    pub(crate) digest: u64,
}

impl Quorum {
    pub(crate) fn new(election_timeout: Duration) -> Self {
        Self { election_timeout, ..Self::default() }
    }

    pub(crate) fn vowed(&mut self, node: BrokerId, vow: Vow) {
        self.vows.entry(node).or_default().take(vow);
    }

    /// What held at an index: after the last entry that isn't beyond it.
    pub(crate) fn at(&self, index: u64) -> Option<(u64, Outcome)> {
        let (index, outcome) = self.entries.range(..=index).next_back()?;
        Some((*index, *outcome))
    }

    /// Whether somebody has been there.
    pub(crate) fn reaches(&self, index: u64) -> bool {
        self.index.is_some_and(|last| index <= last)
    }

    pub(crate) fn note(&mut self, index: u64, outcome: Outcome, image: &ClusterImage) {
        self.entries.insert(index, outcome);
        if !self.reaches(index) {
            self.index = Some(index);
            self.topic_ids.extend(image.topics().iter().map(|topic| topic.id));
            self.last_broker_epoch = self.last_broker_epoch.max(image.brokers().last_epoch());
            self.image = image.clone();
        }
    }
}
