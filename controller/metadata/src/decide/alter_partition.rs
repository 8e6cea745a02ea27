//! AlterPartition: a leader asks for a change of its in-sync replicas (KIP-497).

use std::collections::BTreeSet;

use protocol::{
    BrokerId, ErrorCode, PartitionIndex,
    api::alter_partition::{
        AlterPartitionPartition, AlterPartitionPartitionResult, AlterPartitionRequest,
        AlterPartitionResponse, AlterPartitionTopicResult, BrokerState,
    },
    bug,
};

use super::{Decision, Settings};
use crate::{
    ClusterImage, LeaderRecoveryState, MetadataRecord, Partition, Topic,
    config::TopicConfig,
    election::{Election, Turn},
};

/// The last version that names in-sync replicas without their broker epochs.
const WITHOUT_EPOCHS: i16 = 2;

impl ClusterImage {
    /// A leader wants other replicas in sync. Each partition is answered with the state that holds,
    /// or with the reason why the leader's view of it is none to build on.
    ///
    /// `version` is the request's: before 3 it doesn't say which incarnations it means.
    pub fn alter_partition(
        &self,
        request: &AlterPartitionRequest,
        version: i16,
        settings: &Settings,
    ) -> Decision<AlterPartitionResponse> {
        let sender = request.broker_id;
        if let Err(error_code) = self.registration(sender, request.broker_epoch) {
            let response =
                AlterPartitionResponse { error_code, ..AlterPartitionResponse::default() };
            return Decision::unchanged(response);
        }
        let mut decision = Decision::unchanged(AlterPartitionResponse::default());
        let mut named = BTreeSet::new();
        for requested in &request.topics {
            let id = requested.topic_id;
            let topic = self.topics().by_id(id).map(|topic| Altered::of(self, topic, settings));
            let topic = topic.ok_or(ErrorCode::UnknownTopicId);
            let mut partitions = Vec::with_capacity(requested.partitions.len());
            for partition in &requested.partitions {
                let index = partition.partition_index;
                // A second change builds on a state that the first one replaces.
                let is_first = named.insert((id, index));
                let wanted = Wanted::of(partition, sender, version);
                let altered = match &topic {
                    Ok(_) if !is_first => Err(ErrorCode::InvalidUpdateVersion),
                    Ok(topic) => topic.alter(index, &wanted),
                    Err(error_code) => Err(*error_code),
                };
                partitions.push(match altered {
                    Ok((record, after)) => {
                        decision.records.extend(record);
                        answer(index, &after, sender)
                    }
                    Err(error_code) => failed(index, error_code),
                });
            }
            let result = AlterPartitionTopicResult { topic_id: id, partitions };
            decision.response.topics.push(result);
        }
        decision
    }
}

/// What a leader wants of one partition.
struct Wanted<'a> {
    sender: BrokerId,
    request: &'a AlterPartitionPartition,
    /// With epochs, which are -1 where the request's version has none.
    isr: Vec<BrokerState>,
}

impl<'a> Wanted<'a> {
    fn of(request: &'a AlterPartitionPartition, sender: BrokerId, version: i16) -> Self {
        let isr = if version > WITHOUT_EPOCHS {
            request.new_isr_with_epochs.clone()
        } else {
            let state = |id: &BrokerId| BrokerState { broker_id: *id, ..BrokerState::default() };
            request.new_isr.iter().map(state).collect()
        };
        Self { sender, request, isr }
    }

    fn ids(&self) -> Vec<BrokerId> {
        self.isr.iter().map(|state| state.broker_id).collect()
    }

    /// Whether the sender speaks as the leader of the state that holds.
    fn check_epochs(&self, partition: &Partition) -> Result<(), ErrorCode> {
        let Self { sender, request, .. } = self;
        if request.leader_epoch > partition.leader_epoch
            || request.partition_epoch > partition.partition_epoch
        {
            // The sender knows of a later state, so it's this controller that isn't in charge.
            Err(ErrorCode::NotController)
        } else if request.leader_epoch < partition.leader_epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else if partition.leader != Some(*sender) {
            Err(ErrorCode::InvalidRequest)
        } else if request.partition_epoch < partition.partition_epoch {
            Err(ErrorCode::InvalidUpdateVersion)
        } else {
            Ok(())
        }
    }

    /// Whether it's a state that a partition may be in. Returns whether the leader has recovered
    /// then (KIP-704): until it has, nobody else is in sync, and it recovers once.
    fn check_state(&self, partition: &Partition) -> Result<LeaderRecoveryState, ErrorCode> {
        let ids = self.ids();
        let distinct: BTreeSet<_> = ids.iter().collect();
        let are_replicas = ids.iter().all(|id| partition.replicas.contains(id));
        if distinct.len() != ids.len() || !are_replicas || !ids.contains(&self.sender) {
            return Err(ErrorCode::InvalidRequest);
        }
        let recovering = LeaderRecoveryState::Recovering;
        let state = LeaderRecoveryState::try_from(self.request.leader_recovery_state)
            .map_err(|_| ErrorCode::InvalidRequest)?;
        let is_step_back = partition.leader_recovery_state != recovering || ids.len() > 1;
        if state == recovering && is_step_back {
            return Err(ErrorCode::InvalidRequest);
        }
        Ok(state)
    }
}

/// A topic whose partitions are altered.
struct Altered<'a> {
    image: &'a ClusterImage,
    topic: &'a Topic,
    config: TopicConfig,
}

impl<'a> Altered<'a> {
    fn of(image: &'a ClusterImage, topic: &'a Topic, settings: &Settings) -> Self {
        Self { image, topic, config: image.topic_config(topic, settings) }
    }

    /// The record, if anything changes, and the state that holds then.
    fn alter(
        &self,
        index: PartitionIndex,
        wanted: &Wanted<'_>,
    ) -> Result<(Option<MetadataRecord>, Partition), ErrorCode> {
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let partition = self.topic.partition(index).ok_or(unknown)?;
        wanted.check_epochs(partition)?;
        let leader_recovery_state = wanted.check_state(partition)?;
        if !wanted.isr.iter().all(|member| self.may_be_in_sync(partition, member)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let may_lead = |id| Turn::Rules.may_lead(self.image.brokers(), partition, id);
        let mut outcome =
            Election::new(partition, &self.config, &may_lead).hold(wanted.ids(), None);
        if outcome.leader == partition.leader {
            outcome.leader_recovery_state = leader_recovery_state;
        }
        let Some(record) = outcome.into_record(self.topic.id, index, partition) else {
            return Ok((None, partition.clone()));
        };
        let mut after = partition.clone();
        after.change(&record);
        Ok((Some(record.into()), after))
    }

    /// Whether a replica is one that the leader can have seen catch up: a broker that left since, or
    /// came back as another incarnation, may have lost what it had (KIP-903). And one that could
    /// lead: not before its broker has said in which directory it is, after it lost the last one.
    fn may_be_in_sync(&self, partition: &Partition, member: &BrokerState) -> bool {
        let known = |epoch| member.broker_epoch.0 == -1 || member.broker_epoch == epoch;
        let directory = partition.directory(member.broker_id).unwrap_or_default();
        self.image.brokers().get(member.broker_id).is_some_and(|broker| {
            broker.is_active() && broker.has_online(directory) && (known(broker.epoch) || bug!(R5))
        })
    }
}

fn answer(
    partition_index: PartitionIndex,
    after: &Partition,
    sender: BrokerId,
) -> AlterPartitionPartitionResult {
    if after.leader != Some(sender) {
        // What it asked for is done, and took the leadership from it.
        return failed(partition_index, ErrorCode::NewLeaderElected);
    }
    AlterPartitionPartitionResult {
        partition_index,
        error_code: ErrorCode::None,
        leader_id: sender,
        leader_epoch: after.leader_epoch,
        isr: after.isr.clone(),
        leader_recovery_state: after.leader_recovery_state.into(),
        partition_epoch: after.partition_epoch,
    }
}

fn failed(partition_index: PartitionIndex, error_code: ErrorCode) -> AlterPartitionPartitionResult {
    AlterPartitionPartitionResult {
        partition_index,
        error_code,
        ..AlterPartitionPartitionResult::default()
    }
}

#[cfg(test)]
mod tests;
