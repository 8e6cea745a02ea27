//! A broker with several log directories says in which of them it put a replica (KIP-858).

use std::collections::BTreeMap;

use protocol::{
    BrokerEpoch, BrokerId, DirectoryId, ErrorCode, PartitionIndex, TopicId,
    api::assign_replicas_to_dirs::{
        AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, AssignedDirectory,
        AssignedDirectoryResult, AssignedPartitionResult, AssignedTopic, AssignedTopicResult,
    },
};

use super::{Decision, Settings};
use crate::{
    BrokerRegistration, ClusterImage, MetadataRecord, Partition, election::Turn,
    record::PartitionChangeRecord,
};

type Replica = (TopicId, PartitionIndex);

impl ClusterImage {
    /// [`ClusterImage::assign_directories`], as the request and its response have it. A replica
    /// that is named twice is where it's named last.
    pub fn assign_replicas_to_dirs(
        &self,
        request: &AssignReplicasToDirsRequest,
        settings: &Settings,
    ) -> Decision<AssignReplicasToDirsResponse> {
        let directories: BTreeMap<Replica, DirectoryId> =
            request.directories.iter().flat_map(replicas).collect();
        let (id, epoch) = (request.broker_id, request.broker_epoch);
        let Decision { records, response } =
            self.assign_directories(id, epoch, &directories, settings);
        let response = match response {
            Err(error_code) => AssignReplicasToDirsResponse { error_code, ..Default::default() },
            Ok(answers) => {
                let answers = directories.into_keys().zip(answers).collect();
                let directories = request.directories.iter().map(|dir| answered(dir, &answers));
                AssignReplicasToDirsResponse {
                    directories: directories.collect(),
                    ..Default::default()
                }
            }
        };
        Decision { records, response }
    }

    /// Notes the directories of a broker's replicas, so that the loss of one directory is the loss
    /// of its own replicas alone. One answer for each replica, in the order of the map.
    ///
    /// # Errors
    /// The whole request is refused: the broker isn't registered with that epoch.
    pub fn assign_directories(
        &self,
        id: BrokerId,
        epoch: BrokerEpoch,
        directories: &BTreeMap<(TopicId, PartitionIndex), DirectoryId>,
        settings: &Settings,
    ) -> Decision<Result<Vec<ErrorCode>, ErrorCode>> {
        let broker = match self.registration(id, epoch) {
            Ok(broker) => broker,
            Err(error_code) => return Decision::unchanged(Err(error_code)),
        };
        let mut records = Vec::new();
        let mut answers = Vec::with_capacity(directories.len());
        for ((topic_id, index), directory) in directories {
            let answer = match self.moved(broker, *topic_id, *index, *directory) {
                Ok(change) => {
                    records.extend(change.map(MetadataRecord::from));
                    ErrorCode::None
                }
                Err(error_code) => error_code,
            };
            answers.push(answer);
        }
        if !records.is_empty() {
            let mut after = self.clone();
            records.iter().for_each(|record| after.replay(record));
            // A replica whose directory was offline may lead from its new one. And one that nobody
            // knew to be in a directory is lost with it, though that failed before.
            let offline = directories.values().filter(|dir| !broker.has_online(**dir)).copied();
            let turns = [Turn::LoseDirectories(id, offline.collect()), Turn::Rules];
            records.extend(after.partition_changes_in_turn(&turns, settings));
        }
        Decision { records, response: Ok(answers) }
    }

    /// What changes when a replica is in that directory of the broker, if anything does.
    fn moved(
        &self,
        broker: &BrokerRegistration,
        topic_id: TopicId,
        index: PartitionIndex,
        directory: DirectoryId,
    ) -> Result<Option<PartitionChangeRecord>, ErrorCode> {
        let topic = self.topics().by_id(topic_id).ok_or(ErrorCode::UnknownTopicId)?;
        let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let present = partition.directory(broker.id).ok_or(ErrorCode::NotLeaderOrFollower)?;
        if present == directory {
            return Ok(None);
        }
        // From a directory that is gone nothing was moved: the replica starts over, empty.
        let is_lost = !broker.has_online(present) && partition.elr.contains(&broker.id);
        let others = || partition.elr.iter().copied().filter(|id| *id != broker.id).collect();
        Ok(Some(PartitionChangeRecord {
            topic_id,
            partition: index,
            replicas: Some(partition.replicas.clone()),
            directories: Some(with_directory(partition, broker.id, directory)),
            elr: is_lost.then(others),
            ..PartitionChangeRecord::default()
        }))
    }
}

fn replicas(directory: &AssignedDirectory) -> impl Iterator<Item = (Replica, DirectoryId)> {
    directory.topics.iter().flat_map(|topic| {
        let replica = |index| ((topic.topic_id, index), directory.id);
        topic.partitions.iter().map(move |partition| replica(partition.partition_index))
    })
}

fn answered(
    directory: &AssignedDirectory,
    answers: &BTreeMap<Replica, ErrorCode>,
) -> AssignedDirectoryResult {
    let topic = |topic: &AssignedTopic| {
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
        let partitions = indexes.map(|partition_index| AssignedPartitionResult {
            partition_index,
            error_code: answers[&(topic.topic_id, partition_index)],
        });
        AssignedTopicResult { topic_id: topic.topic_id, partitions: partitions.collect() }
    };
    AssignedDirectoryResult {
        id: directory.id,
        topics: directory.topics.iter().map(topic).collect(),
    }
}

/// The partition's directories, with another one on that broker.
fn with_directory(partition: &Partition, id: BrokerId, directory: DirectoryId) -> Vec<DirectoryId> {
    let places = partition.replicas.iter().zip(&partition.directories);
    places.map(|(replica, present)| if *replica == id { directory } else { *present }).collect()
}

#[cfg(test)]
mod tests;
