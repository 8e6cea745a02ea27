//! AlterPartition: a leader asks the active controller for other in-sync replicas.

use std::sync::Arc;

use protocol::api::alter_partition::{AlterPartitionRequest, AlterPartitionResponse};

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: AlterPartitionRequest,
) -> AlterPartitionResponse {
    let version = context.api_version;
    let answered =
        async { controller_for_nodes(&broker, &context)?.alter_partition(request, version).await };
    answered.await.unwrap_or_else(|error_code| AlterPartitionResponse {
        error_code,
        ..AlterPartitionResponse::default()
    })
}
