//! DescribeQuorum: answered by the active controller, which alone knows how far the others are; a
//! broker forwards it there.

use std::sync::Arc;

use controller::Controller;
use protocol::{
    ErrorCode,
    api::describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse},
};

use crate::{
    api::active_controller::decide_or_forward,
    broker::{Broker, Operation, Resource},
    server::request_context::{ListenerKind, RequestContext},
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let describe = async |controller: &Controller, request: DescribeQuorumRequest| {
        if !broker.authorize(&context, Operation::Describe, Resource::Cluster) {
            return Err(ErrorCode::ClusterAuthorizationFailed);
        }
        controller.describe_quorum(&request, broker.doors.clock.now())
    };
    let described = decide_or_forward(&broker, &context, request, describe, |_, _| true).await;
    described.unwrap_or_else(|error_code| DescribeQuorumResponse {
        error_code: match (error_code, context.connection.kind) {
            // As Kafka's controllers say it of the quorum's log.
            (ErrorCode::NotController, ListenerKind::Controller) => ErrorCode::NotLeaderOrFollower,
            (other, _) => other,
        },
        ..DescribeQuorumResponse::default()
    })
}
