//! Topics that come into being because somebody asked for them (`auto.create.topics.enable`).
//!
//! Kafka answers UNKNOWN_TOPIC_OR_PARTITION and creates the topic behind the client's back. Here the
//! creation is awaited, within a bound: then the first answer already has the topic.

use std::time::Duration;

use protocol::{
    ErrorCode, Message, TopicName,
    api::create_topics::{
        CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
    },
};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::{
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

/// How long a Metadata request waits for its topics to be created.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Creates those of the topics that don't exist, may exist, and may be created by this principal.
pub(crate) async fn create_missing(broker: &Broker, context: &RequestContext, names: &[TopicName]) {
    let missing: Vec<_> = {
        let image = broker.image.load();
        names
            .iter()
            .filter(|name| image.topics().get(name.as_str()).is_none())
            .filter(|name| metadata::validate_topic_name(name.as_str()).is_ok())
            .filter(|name| may_create(broker, context, name))
            .cloned()
            .collect()
    };
    if missing.is_empty() {
        return;
    }
    let topics = missing
        .iter()
        .map(|name| CreatableTopic {
            name: name.clone(),
            // The cluster's defaults: num.partitions, default.replication.factor.
            num_partitions: -1,
            replication_factor: -1,
            ..CreatableTopic::default()
        })
        .collect();
    let request = CreateTopicsRequest { topics, ..CreateTopicsRequest::default() };
    let version = *CreateTopicsRequest::VERSIONS.end();
    let creation = async {
        match broker.forward(context, &request, version).await {
            Ok(response) => {
                let created = created(response);
                let all = |image: &metadata::ClusterImage| {
                    created.iter().all(|name| image.topics().get(name.as_str()).is_some())
                };
                broker.until_image_shows(all).await;
                if !created.is_empty() {
                    info!(topics = ?created, "created on demand");
                }
            }
            Err(error) => warn!(topics = ?missing, %error, "could not be created on demand"),
        }
    };
    let _created_in_time = timeout(WAIT_MAX, creation).await;
}

/// Those that are there now. Why others aren't, the answer to their client has no place for.
fn created(response: CreateTopicsResponse) -> Vec<TopicName> {
    let mut created = Vec::new();
    for CreatableTopicResult { name, error_code, error_message, .. } in response.topics {
        match error_code {
            ErrorCode::None | ErrorCode::TopicAlreadyExists => created.push(name),
            error => {
                let reason = error_message.unwrap_or_default();
                warn!(topic = %name, %error, reason, "could not be created on demand");
            }
        }
    }
    created
}

fn may_create(broker: &Broker, context: &RequestContext, name: &TopicName) -> bool {
    [Resource::Cluster, Resource::Topic(name)]
        .into_iter()
        .any(|resource| broker.authorize(context, Operation::Create, resource))
}
