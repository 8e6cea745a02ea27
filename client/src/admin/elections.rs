//! Elections that somebody asks for.

use std::collections::BTreeMap;

use protocol::{
    Message, PartitionIndex, TopicName, TopicPartition,
    api::elect_leaders::{
        ELECTION_PREFERRED, ELECTION_UNCLEAN, ElectLeadersRequest, ElectLeadersTopic,
    },
};

use super::{Admin, left_out, operation_timeout_ms};
use crate::error::Error;

/// The first version of ElectLeaders that says what kind of election is meant. A broker that doesn't
/// have it holds the other kind.
const TYPED_FROM: i16 = 1;

/// Which replica shall lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The first one of each partition, if it's in sync. Nothing is lost by it.
    Preferred,
    /// Any that is up, where nobody may lead otherwise. Records that it lacks are lost, though they
    /// were acknowledged.
    Unclean,
}

/// What became of each of the elections.
pub type ElectionResults = BTreeMap<TopicPartition, Result<(), Error>>;

impl Admin {
    /// Holds elections for some partitions; or, for none named, for all of them that need one.
    ///
    /// ```no_run
    /// use client::admin::Election;
    ///
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// // Leadership back to where it's preferred, after a broker came back.
    /// for (partition, result) in admin.elect_leaders(Election::Preferred, None).await? {
    ///     match result {
    ///         Ok(()) => println!("{partition} is led by its preferred replica"),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No broker that answers, or none that can do it. The result says what became of each partition:
    /// ELECTION_NOT_NEEDED has a leader as it was wanted, and PREFERRED_LEADER_NOT_AVAILABLE or
    /// ELIGIBLE_LEADERS_NOT_AVAILABLE has no replica that could be.
    pub async fn elect_leaders(
        &self,
        election: Election,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<ElectionResults, Error> {
        let (election_type, since) = match election {
            Election::Preferred => (ELECTION_PREFERRED, 0),
            Election::Unclean => (ELECTION_UNCLEAN, TYPED_FROM),
        };
        let request = ElectLeadersRequest {
            election_type,
            topic_partitions: partitions.map(by_topic),
            timeout_ms: operation_timeout_ms(),
        };
        let results = self.cluster.retry(|| self.ask_election(&request, since)).await?;
        let named = partitions.unwrap_or_default().iter();
        let unanswered = named.map(|at| (at.clone(), Err(left_out(at))));
        let mut all: ElectionResults = unanswered.collect();
        all.extend(results);
        all.keys().for_each(|at| self.cluster.invalidate(&at.topic));
        Ok(all)
    }

    /// Asks once: whether a leader can be elected is an answer, and no reason to ask again.
    async fn ask_election(
        &self,
        request: &ElectLeadersRequest,
        since: i16,
    ) -> Result<ElectionResults, Error> {
        let connection = self.cluster.any().await?;
        let versions = since..=*ElectLeadersRequest::VERSIONS.end();
        let version = connection.version_within::<ElectLeadersRequest>(versions)?;
        let response = connection.call_at(request, version).await?;
        Error::check(response.error_code, "ElectLeaders", None)?;
        let mut results = ElectionResults::new();
        for topic in response.replica_election_results {
            for partition in topic.partition_result {
                let at = TopicPartition {
                    topic: topic.topic.clone(),
                    partition: partition.partition_id,
                };
                let message = partition.error_message.as_deref();
                let result = Error::check(partition.error_code, &at, message);
                results.insert(at, result);
            }
        }
        Ok(results)
    }
}

fn by_topic(partitions: &[TopicPartition]) -> Vec<ElectLeadersTopic> {
    let mut topics: BTreeMap<TopicName, Vec<PartitionIndex>> = BTreeMap::new();
    for at in partitions {
        topics.entry(at.topic.clone()).or_default().push(at.partition);
    }
    topics.into_iter().map(|(topic, partitions)| ElectLeadersTopic { topic, partitions }).collect()
}
