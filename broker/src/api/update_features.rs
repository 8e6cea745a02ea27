//! UpdateFeatures: decided by the active controller; a broker forwards it there.

use std::sync::Arc;

use ::metadata::ClusterImage;
use controller::Controller;
use protocol::{
    ErrorCode,
    api::update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse},
};

use crate::{
    api::active_controller::decide_or_forward,
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    let wanted = match request.validate_only {
        true => Vec::new(),
        false => request.feature_updates.clone(),
    };
    let decide = async |controller: &Controller, request: UpdateFeaturesRequest| {
        if !broker.authorize(&context, Operation::Alter, Resource::Cluster) {
            return Err(ErrorCode::ClusterAuthorizationFailed);
        }
        controller.update_features(request, context.api_version).await
    };
    let shows = |image: &ClusterImage, response: &UpdateFeaturesResponse| {
        let mut wanted = wanted.iter();
        !response.error_code.is_none()
            || wanted
                .all(|update| image.features().level(&update.feature) == update.max_version_level)
    };
    let decided = decide_or_forward(&broker, &context, request, decide, shows).await;
    decided.unwrap_or_else(|error_code| UpdateFeaturesResponse {
        error_code,
        ..UpdateFeaturesResponse::default()
    })
}
