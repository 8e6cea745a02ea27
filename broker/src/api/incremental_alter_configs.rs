//! IncrementalAlterConfigs: decided by the active controller; a broker forwards it there.

use std::sync::Arc;

use ::metadata::{ClusterImage, ConfigResource, ResourceType};
use controller::Controller;
use protocol::{
    ErrorCode, TopicName,
    api::incremental_alter_configs::{
        APPEND, AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, DELETE,
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, SET, SUBTRACT,
    },
};

use crate::{
    api::active_controller::decide_or_forward,
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let resources = request.resources.clone();
    let validate_only = request.validate_only;
    let decide = async |controller: &Controller, mut request: IncrementalAlterConfigsRequest| {
        let (allowed, forbidden): (Vec<_>, Vec<_>) = std::mem::take(&mut request.resources)
            .into_iter()
            .partition(|resource| refusal(&broker, &context, resource).is_none());
        request.resources = allowed;
        let mut response = controller.incremental_alter_configs(request).await?;
        response.responses.extend(forbidden.iter().filter_map(|resource| {
            refusal(&broker, &context, resource).map(|error| refused(resource, error))
        }));
        Ok(response)
    };
    let shows = |image: &ClusterImage, response: &IncrementalAlterConfigsResponse| {
        let altered = |resource: &&AlterConfigsResource| {
            let mut responses = response.responses.iter();
            responses.any(|r| {
                r.error_code.is_none()
                    && key(r) == (resource.resource_type, &resource.resource_name)
            })
        };
        validate_only || resources.iter().filter(altered).all(|resource| shows_all(image, resource))
    };
    let decided = decide_or_forward(&broker, &context, request, decide, shows).await;
    decided.unwrap_or_else(|error_code| IncrementalAlterConfigsResponse {
        responses: resources.iter().map(|resource| refused(resource, error_code)).collect(),
        ..IncrementalAlterConfigsResponse::default()
    })
}

fn key(response: &AlterConfigsResourceResponse) -> (i8, &String) {
    (response.resource_type, &response.resource_name)
}

/// Why the principal may not alter a resource, if so. What has no configuration is refused by the
/// controller.
fn refusal(
    broker: &Broker,
    context: &RequestContext,
    resource: &AlterConfigsResource,
) -> Option<ErrorCode> {
    let may = |resource| broker.authorize(context, Operation::AlterConfigs, resource);
    match ResourceType::from_code(resource.resource_type) {
        Some(ResourceType::Topic) => {
            let name = TopicName::from(resource.resource_name.as_str());
            (!may(Resource::Topic(&name))).then_some(ErrorCode::TopicAuthorizationFailed)
        }
        Some(ResourceType::Broker) | None => {
            (!may(Resource::Cluster)).then_some(ErrorCode::ClusterAuthorizationFailed)
        }
    }
}

/// Whether an image shows what a successful request did to a resource.
fn shows_all(image: &ClusterImage, altered: &AlterConfigsResource) -> bool {
    let Some(kind) = ResourceType::from_code(altered.resource_type) else { return true };
    let resource = ConfigResource { kind, name: altered.resource_name.clone() };
    altered.configs.iter().all(|config| shows(image.configs().get(&resource, &config.name), config))
}

fn shows(value: Option<&str>, config: &AlterableConfig) -> bool {
    let given = config.value.as_deref().unwrap_or_default();
    let has = |element: &str| {
        value.is_some_and(|value| value.split(',').any(|own| own.trim() == element.trim()))
    };
    match config.config_operation {
        SET => value == Some(given),
        DELETE => value.is_none(),
        APPEND => given.split(',').all(has),
        SUBTRACT => !given.split(',').any(has),
        _ => true,
    }
}

fn refused(resource: &AlterConfigsResource, error_code: ErrorCode) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse {
        error_code,
        error_message: None,
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alteration_shows_when_its_value_does() {
        let config = |config_operation, value: &str| AlterableConfig {
            config_operation,
            value: Some(value.to_owned()),
            ..AlterableConfig::default()
        };
        assert!(shows(Some("5"), &config(SET, "5")));
        assert!(!shows(Some("4"), &config(SET, "5")));
        assert!(!shows(None, &config(SET, "5")));
        assert!(shows(None, &config(DELETE, "")));
        assert!(shows(Some("compact, delete"), &config(APPEND, "delete")));
        assert!(!shows(Some("compact"), &config(APPEND, "delete")));
        assert!(shows(Some("compact"), &config(SUBTRACT, "delete")));
        assert!(!shows(Some("compact,delete"), &config(SUBTRACT, "delete")));
    }
}
