//! The controllers' quorum.

use std::collections::BTreeMap;

use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex,
    api::describe_quorum::{
        DescribeQuorumListener, DescribeQuorumPartition, DescribeQuorumRequest,
        DescribeQuorumResponse, DescribeQuorumTopic, METADATA_TOPIC, QuorumReplica,
    },
};

use super::{Admin, left_out};
use crate::error::Error;

/// The quorum, as its leader sees it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quorum {
    /// The active controller.
    pub leader: BrokerId,
    /// How often there was an election.
    pub leader_epoch: LeaderEpoch,
    /// What is below it is committed: a majority of the voters has it.
    pub high_watermark: Offset,
    /// Who elects and is elected, and how far each one is.
    pub voters: Vec<QuorumReplica>,
    /// Who only listens.
    pub observers: Vec<QuorumReplica>,
    /// Where the voters listen. Nothing, from a broker before Kafka 3.9.
    pub nodes: BTreeMap<BrokerId, Vec<DescribeQuorumListener>>,
}

impl Quorum {
    /// How many entries a voter lacks that the leader has; none where that isn't known.
    #[must_use]
    pub fn lag(&self, replica: &QuorumReplica) -> Option<i64> {
        let mut voters = self.voters.iter();
        let end = voters.find(|voter| voter.replica_id == self.leader)?.log_end_offset;
        (replica.log_end_offset.0 >= 0).then(|| (end.0 - replica.log_end_offset.0).max(0))
    }
}

impl Admin {
    /// The controllers' quorum: who leads it, who votes, and who lags.
    ///
    /// ```no_run
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let quorum = admin.describe_quorum().await?;
    /// println!("controller {} leads in epoch {}", quorum.leader, quorum.leader_epoch);
    /// for voter in &quorum.voters {
    ///     println!("{}: lag {:?}", voter.replica_id, quorum.lag(voter));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No quorum that has a leader, no broker that answers.
    pub async fn describe_quorum(&self) -> Result<Quorum, Error> {
        let partition = DescribeQuorumPartition { partition_index: PartitionIndex(0) };
        let topic =
            DescribeQuorumTopic { topic_name: METADATA_TOPIC.into(), partitions: vec![partition] };
        let request = DescribeQuorumRequest { topics: vec![topic] };
        self.cluster.retry(|| async { quorum(self.call(&request).await?) }).await
    }
}

fn quorum(response: DescribeQuorumResponse) -> Result<Quorum, Error> {
    const SUBJECT: &str = "the controllers' quorum";
    Error::check(response.error_code, SUBJECT, response.error_message.as_deref())?;
    let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
    let described = partitions.into_iter().next().ok_or_else(|| left_out(SUBJECT))?;
    Error::check(described.error_code, SUBJECT, described.error_message.as_deref())?;
    if described.leader_id == BrokerId::default() {
        return Err(Error::answer(ErrorCode::LeaderNotAvailable, SUBJECT, None));
    }
    Ok(Quorum {
        leader: described.leader_id,
        leader_epoch: described.leader_epoch,
        high_watermark: described.high_watermark,
        voters: described.current_voters,
        observers: described.observers,
        nodes: response.nodes.into_iter().map(|node| (node.node_id, node.listeners)).collect(),
    })
}
