//! DescribeConfigs: every key of a topic or of this broker, with where its value comes from.

use std::sync::Arc;

use ::metadata::{
    ConfigResource, ResourceType,
    config::{ConfigEntry, Layers, Overrides, describe_topic},
};
use protocol::{
    BrokerId, ErrorCode, TopicName,
    api::describe_configs::{
        DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
        DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
    },
};

use crate::{
    broker::{Broker, Operation, Resource},
    config::{describe_broker, describe_cluster_default},
    server::request_context::RequestContext,
    topic_config,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request
        .resources
        .iter()
        .map(|resource| {
            let described = describe(&broker, &context, resource);
            let (error_code, error_message, entries) = match described {
                Ok(entries) => (ErrorCode::None, None, entries),
                Err((error, message)) => (error, Some(message), Vec::new()),
            };
            // Naming no key asks for all of them, as null does.
            let keys = resource.configuration_keys.as_deref().unwrap_or_default();
            let wanted = |entry: &ConfigEntry| keys.is_empty() || keys.contains(&entry.name);
            DescribeConfigsResult {
                error_code,
                error_message,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs: entries
                    .into_iter()
                    .filter(wanted)
                    .map(|entry| result(entry, &request))
                    .collect(),
            }
        })
        .collect();
    DescribeConfigsResponse { results, ..DescribeConfigsResponse::default() }
}

type Refused = (ErrorCode, String);

fn describe(
    broker: &Broker,
    context: &RequestContext,
    resource: &DescribeConfigsResource,
) -> Result<Vec<ConfigEntry>, Refused> {
    let name = resource.resource_name.as_str();
    match ResourceType::from_code(resource.resource_type) {
        Some(ResourceType::Topic) => describe_named_topic(broker, context, name),
        Some(ResourceType::Broker) => describe_node(broker, context, name),
        _ => {
            let message = format!("Unsupported resource type: {}", resource.resource_type);
            Err((ErrorCode::InvalidRequest, message))
        }
    }
}

fn describe_named_topic(
    broker: &Broker,
    context: &RequestContext,
    name: &str,
) -> Result<Vec<ConfigEntry>, Refused> {
    let topic = TopicName::from(name);
    if !broker.authorize(context, Operation::DescribeConfigs, Resource::Topic(&topic)) {
        return Err((ErrorCode::TopicAuthorizationFailed, String::new()));
    }
    if let Err(reason) = ::metadata::validate_topic_name(name) {
        return Err((ErrorCode::InvalidTopicException, reason.to_string()));
    }
    let image = broker.image.load();
    if image.topics().get(name).is_none() {
        let message = "This server does not host this topic-partition.".to_owned();
        return Err((ErrorCode::UnknownTopicOrPartition, message));
    }
    Ok(topic_config::with_layers(&broker.config, &image, name, describe_topic))
}

fn describe_node(
    broker: &Broker,
    context: &RequestContext,
    name: &str,
) -> Result<Vec<ConfigEntry>, Refused> {
    if !broker.authorize(context, Operation::DescribeConfigs, Resource::Cluster) {
        return Err((ErrorCode::ClusterAuthorizationFailed, String::new()));
    }
    let image = broker.image.load();
    let dynamic = |resource: &ConfigResource| image.configs().of(resource);
    let dynamic_cluster = dynamic(&ConfigResource::every_broker());
    if name.is_empty() {
        let nothing = Overrides::new();
        return Ok(describe_cluster_default(&Layers {
            topic: &nothing,
            dynamic_broker: &nothing,
            dynamic_cluster,
            static_broker: &nothing,
        }));
    }
    let own = broker.id();
    match name.parse().map(BrokerId) {
        Ok(id) if id == own => Ok(describe_broker(&Layers {
            topic: &Overrides::new(),
            dynamic_broker: dynamic(&ConfigResource::broker(own)),
            dynamic_cluster,
            static_broker: &broker.config.static_overrides,
        })),
        Ok(_) => {
            let message = format!(
                "Unexpected broker id, expected {own} or empty string, but received {name}"
            );
            Err((ErrorCode::InvalidRequest, message))
        }
        Err(_) => {
            let message = format!("Broker id must be an integer, but it is: {name}");
            Err((ErrorCode::InvalidRequest, message))
        }
    }
}

fn result(entry: ConfigEntry, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    let synonyms = entry.synonyms.into_iter().map(|synonym| DescribeConfigsSynonym {
        name: synonym.name,
        value: synonym.value,
        source: synonym.source.id(),
    });
    DescribeConfigsResourceResult {
        name: entry.name,
        value: entry.value,
        read_only: entry.is_read_only,
        config_source: entry.source.id(),
        is_sensitive: entry.is_sensitive,
        synonyms: if request.include_synonyms { synonyms.collect() } else { Vec::new() },
        config_type: entry.kind.id(),
        documentation: request.include_documentation.then(|| entry.documentation.to_owned()),
    }
}
