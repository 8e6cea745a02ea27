//! What administrators ask for; brokers forward it.

use protocol::{
    ErrorCode, LeaderEpoch, Offset, Timestamp,
    api::{
        create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse},
        create_topics::{CreateTopicsRequest, CreateTopicsResponse},
        delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse},
        describe_quorum::{
            DescribeQuorumListener, DescribeQuorumNode, DescribeQuorumPartition,
            DescribeQuorumPartitionResult, DescribeQuorumRequest, DescribeQuorumResponse,
            DescribeQuorumTopicResult, METADATA_TOPIC, QuorumReplica,
        },
        elect_leaders::{ElectLeadersRequest, ElectLeadersResponse},
        incremental_alter_configs::{
            IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
        },
        update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse},
    },
};

use super::Controller;
use crate::{QuorumInfo, QuorumVoter, VoterKey};

/// The name of the listeners that voters are reached at, where a response wants one.
const CONTROLLER_LISTENER: &str = "CONTROLLER";

impl Controller {
    /// Creates topics.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn create_topics(
        &self,
        request: CreateTopicsRequest,
    ) -> Result<CreateTopicsResponse, ErrorCode> {
        self.decide(move |image, context| image.create_topics(&request, context)).await
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn delete_topics(
        &self,
        request: DeleteTopicsRequest,
    ) -> Result<DeleteTopicsResponse, ErrorCode> {
        self.decide(move |image, context| image.delete_topics(&request, context.settings)).await
    }

    /// Gives topics more partitions.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn create_partitions(
        &self,
        request: CreatePartitionsRequest,
    ) -> Result<CreatePartitionsResponse, ErrorCode> {
        self.decide(move |image, _| image.create_partitions(&request)).await
    }

    /// Changes dynamic configuration.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn incremental_alter_configs(
        &self,
        request: IncrementalAlterConfigsRequest,
    ) -> Result<IncrementalAlterConfigsResponse, ErrorCode> {
        self.decide(move |image, context| {
            image.incremental_alter_configs(&request, context.settings)
        })
        .await
    }

    /// Holds elections.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn elect_leaders(
        &self,
        request: ElectLeadersRequest,
    ) -> Result<ElectLeadersResponse, ErrorCode> {
        self.decide(move |image, context| image.elect_leaders(&request, context.settings)).await
    }

    /// Raises or lowers the levels of features. `version` is that of the request.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn update_features(
        &self,
        request: UpdateFeaturesRequest,
        version: i16,
    ) -> Result<UpdateFeaturesResponse, ErrorCode> {
        self.decide(move |image, _| image.update_features(&request, version)).await
    }

    /// The quorum, as its leader sees it at `now`.
    ///
    /// # Errors
    /// NOT_CONTROLLER: only the active controller knows how far the others are.
    pub fn describe_quorum(
        &self,
        request: &DescribeQuorumRequest,
        now: Timestamp,
    ) -> Result<DescribeQuorumResponse, ErrorCode> {
        self.quorum.active().ok_or(ErrorCode::NotController)?;
        let info = self.quorum.info();
        let topics = request.topics.iter().map(|topic| {
            let is_metadata = topic.topic_name.as_str() == METADATA_TOPIC;
            let partition = |asked: &DescribeQuorumPartition| {
                let partition_index = asked.partition_index;
                if is_metadata && partition_index.0 == 0 {
                    return describe(&info, now);
                }
                let error_code = ErrorCode::UnknownTopicOrPartition;
                DescribeQuorumPartitionResult { partition_index, error_code, ..Default::default() }
            };
            DescribeQuorumTopicResult {
                topic_name: topic.topic_name.clone(),
                partitions: topic.partitions.iter().map(partition).collect(),
            }
        });
        Ok(DescribeQuorumResponse {
            topics: topics.collect(),
            nodes: info.voters.iter().map(node).collect(),
            ..Default::default()
        })
    }
}

fn describe(info: &QuorumInfo, now: Timestamp) -> DescribeQuorumPartitionResult {
    let leader_end = info.leader.and_then(|leader| info.voters.get(&leader)?.log_end);
    let replica = |(key, voter): (&VoterKey, &QuorumVoter)| {
        let fetched = voter.silent_for.map(|silence| {
            let millis = i64::try_from(silence.as_millis()).unwrap_or(i64::MAX);
            Timestamp(now.0.saturating_sub(millis))
        });
        let (last_fetch_timestamp, last_caught_up_timestamp) = match fetched {
            _ if info.leader == Some(*key) => (None, Some(now)),
            // When a voter that lags last had everything isn't kept.
            fetched => (fetched, fetched.filter(|_| voter.log_end >= leader_end)),
        };
        QuorumReplica {
            replica_id: key.node_id,
            replica_directory_id: key.directory_id,
            log_end_offset: Offset(voter.log_end.unwrap_or(-1)),
            last_fetch_timestamp: last_fetch_timestamp.unwrap_or_default(),
            last_caught_up_timestamp: last_caught_up_timestamp.unwrap_or_default(),
        }
    };
    DescribeQuorumPartitionResult {
        leader_id: info.leader.map(|leader| leader.node_id).unwrap_or_default(),
        leader_epoch: LeaderEpoch(i32::try_from(info.term).unwrap_or(i32::MAX)),
        high_watermark: Offset(info.high_watermark),
        current_voters: info.voters.iter().map(replica).collect(),
        ..DescribeQuorumPartitionResult::default()
    }
}

fn node((key, voter): (&VoterKey, &QuorumVoter)) -> DescribeQuorumNode {
    let listener = DescribeQuorumListener {
        name: CONTROLLER_LISTENER.to_owned(),
        host: voter.endpoint.host.clone(),
        port: voter.endpoint.port,
    };
    DescribeQuorumNode { node_id: key.node_id, listeners: vec![listener] }
}
