//! ElectLeaders: decided by the active controller; a broker forwards it there.

use std::sync::Arc;

use ::metadata::{ClusterImage, Partition};
use controller::Controller;
use protocol::{
    ErrorCode,
    api::elect_leaders::{
        ELECTION_PREFERRED, ElectLeadersPartitionResult, ElectLeadersRequest, ElectLeadersResponse,
        ElectLeadersTopic, ElectLeadersTopicResult,
    },
};

use crate::{
    api::active_controller::decide_or_forward,
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    let named = request.topic_partitions.clone().unwrap_or_default();
    let is_preferred = request.election_type == ELECTION_PREFERRED;
    let decide = async |controller: &Controller, request: ElectLeadersRequest| {
        if !broker.authorize(&context, Operation::Alter, Resource::Cluster) {
            return Err(ErrorCode::ClusterAuthorizationFailed);
        }
        controller.elect_leaders(request).await
    };
    let shows = |image: &ClusterImage, response: &ElectLeadersResponse| {
        let leads = |partition: &Partition| match is_preferred {
            true => partition.has_preferred_leader(),
            false => partition.leader.is_some(),
        };
        response.replica_election_results.iter().all(|topic| shows(image, topic, leads))
    };
    let decided = decide_or_forward(&broker, &context, request, decide, shows).await;
    decided.unwrap_or_else(|error_code| ElectLeadersResponse {
        error_code,
        replica_election_results: named.iter().map(|topic| refused(topic, error_code)).collect(),
        ..ElectLeadersResponse::default()
    })
}

/// Whether the partitions that had an election have a leader, or are gone altogether.
fn shows(
    image: &ClusterImage,
    topic: &ElectLeadersTopicResult,
    leads: impl Fn(&Partition) -> bool,
) -> bool {
    let known = image.topics().get(topic.topic.as_str());
    let mut elected = topic.partition_result.iter().filter(|result| result.error_code.is_none());
    elected.all(|result| {
        let partition = known.and_then(|topic| topic.partition(result.partition_id));
        partition.is_none_or(&leads)
    })
}

/// In version 0 a response has no error but those of partitions.
fn refused(topic: &ElectLeadersTopic, error_code: ErrorCode) -> ElectLeadersTopicResult {
    let result = |partition_id| ElectLeadersPartitionResult {
        partition_id,
        error_code,
        ..ElectLeadersPartitionResult::default()
    };
    ElectLeadersTopicResult {
        topic: topic.topic.clone(),
        partition_result: topic.partitions.iter().copied().map(result).collect(),
    }
}
