//! Places in partitions, as their leaders know them.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{BrokerId, TopicPartition};

use super::{Admin, left_out};
use crate::{
    cluster::Pool,
    error::Error,
    offsets::{self, Found, Isolation, Place, Question},
};

type Questions = BTreeMap<TopicPartition, Question>;

impl Admin {
    /// Where places are, asked of the partitions' leaders: one request to each of them.
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    ///
    /// use client::{Isolation, Place, protocol::{PartitionIndex, TopicPartition}};
    ///
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let first = TopicPartition { topic: "positions".into(), partition: PartitionIndex(0) };
    /// let places = BTreeMap::from([(first.clone(), Place::End)]);
    /// let found = admin.list_offsets(&places, Isolation::ReadUncommitted).await?;
    /// println!("the next record's offset is {:?}", found[&first].offset);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A partition that doesn't exist, no leader that answers. Then none of the others is told.
    pub async fn list_offsets(
        &self,
        places: &BTreeMap<TopicPartition, Place>,
        isolation: Isolation,
    ) -> Result<BTreeMap<TopicPartition, Found>, Error> {
        let pool = Pool::new(self.cluster.clone());
        let mut found = BTreeMap::new();
        let mut attempts = self.cluster.attempts(self.cluster.options().retry_for);
        while found.len() < places.len() {
            let missing = places.iter().filter(|(partition, _)| !found.contains_key(*partition));
            let missing: BTreeMap<_, _> = missing.map(|(at, place)| (at.clone(), *place)).collect();
            if let Err(error) = self.find(&pool, missing, isolation, &mut found).await {
                attempts.after(error).await?;
            }
        }
        Ok(found)
    }

    /// Finds what can be found at once.
    async fn find(
        &self,
        pool: &Pool,
        places: BTreeMap<TopicPartition, Place>,
        isolation: Isolation,
        found: &mut BTreeMap<TopicPartition, Found>,
    ) -> Result<(), Error> {
        let topics: BTreeSet<_> = places.keys().map(|partition| partition.topic.clone()).collect();
        self.cluster.refresh(&topics.into_iter().collect::<Vec<_>>()).await?;
        let mut by_leader: BTreeMap<BrokerId, Questions> = BTreeMap::new();
        for (partition, place) in places {
            let leader = self.cluster.leader(&partition).await?;
            if let Place::At(offset) = place {
                let at = Found { offset: Some(offset), timestamp: None, leader_epoch: None };
                found.insert(partition, at);
            } else if let Some(question) = Question::new(place, leader.epoch) {
                by_leader.entry(leader.id).or_default().insert(partition, question);
            }
        }
        let mut failure = None;
        for (leader, questions) in by_leader {
            let connection = pool.connection(leader).await?;
            let mut answers = offsets::list(&connection, isolation, &questions).await?;
            for partition in questions.into_keys() {
                let answer = answers.remove(&partition);
                match answer.unwrap_or_else(|| Err(left_out(&partition))) {
                    Ok(place) => _ = found.insert(partition, place),
                    Err(error) if !error.is_retriable() => return Err(error),
                    Err(error) => {
                        if error.is_of_stale_metadata() {
                            self.cluster.invalidate(&partition.topic);
                        }
                        failure = Some(error);
                    }
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
