//! BrokerRegistration: a broker introduces itself to the active controller.

use std::sync::Arc;

use protocol::api::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse};

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: BrokerRegistrationRequest,
) -> BrokerRegistrationResponse {
    let answered =
        async { controller_for_nodes(&broker, &context)?.register_broker(request).await };
    answered.await.unwrap_or_else(|error_code| BrokerRegistrationResponse {
        error_code,
        ..BrokerRegistrationResponse::default()
    })
}
