//! DeleteTopics: decided by the active controller; a broker forwards it there.

use std::sync::Arc;

use ::metadata::ClusterImage;
use controller::Controller;
use protocol::{
    ErrorCode, TopicId,
    api::delete_topics::{
        DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
    },
};

use crate::{
    api::active_controller::decide_or_forward,
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

/// The first version that names topics as names or ids.
const STATES_FROM: i16 = 6;

/// The first version that knows TOPIC_DELETION_DISABLED.
const DISABLED_FROM: i16 = 3;

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let named = named(&request, context.api_version);
    let decide = async |controller: &Controller, mut request: DeleteTopicsRequest| {
        if !broker.config.delete_topic_enable {
            return Err(match context.api_version {
                DISABLED_FROM.. => ErrorCode::TopicDeletionDisabled,
                _ => ErrorCode::InvalidRequest,
            });
        }
        let image = controller.image();
        let (allowed, forbidden): (Vec<_>, Vec<_>) =
            named.iter().cloned().partition(|topic| may_delete(&broker, &context, &image, topic));
        // Older versions' names are among them: named twice, they would be answered twice.
        request.topic_names.clear();
        request.topics = allowed;
        let mut response = controller.delete_topics(request).await?;
        response.responses.extend(refused(forbidden, ErrorCode::TopicAuthorizationFailed));
        Ok(response)
    };
    let gone = |image: &ClusterImage, response: &DeleteTopicsResponse| {
        let mut deleted = response.responses.iter().filter(|topic| topic.error_code.is_none());
        deleted.all(|topic| match (&topic.name, topic.topic_id) {
            (Some(name), TopicId::ZERO) => image.topics().get(name.as_str()).is_none(),
            (_, id) => image.topics().by_id(id).is_none(),
        })
    };
    let decided = decide_or_forward(&broker, &context, request, decide, gone).await;
    decided.unwrap_or_else(|error_code| DeleteTopicsResponse {
        responses: refused(named, error_code).collect(),
        ..DeleteTopicsResponse::default()
    })
}

/// The topics that a request names, in the form of the newest versions.
fn named(request: &DeleteTopicsRequest, version: i16) -> Vec<DeleteTopicState> {
    if version >= STATES_FROM {
        return request.topics.clone();
    }
    let names = request.topic_names.iter().cloned();
    names.map(|name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() }).collect()
}

/// An unknown id is nobody's: the controller says so.
fn may_delete(
    broker: &Broker,
    context: &RequestContext,
    image: &ClusterImage,
    topic: &DeleteTopicState,
) -> bool {
    let by_id = || image.topics().by_id(topic.topic_id).map(|topic| &topic.name);
    topic
        .name
        .as_ref()
        .or_else(by_id)
        .is_none_or(|name| broker.authorize(context, Operation::Delete, Resource::Topic(name)))
}

fn refused(
    named: Vec<DeleteTopicState>,
    error_code: ErrorCode,
) -> impl Iterator<Item = DeletableTopicResult> {
    named.into_iter().map(move |DeleteTopicState { name, topic_id }| DeletableTopicResult {
        name,
        topic_id,
        error_code,
        ..DeletableTopicResult::default()
    })
}
