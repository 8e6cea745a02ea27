//! AllocateProducerIds: a block of ids for a broker to hand out.

use std::sync::Arc;

use protocol::api::allocate_producer_ids::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse,
};

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: AllocateProducerIdsRequest,
) -> AllocateProducerIdsResponse {
    let answered =
        async { controller_for_nodes(&broker, &context)?.allocate_producer_ids(request).await };
    answered.await.unwrap_or_else(|error_code| AllocateProducerIdsResponse {
        error_code,
        ..AllocateProducerIdsResponse::default()
    })
}
