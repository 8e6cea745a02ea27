//! ElectLeaders: an operator asks for elections; and those that nobody has to ask for, which bring
//! leadership back to where it's preferred.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    ErrorCode, PartitionIndex, TopicName,
    api::elect_leaders::{
        ELECTION_PREFERRED, ELECTION_UNCLEAN, ElectLeadersPartitionResult, ElectLeadersRequest,
        ElectLeadersResponse, ElectLeadersTopicResult,
    },
};

use super::{Decision, Refusal, Settings};
use crate::{
    ClusterImage, MetadataRecord, Partition, Topic,
    election::{Election, Outcome, Turn},
    record::PartitionChangeRecord,
};

/// How many partitions change their leader in one round of balancing, as in Kafka: clients of each
/// have to find the new one.
const BALANCED_AT_ONCE_MAX: usize = 1000;

/// Which leader an election is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ElectionType {
    /// The first replica.
    Preferred,
    /// Any at all, though it may lack what was acknowledged.
    Unclean,
}

impl ClusterImage {
    /// Holds elections for the partitions that are named, each of which is answered once; or, where
    /// none are named, for all that need one, and of these only they are answered.
    pub fn elect_leaders(
        &self,
        request: &ElectLeadersRequest,
        settings: &Settings,
    ) -> Decision<ElectLeadersResponse> {
        let mut decision = Decision::unchanged(ElectLeadersResponse::default());
        let election_type = match request.election_type {
            ELECTION_PREFERRED => ElectionType::Preferred,
            ELECTION_UNCLEAN => ElectionType::Unclean,
            _ => {
                decision.response.error_code = ErrorCode::InvalidRequest;
                return decision;
            }
        };
        let is_for_all = request.topic_partitions.is_none();
        for (topic, partitions) in self.candidates(request) {
            let mut partition_result = Vec::new();
            for index in partitions {
                let refusal = match self.elect_leader(&topic, index, election_type, settings) {
                    Ok(record) => {
                        decision.records.push(record.into());
                        None
                    }
                    Err(refusal) if is_for_all && refusal.error == ErrorCode::ElectionNotNeeded => {
                        continue;
                    }
                    Err(refusal) => Some(refusal),
                };
                partition_result.push(result(index, refusal));
            }
            if !partition_result.is_empty() {
                let results = &mut decision.response.replica_election_results;
                results.push(ElectLeadersTopicResult { topic, partition_result });
            }
        }
        decision
    }

    /// Brings leadership back to the preferred replicas that are in sync, of some partitions at a
    /// time. Returns of how many.
    pub fn balance_leaders(&self, settings: &Settings) -> Decision<usize> {
        let records: Vec<MetadataRecord> = self
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions().map(move |(index, _)| (topic, index)))
            .filter_map(|(topic, index)| {
                let elected =
                    self.elect_leader(&topic.name, index, ElectionType::Preferred, settings);
                elected.ok().map(MetadataRecord::from)
            })
            .take(BALANCED_AT_ONCE_MAX)
            .collect();
        let response = records.len();
        Decision { records, response }
    }

    /// The partitions that a request names, or all.
    fn candidates(
        &self,
        request: &ElectLeadersRequest,
    ) -> BTreeMap<TopicName, BTreeSet<PartitionIndex>> {
        let mut candidates: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        match &request.topic_partitions {
            Some(named) => named.iter().for_each(|named| {
                candidates.entry(named.topic.clone()).or_default().extend(&named.partitions);
            }),
            None => candidates.extend(self.topics().iter().map(|topic| {
                let partitions = topic.partitions().map(|(index, _)| index);
                (topic.name.clone(), partitions.collect())
            })),
        }
        candidates
    }

    fn elect_leader(
        &self,
        name: &TopicName,
        index: PartitionIndex,
        election_type: ElectionType,
        settings: &Settings,
    ) -> Result<PartitionChangeRecord, Refusal> {
        let unknown = |what| Refusal::new(ErrorCode::UnknownTopicOrPartition, what);
        let topic = self.topics().get(name.as_str());
        let topic = topic.ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let partition = topic.partition(index);
        let partition =
            partition.ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
        let is_needed = match election_type {
            ElectionType::Preferred => !partition.has_preferred_leader(),
            ElectionType::Unclean => partition.leader.is_none(),
        };
        if !is_needed {
            return Err(Refusal::new(
                ErrorCode::ElectionNotNeeded,
                "Leader election not needed for topic partition.",
            ));
        }
        self.hold_election(topic, partition, election_type, settings)
            .and_then(|outcome| outcome.into_record(topic.id, index, partition))
            .ok_or_else(|| not_available(election_type))
    }

    /// What the election leads to; none where nobody may lead whom it's held for.
    fn hold_election(
        &self,
        topic: &Topic,
        partition: &Partition,
        election_type: ElectionType,
        settings: &Settings,
    ) -> Option<Outcome> {
        let may_lead = |id| Turn::Rules.may_lead(self.brokers(), partition, id);
        let config = self.topic_config(topic, settings);
        let election = Election::new(partition, &config, &may_lead);
        match election_type {
            ElectionType::Preferred => election.prefer(),
            ElectionType::Unclean => {
                let election = Election { unclean: true, ..election };
                let outcome = election.hold(partition.isr.clone(), None);
                outcome.leader.is_some().then_some(outcome)
            }
        }
    }
}

fn not_available(election_type: ElectionType) -> Refusal {
    match election_type {
        ElectionType::Preferred => Refusal::new(
            ErrorCode::PreferredLeaderNotAvailable,
            "The preferred leader was not available.",
        ),
        ElectionType::Unclean => Refusal::new(
            ErrorCode::EligibleLeadersNotAvailable,
            "Eligible topic partition leaders are not available.",
        ),
    }
}

fn result(partition_id: PartitionIndex, refusal: Option<Refusal>) -> ElectLeadersPartitionResult {
    let (error_code, error_message) = match refusal {
        None => (ErrorCode::None, None),
        Some(refusal) => (refusal.error, Some(refusal.message)),
    };
    ElectLeadersPartitionResult { partition_id, error_code, error_message }
}

#[cfg(test)]
mod tests;
