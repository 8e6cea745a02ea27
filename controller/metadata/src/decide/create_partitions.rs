//! CreatePartitions: a topic gets more of them, and never fewer.

use std::collections::BTreeMap;

use protocol::{
    ErrorCode, PartitionIndex, TopicName,
    api::create_partitions::{
        CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
        CreatePartitionsTopicResult,
    },
};

use super::{
    Decision, Refusal,
    new_partitions::{PARTITIONS_PER_REQUEST_MAX, spend},
};
use crate::{ClusterImage, MetadataRecord, Topic, placement::Row, record::PartitionRecord};

impl ClusterImage {
    /// Gives each of the topics as many partitions as it asks for, or says why not.
    pub fn create_partitions(
        &self,
        request: &CreatePartitionsRequest,
    ) -> Decision<CreatePartitionsResponse> {
        let mut requested: BTreeMap<&TopicName, usize> = BTreeMap::new();
        for topic in &request.topics {
            *requested.entry(&topic.name).or_default() += 1;
        }
        let mut left = PARTITIONS_PER_REQUEST_MAX;
        let mut decision = Decision::unchanged(CreatePartitionsResponse::default());
        for topic in &request.topics {
            // A name that comes twice gets one answer.
            let created = match requested.remove(&topic.name) {
                None => continue,
                Some(1) => self.add_partitions(topic, &mut left),
                Some(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
            };
            let mut result = CreatePartitionsTopicResult {
                name: topic.name.clone(),
                ..CreatePartitionsTopicResult::default()
            };
            match created {
                Ok(_) if request.validate_only => {}
                Ok(records) => {
                    decision.records.extend(records.into_iter().map(MetadataRecord::from));
                }
                Err(refusal) => {
                    result.error_code = refusal.error;
                    result.error_message = Some(refusal.message);
                }
            }
            decision.response.results.push(result);
        }
        decision
    }

    fn add_partitions(
        &self,
        request: &CreatePartitionsTopic,
        left: &mut usize,
    ) -> Result<Vec<PartitionRecord>, Refusal> {
        let Some(topic) = self.topics().get(request.name.as_str()) else {
            return Err(Refusal::new(
                ErrorCode::UnknownTopicOrPartition,
                "This server does not host this topic-partition.",
            ));
        };
        let present = i32::try_from(topic.partition_count()).expect("numbered by an i32");
        let additional = usize::try_from(i64::from(request.count) - i64::from(present));
        let Some(additional) = additional.ok().filter(|more| *more > 0) else {
            return Err(not_more(topic, present, request.count));
        };
        spend(left, additional)?;
        let indexes = (present..request.count).map(PartitionIndex);
        let Some(assignments) = &request.assignments else {
            return self.place_more(topic, indexes);
        };
        if assignments.len() != additional {
            return Err(Refusal::new(
                ErrorCode::InvalidReplicaAssignment,
                format!(
                    "Attempted to add {additional} additional partition(s), but {}{} assignment(s) \
                     were specified.",
                    if assignments.len() < additional { "only " } else { "" },
                    assignments.len()
                ),
            ));
        }
        indexes
            .zip(assignments)
            .map(|(index, assignment)| {
                self.check_assignment(&assignment.broker_ids, replication_factor(topic))?;
                self.new_partition(topic.id, index, assignment.broker_ids.clone())
            })
            .collect()
    }

    /// Goes on with the topic's placement where its first partition started it.
    fn place_more(
        &self,
        topic: &Topic,
        indexes: impl Iterator<Item = PartitionIndex>,
    ) -> Result<Vec<PartitionRecord>, Refusal> {
        let row = Row::of(self.brokers(), self.topics());
        let replication_factor = replication_factor(topic).expect("a topic has a partition");
        row.check(replication_factor)?;
        let first = topic.partition(PartitionIndex(0)).map(|first| first.replicas[0]);
        let start = first.and_then(|leader| row.position(leader));
        let start = start.unwrap_or_else(|| row.start());
        indexes
            .map(|index| {
                let step = usize::try_from(index.0).expect("partitions are numbered from 0");
                let replicas = row.replicas(start + step, replication_factor);
                self.new_partition(topic.id, index, replicas)
            })
            .collect()
    }
}

fn replication_factor(topic: &Topic) -> Option<usize> {
    topic.partition(PartitionIndex(0)).map(|partition| partition.replicas.len())
}

fn not_more(topic: &Topic, present: i32, count: i32) -> Refusal {
    let message = if count == present {
        format!("Topic already has {present} partition(s).")
    } else {
        format!(
            "The topic {} currently has {present} partition(s); {count} would not be an increase.",
            topic.name
        )
    };
    Refusal::new(ErrorCode::InvalidPartitions, message)
}

#[cfg(test)]
mod tests;
