//! ClusterEvents (ours): what happened to the cluster, as the active controller has applied it; a
//! broker forwards it there.

use std::sync::Arc;

use controller::{
    Controller,
    events::{ClusterEventsRequest, ClusterEventsResponse},
};
use protocol::ErrorCode;

use crate::{
    api::active_controller::decide_or_forward,
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: ClusterEventsRequest,
) -> ClusterEventsResponse {
    let tell = async |controller: &Controller, request: ClusterEventsRequest| {
        if !broker.authorize(&context, Operation::Describe, Resource::Cluster) {
            return Err(ErrorCode::ClusterAuthorizationFailed);
        }
        controller.cluster_events(&request)
    };
    let told = decide_or_forward(&broker, &context, request, tell, |_, _| true).await;
    told.unwrap_or_else(|error_code| ClusterEventsResponse {
        error_code,
        ..ClusterEventsResponse::default()
    })
}
