//! MetadataPoll (ours): committed metadata records after an index, or a snapshot, when there are any.

use std::sync::Arc;

use controller::metadata_poll::{MetadataPollRequest, MetadataPollResponse};
use protocol::ErrorCode;

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: MetadataPollRequest,
) -> MetadataPollResponse {
    let answered = async {
        let controller = controller_for_nodes(&broker, &context)?;
        tokio::select! {
            biased;
            // A poll waits long: whoever follows the metadata here has to look elsewhere now.
            () = broker.shutdown.requested() => Err(ErrorCode::NotController),
            answered = controller.metadata_poll(request) => answered,
        }
    };
    answered.await.unwrap_or_else(|error_code| MetadataPollResponse {
        error_code,
        ..MetadataPollResponse::default()
    })
}
