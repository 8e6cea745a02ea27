//! A broker with several log directories says in which of them it put a replica (KIP-858).

use std::collections::BTreeMap;

use protocol::{BrokerEpoch, BrokerId, DirectoryId, ErrorCode, PartitionIndex, TopicId};

use super::{Decision, Settings};
use crate::{
    BrokerRegistration, ClusterImage, MetadataRecord, Partition, election::Turn,
    record::PartitionChangeRecord,
};

impl ClusterImage {
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
        // A replica whose directory was offline may lead from its new one.
        let mut after = self.clone();
        records.iter().for_each(|record| after.replay(record));
        if !records.is_empty() {
            records.extend(after.partition_changes(&Turn::Rules, settings));
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

/// The partition's directories, with another one on that broker.
fn with_directory(partition: &Partition, id: BrokerId, directory: DirectoryId) -> Vec<DirectoryId> {
    let places = partition.replicas.iter().zip(&partition.directories);
    places.map(|(replica, present)| if *replica == id { directory } else { *present }).collect()
}

#[cfg(test)]
mod tests;
