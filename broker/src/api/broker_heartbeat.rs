//! BrokerHeartbeat: a broker is alive, has applied metadata up to an index, wants in or out.

use std::sync::Arc;

use protocol::api::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: BrokerHeartbeatRequest,
) -> BrokerHeartbeatResponse {
    let answered =
        async { controller_for_nodes(&broker, &context)?.broker_heartbeat(request).await };
    answered.await.unwrap_or_else(|error_code| BrokerHeartbeatResponse {
        error_code,
        ..BrokerHeartbeatResponse::default()
    })
}
