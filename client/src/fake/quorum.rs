//! What is asked of the controllers' quorum: here it's one controller, which is easily pleased.

use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex,
    api::{
        describe_quorum::{
            DescribeQuorumPartitionResult, DescribeQuorumRequest, DescribeQuorumResponse,
            DescribeQuorumTopicResult, METADATA_TOPIC, QuorumReplica,
        },
        elect_leaders::{
            ELECTION_UNCLEAN, ElectLeadersPartitionResult, ElectLeadersRequest,
            ElectLeadersResponse, ElectLeadersTopicResult,
        },
        update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse},
    },
};

use super::State;

impl State {
    /// Partition 0 of each topic has its preferred leader, the others get it. Nobody is elected
    /// uncleanly.
    pub(super) fn elect_leaders(&mut self, request: ElectLeadersRequest) -> ElectLeadersResponse {
        let result = |partition_id: PartitionIndex| ElectLeadersPartitionResult {
            partition_id,
            error_code: match partition_id {
                _ if request.election_type == ELECTION_UNCLEAN => {
                    ErrorCode::EligibleLeadersNotAvailable
                }
                PartitionIndex(0) => ErrorCode::ElectionNotNeeded,
                _ => ErrorCode::None,
            },
            ..Default::default()
        };
        let named = request.topic_partitions.clone().unwrap_or_default().into_iter();
        let topics = named.map(|topic| ElectLeadersTopicResult {
            topic: topic.topic,
            partition_result: topic.partitions.into_iter().map(result).collect(),
        });
        ElectLeadersResponse { replica_election_results: topics.collect(), ..Default::default() }
    }
}

/// Only level 2 is there.
pub(super) fn update_features(request: UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    let mut levels = request.feature_updates.iter().map(|update| update.max_version_level);
    let error_code = match levels.all(|level| level == 2) {
        true => ErrorCode::None,
        false => ErrorCode::InvalidUpdateVersion,
    };
    UpdateFeaturesResponse { error_code, ..Default::default() }
}

pub(super) fn describe_quorum(_: DescribeQuorumRequest) -> DescribeQuorumResponse {
    let voter = |id, end| QuorumReplica {
        replica_id: BrokerId(id),
        log_end_offset: Offset(end),
        ..Default::default()
    };
    let partition = DescribeQuorumPartitionResult {
        leader_id: BrokerId(1),
        leader_epoch: LeaderEpoch(7),
        high_watermark: Offset(9),
        current_voters: vec![voter(1, 10), voter(2, 8), voter(3, -1)],
        ..Default::default()
    };
    let topic_name = METADATA_TOPIC.into();
    let topics = vec![DescribeQuorumTopicResult { topic_name, partitions: vec![partition] }];
    DescribeQuorumResponse { topics, ..Default::default() }
}
