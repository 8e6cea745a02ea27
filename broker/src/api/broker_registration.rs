//! BrokerRegistration: a broker introduces itself to the active controller.

use std::sync::Arc;

use ::metadata::ClusterImage;
use protocol::{
    BrokerId, ErrorCode,
    api::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse, Feature},
};
use tracing::warn;

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: BrokerRegistrationRequest,
) -> BrokerRegistrationResponse {
    let (id, features) = (request.broker_id, request.features.clone());
    let answered = async {
        let controller = controller_for_nodes(&broker, &context)?;
        let answered = controller.register_broker(request).await;
        if answered.as_ref().is_ok_and(|answer| answer.error_code == ErrorCode::UnsupportedVersion)
        {
            tell_of_other_version(&controller.image(), id, &features);
        }
        answered
    };
    answered.await.unwrap_or_else(|error_code| BrokerRegistrationResponse {
        error_code,
        ..BrokerRegistrationResponse::default()
    })
}

/// The answer has no place for what is missing, and that broker may be too old to say it.
fn tell_of_other_version(image: &ClusterImage, broker: BrokerId, features: &[Feature]) {
    let finalized = image.features().iter().map(|(name, level)| format!("{name}={level}"));
    let offered = features.iter().map(|feature| {
        format!(
            "{:?} {} to {}",
            feature.name, feature.min_supported_version, feature.max_supported_version
        )
    });
    warn!(
        %broker,
        finalized = finalized.collect::<Vec<_>>().join(", "),
        offered = offered.collect::<Vec<_>>().join(", "),
        "a broker of another version is refused: it lacks what the cluster has finalized"
    );
}
