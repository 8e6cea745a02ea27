//! Tells the controller in which log directory a partition is, where the image of the cluster names
//! another one or none (KIP-858): after a directory was lost or replaced, and for every new partition
//! where there are several to choose from.
//!
//! Until the controller knows, it elects no replica whose directory is gone. Where a partition goes
//! isn't decided here: [`crate::log_dirs`] has done it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{
    DirectoryId, PartitionIndex, TopicId,
    api::assign_replicas_to_dirs::{
        AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, AssignedDirectory,
        AssignedPartition, AssignedTopic,
    },
};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tracing::{debug, warn};

use crate::{broker::Broker, partition::Partition, replication};

/// How many replicas a request names, as Kafka bounds it.
const ASSIGNMENTS_PER_REQUEST_MAX: usize = 2250;

/// After the first request that wasn't answered; twice as long after each further one.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);

/// How long the pauses get.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A partition, by its topic's id.
type Key = (TopicId, PartitionIndex);

/// In which directories partitions are.
type Places = BTreeMap<Key, DirectoryId>;

/// Where partitions are that aren't where the image says.
#[derive(Debug, Default)]
pub(crate) struct DirectoryAssignments {
    /// What the controller hasn't answered yet.
    untold: Mutex<Places>,
    wake: Notify,
}

impl DirectoryAssignments {
    /// Compares where a partition is with what an image says.
    pub(crate) fn look_at(&self, partition: &Partition, noted: Option<DirectoryId>) {
        let place = partition.log_dir().id();
        if noted == Some(place) {
            self.untold().remove(&partition.key());
        } else {
            self.untold().insert(partition.key(), place);
            self.wake.notify_one();
        }
    }

    /// As much of what is to be told as fits a request.
    fn next(&self) -> Places {
        let untold = self.untold();
        let places = untold.iter().map(|(key, place)| (*key, *place));
        places.take(ASSIGNMENTS_PER_REQUEST_MAX).collect()
    }

    /// The controller has answered, unless the partition is somewhere else by now.
    fn told(&self, key: &Key, place: DirectoryId) {
        let mut untold = self.untold();
        if untold.get(key) == Some(&place) {
            untold.remove(key);
        }
    }

    fn untold(&self) -> MutexGuard<'_, Places> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the telling. It ends with the broker.
pub(crate) fn start(broker: &Arc<Broker>) -> JoinHandle<()> {
    replication::until_closing(broker, "the assignment of directories", run)
}

/// Tells what there is to tell, one request at a time, for ever.
async fn run(broker: Arc<Broker>) {
    let assignments = broker.partitions.directory_assignments();
    let mut pause = RETRY_PAUSE_MIN;
    loop {
        let places = assignments.next();
        if places.is_empty() {
            assignments.wake.notified().await;
        } else if tell(&broker, assignments, places).await {
            pause = RETRY_PAUSE_MIN;
        } else {
            // Sooner where another controller has become active.
            let _sooner = timeout(pause, broker.active_controller.moved()).await;
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
    }
}

/// Returns whether the controller answered. What it refuses for a partition isn't told again: the
/// topic is deleted, or the replica is no longer here.
async fn tell(broker: &Broker, assignments: &DirectoryAssignments, places: Places) -> bool {
    let request = request(broker, &places);
    let response = match broker.channel.call(&request, |response| response.error_code).await {
        Ok(response) if response.error_code.is_none() => response,
        Ok(AssignReplicasToDirsResponse { error_code, .. }) => {
            debug!(%error_code, "directories not assigned");
            return false;
        }
        Err(error) => {
            debug!(%error, "directories not assigned");
            return false;
        }
    };
    let mut answered_any = false;
    for directory in response.directories {
        for topic in directory.topics {
            for answer in topic.partitions {
                let key = (topic.topic_id, answer.partition_index);
                if !answer.error_code.is_none() {
                    let (topic, partition, error) = (key.0, key.1, answer.error_code);
                    warn!(%topic, %partition, %error, "directory not assigned");
                }
                assignments.told(&key, directory.id);
                answered_any = true;
            }
        }
    }
    answered_any
}

fn request(broker: &Broker, places: &Places) -> AssignReplicasToDirsRequest {
    let mut directories: BTreeMap<DirectoryId, BTreeMap<TopicId, Vec<AssignedPartition>>> =
        BTreeMap::new();
    for ((topic_id, index), place) in places {
        let partition = AssignedPartition { partition_index: *index };
        directories.entry(*place).or_default().entry(*topic_id).or_default().push(partition);
    }
    let topic = |(topic_id, partitions)| AssignedTopic { topic_id, partitions };
    let directory = |(id, topics): (_, BTreeMap<_, _>)| AssignedDirectory {
        id,
        topics: topics.into_iter().map(topic).collect(),
    };
    AssignReplicasToDirsRequest {
        broker_id: broker.id(),
        broker_epoch: broker.epoch(),
        directories: directories.into_iter().map(directory).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: usize) -> Key {
        (TopicId::ZERO, PartitionIndex(i32::try_from(index).unwrap()))
    }

    #[test]
    fn what_does_not_fit_a_request_is_told_with_the_next() {
        let assignments = DirectoryAssignments::default();
        let place = protocol::Uuid([1; 16]);
        let keys = (0..=ASSIGNMENTS_PER_REQUEST_MAX).map(key);
        assignments.untold().extend(keys.map(|key| (key, place)));
        let first = assignments.next();
        assert_eq!(first.len(), ASSIGNMENTS_PER_REQUEST_MAX);
        first.iter().for_each(|(key, place)| assignments.told(key, *place));
        let last = key(ASSIGNMENTS_PER_REQUEST_MAX);
        assert_eq!(assignments.next(), Places::from([(last, place)]));
    }

    #[test]
    fn a_late_answer_says_nothing_of_where_the_partition_is_by_now() {
        let assignments = DirectoryAssignments::default();
        let [was, is] = [1, 2].map(|number| protocol::Uuid([number; 16]));
        assignments.untold().insert(key(0), is);
        assignments.told(&key(0), was);
        assert_eq!(assignments.next(), Places::from([(key(0), is)]));
    }
}
