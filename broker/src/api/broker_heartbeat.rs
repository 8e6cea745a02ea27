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
    let sender = (request.broker_id, request.broker_epoch);
    let answered =
        async { controller_for_nodes(&broker, &context)?.broker_heartbeat(request).await };
    let answered = answered.await;
    if answered.as_ref().is_ok_and(|response| response.error_code.is_none()) {
        // Should the connection break, this is whom the controller looks for.
        let mut heartbeats_of =
            context.connection.heartbeats_of.lock().expect("no panic while it's set");
        *heartbeats_of = Some(sender);
    }
    answered.unwrap_or_else(|error_code| BrokerHeartbeatResponse {
        error_code,
        ..BrokerHeartbeatResponse::default()
    })
}
