//! AssignReplicasToDirs: a broker says in which of its directories its replicas are.

use std::sync::Arc;

use protocol::api::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse,
};

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: AssignReplicasToDirsRequest,
) -> AssignReplicasToDirsResponse {
    let answered =
        async { controller_for_nodes(&broker, &context)?.assign_replicas_to_dirs(request).await };
    answered.await.unwrap_or_else(|error_code| AssignReplicasToDirsResponse {
        error_code,
        ..AssignReplicasToDirsResponse::default()
    })
}
