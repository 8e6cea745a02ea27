//! Elections: what becomes of the partitions of brokers that come and go (KIP-966).
//!
//! A partition's in-sync replicas lead in their order of preference. Those that left while too few
//! were in sync are *eligible*: nothing was committed without them, so they lead next. When there
//! are neither, whoever led last leads again as soon as it is back; and where unclean election is
//! allowed, anybody. The last two may have lost records, so they start as recovering.

use std::collections::BTreeSet;

use protocol::{BrokerId, DirectoryId, PartitionIndex, TopicId, bug};

use crate::{
    Brokers, ClusterImage, MetadataRecord, Partition, Topic,
    config::TopicConfig,
    decide::Settings,
    record::{LeaderRecoveryState, PartitionChangeRecord},
};

/// What happens to a broker, as its partitions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is fenced, shuts down, or stopped cleanly: as far as is known, its log has all that was
    /// acknowledged. If it hasn't, its next registration tells.
    Out(BrokerId),
    /// It stopped uncleanly or is gone for good: its log may lack what was acknowledged.
    OutUncleanly(BrokerId),
    /// It is back.
    In(BrokerId),
    /// It lost log directories, and all that was in them.
    LoseDirectories(BrokerId, BTreeSet<DirectoryId>),
    /// Nothing happens to any broker: it's configuration or a replica's directory that changed.
    Rules,
}

impl Turn {
    /// Whether there is anything to decide for the partition.
    fn concerns(&self, partition: &Partition) -> bool {
        match self {
            Self::Out(id) => partition.isr.contains(id),
            Self::In(id) => partition.leader.is_none() && partition.replicas.contains(id),
            Self::OutUncleanly(id) => partition.isr.contains(id) || partition.elr.contains(id),
            Self::LoseDirectories(id, lost) => {
                partition.directory(*id).is_some_and(|directory| lost.contains(&directory))
            }
            Self::Rules => partition.leader.is_none() || !partition.elr.is_empty(),
        }
    }

    /// Whether the broker may lead the partition once this has happened.
    pub(crate) fn may_lead(&self, brokers: &Brokers, partition: &Partition, id: BrokerId) -> bool {
        let Some(broker) = brokers.get(id) else { return false };
        let directory = partition.directory(id).unwrap_or_default();
        let is_active = match self {
            Self::Out(out) | Self::OutUncleanly(out) | Self::LoseDirectories(out, _)
                if *out == id =>
            {
                false
            }
            Self::In(back) if *back == id => true,
            _ => broker.is_active(),
        };
        is_active && broker.has_online(directory)
    }

    /// Who is no longer in sync.
    fn leaver(&self) -> Option<BrokerId> {
        match self {
            Self::Out(id) | Self::OutUncleanly(id) | Self::LoseDirectories(id, _) => Some(*id),
            Self::In(_) | Self::Rules => None,
        }
    }

    /// Who isn't eligible to lead either.
    fn loser(&self) -> Option<BrokerId> {
        match self {
            Self::OutUncleanly(id) | Self::LoseDirectories(id, _) => Some(*id),
            Self::Out(_) | Self::In(_) | Self::Rules => None,
        }
    }
}

impl ClusterImage {
    /// What a broker's turn changes in the partitions that it concerns.
    pub(crate) fn partition_changes(
        &self,
        turn: &Turn,
        settings: &Settings,
    ) -> Vec<MetadataRecord> {
        self.topics().iter().flat_map(|topic| self.topic_changes(topic, turn, settings)).collect()
    }

    /// What several turns change, each after those before it.
    pub(crate) fn partition_changes_in_turn(
        &self,
        turns: &[Turn],
        settings: &Settings,
    ) -> Vec<MetadataRecord> {
        let mut image = self.clone();
        let mut records = Vec::new();
        for turn in turns {
            let changes = image.partition_changes(turn, settings);
            changes.iter().for_each(|change| image.replay(change));
            records.extend(changes);
        }
        records
    }

    fn topic_changes(
        &self,
        topic: &Topic,
        turn: &Turn,
        settings: &Settings,
    ) -> Vec<MetadataRecord> {
        let mut concerned =
            topic.partitions().filter(|(_, partition)| turn.concerns(partition)).peekable();
        if concerned.peek().is_none() {
            return Vec::new();
        }
        let config = self.topic_config(topic, settings);
        concerned
            .filter_map(|(index, partition)| {
                let may_lead = |id| turn.may_lead(self.brokers(), partition, id);
                let isr = without(&partition.isr, turn.leaver());
                let election = Election::new(partition, &config, &may_lead);
                election.hold(isr, turn.loser()).into_record(topic.id, index, partition)
            })
            .map(MetadataRecord::from)
            .collect()
    }

    /// A topic's configuration, as elections see it.
    pub(crate) fn topic_config(&self, topic: &Topic, settings: &Settings) -> TopicConfig {
        let layers = self.configs().layers(topic.name.as_str(), &settings.static_config);
        TopicConfig::resolve(&layers)
    }
}

/// What an election goes by.
pub(crate) struct Election<'a> {
    pub(crate) partition: &'a Partition,
    /// The effective minimum.
    pub(crate) min_insync_replicas: usize,
    /// Whether a replica may lead that may lack acknowledged records.
    pub(crate) unclean: bool,
    pub(crate) may_lead: &'a dyn Fn(BrokerId) -> bool,
}

/// What a partition shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    isr: Vec<BrokerId>,
    elr: Vec<BrokerId>,
    last_known_elr: Vec<BrokerId>,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) leader_recovery_state: LeaderRecoveryState,
}

impl<'a> Election<'a> {
    /// One by the rules of the partition's topic.
    pub(crate) fn new(
        partition: &'a Partition,
        config: &TopicConfig,
        may_lead: &'a dyn Fn(BrokerId) -> bool,
    ) -> Self {
        Self {
            partition,
            min_insync_replicas: partition.effective_min_insync_replicas(config),
            unclean: config.unclean_leader_election_enable,
            may_lead,
        }
    }

    /// Gives the leadership to the first replica, if it's in sync and may lead.
    pub(crate) fn prefer(&self) -> Option<Outcome> {
        let partition = self.partition;
        let preferred = *partition.replicas.first()?;
        let may_lead = partition.isr.contains(&preferred) && (self.may_lead)(preferred);
        may_lead.then(|| Outcome {
            isr: partition.isr.clone(),
            elr: partition.elr.clone(),
            last_known_elr: partition.last_known_elr.clone(),
            leader: Some(preferred),
            leader_recovery_state: partition.leader_recovery_state,
        })
    }

    /// Elects a leader, given who is in sync from now on and who isn't eligible any more.
    pub(crate) fn hold(&self, isr: Vec<BrokerId>, loser: Option<BrokerId>) -> Outcome {
        let partition = self.partition;
        let mut outcome = Outcome {
            elr: self.eligible(&isr, loser),
            isr,
            last_known_elr: partition.last_known_elr.clone(),
            leader: None,
            leader_recovery_state: partition.leader_recovery_state,
        };
        if let Some(leader) = self.among(&outcome.isr) {
            outcome.leader = Some(leader);
        } else if let Some(leader) = self.among(&outcome.elr) {
            // It has all that was committed; whether it has what the others hold beyond isn't known.
            outcome.elr.append(&mut outcome.isr);
            outcome.elr.retain(|replica| *replica != leader);
            outcome.isr = vec![leader];
            outcome.leader = Some(leader);
        } else if let Some(leader) = self.last_resort(&outcome) {
            outcome.isr = vec![leader];
            outcome.elr.clear();
            outcome.leader = Some(leader);
            outcome.leader_recovery_state = LeaderRecoveryState::Recovering;
        }
        self.settle(&mut outcome);
        outcome
    }

    /// The leader as it is if it may go on, or else the first in the order of preference.
    fn among(&self, candidates: &[BrokerId]) -> Option<BrokerId> {
        let may_lead = |id: &BrokerId| candidates.contains(id) && (self.may_lead)(*id);
        let leader = self.partition.leader.filter(may_lead);
        leader.or_else(|| self.partition.replicas.iter().copied().find(may_lead))
    }

    /// Who leads although records may be lost: whoever led last, when nobody else can have more; or
    /// anybody, where that is allowed.
    fn last_resort(&self, outcome: &Outcome) -> Option<BrokerId> {
        // Whoever is being lost now has led after the last one that is known.
        let is_last = self.partition.leader.is_none();
        let nobody_has_more = is_last && outcome.isr.is_empty() && outcome.elr.is_empty();
        let mut last_known = outcome.last_known_elr.iter().copied();
        let last_known = last_known.find(|id| nobody_has_more && (self.may_lead)(*id));
        let anybody = || self.partition.replicas.iter().copied().find(|id| (self.may_lead)(*id));
        last_known.or_else(|| if self.unclean || bug!(R12) { anybody() } else { None })
    }

    /// Replicas that aren't in sync and yet hold all that was committed: those that were eligible
    /// or in sync, as long as too few are in sync for anything to be committed without them.
    fn eligible(&self, isr: &[BrokerId], loser: Option<BrokerId>) -> Vec<BrokerId> {
        if isr.len() >= self.min_insync_replicas || (bug!(R4) && !isr.is_empty()) {
            return Vec::new();
        }
        let candidates = self.partition.elr.iter().chain(&self.partition.isr);
        let mut eligible: Vec<_> =
            candidates.filter(|id| !isr.contains(id) && Some(**id) != loser).copied().collect();
        eligible.sort();
        eligible.dedup();
        eligible
    }

    fn settle(&self, outcome: &mut Outcome) {
        if outcome.isr.len() >= self.min_insync_replicas {
            outcome.elr.clear();
            outcome.last_known_elr.clear();
        }
        outcome.elr.sort();
        // Only the moment when the last leader is lost says who it was. Where nobody led any more,
        // whoever was in sync or eligible last lacked nothing until now.
        if outcome.isr.is_empty() {
            let Partition { leader, isr, elr, .. } = self.partition;
            let was_last = || isr.first().or_else(|| elr.first()).copied();
            let is_known = !outcome.last_known_elr.is_empty();
            if let Some(last) = leader.or_else(|| if is_known { None } else { was_last() }) {
                outcome.last_known_elr = vec![last];
            }
        }
    }
}

impl Outcome {
    /// The record that makes it so, if anything changes.
    pub(crate) fn into_record(
        self,
        topic_id: TopicId,
        index: PartitionIndex,
        before: &Partition,
    ) -> Option<PartitionChangeRecord> {
        let record = PartitionChangeRecord {
            topic_id,
            partition: index,
            leader: (self.leader != before.leader).then(|| self.leader.unwrap_or_default()),
            isr: (self.isr != before.isr).then_some(self.isr),
            elr: (self.elr != before.elr).then_some(self.elr),
            last_known_elr: (self.last_known_elr != before.last_known_elr)
                .then_some(self.last_known_elr),
            leader_recovery_state: (self.leader_recovery_state != before.leader_recovery_state)
                .then_some(self.leader_recovery_state),
            ..PartitionChangeRecord::default()
        };
        (!record.is_empty()).then_some(record)
    }
}

fn without(ids: &[BrokerId], leaver: Option<BrokerId>) -> Vec<BrokerId> {
    ids.iter().copied().filter(|id| Some(*id) != leaver).collect()
}

#[cfg(test)]
mod tests;
