//! ApiVersions: what this listener answers, and which features the cluster has.

use std::sync::Arc;

use metadata::MetadataVersion;
use protocol::{
    ErrorCode,
    api::api_versions::{
        ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey,
        SupportedFeatureKey,
    },
};

use crate::{
    api::{Incoming, Served},
    broker::Broker,
    server::{answer::Answer, connection::Outcome, request_context::RequestContext},
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: ApiVersionsRequest,
) -> ApiVersionsResponse {
    if context.api_version >= 3 && !names_itself(&request) {
        return ApiVersionsResponse {
            error_code: ErrorCode::InvalidRequest,
            ..ApiVersionsResponse::default()
        };
    }
    let image = broker.image.load();
    let supported_features = vec![SupportedFeatureKey {
        name: MetadataVersion::FEATURE.to_owned(),
        min_version: MetadataVersion::MIN.level(),
        max_version: MetadataVersion::LATEST.level(),
    }];
    let finalized_features = image
        .features()
        .iter()
        .map(|(name, level)| FinalizedFeatureKey {
            name: name.to_string(),
            max_version_level: level,
            min_version_level: level,
        })
        .collect();
    ApiVersionsResponse {
        error_code: ErrorCode::None,
        api_keys: Served::on(context.connection.kind).map(advertised).collect(),
        supported_features,
        finalized_features_epoch: broker.image_index(),
        finalized_features,
        ..ApiVersionsResponse::default()
    }
}

/// The answer to a version that isn't served: in version 0's form, and of this API alone, so that
/// any client can read it and ask again (KIP-511).
pub(super) fn refuse(incoming: &Incoming) -> Outcome {
    let own = Served::on(incoming.context.connection.kind)
        .filter(|served| served.key == protocol::ApiKey::ApiVersions)
        .map(advertised)
        .collect();
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion,
        api_keys: own,
        ..ApiVersionsResponse::default()
    };
    Outcome::Answer(Answer::new(incoming.header.correlation_id, 0, &response))
}

fn advertised(served: &Served) -> ApiVersion {
    ApiVersion {
        api_key: served.key as i16,
        min_version: *served.versions.start(),
        max_version: *served.versions.end(),
    }
}

/// Kafka's rule for the names of client software: letters and digits, with dots and dashes inside.
fn names_itself(request: &ApiVersionsRequest) -> bool {
    let is_name = |name: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        name.chars().all(inner)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    is_name(&request.client_software_name) && is_name(&request.client_software_version)
}
