//! CreateTopics: decided by the active controller; a broker forwards it there.

use std::sync::Arc;

use ::metadata::ClusterImage;
use controller::Controller;
use protocol::{
    ErrorCode, TopicName,
    api::create_topics::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse},
};

use crate::{
    api::active_controller::decide_or_forward,
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let validate_only = request.validate_only;
    let decide = async |controller: &Controller, mut request: CreateTopicsRequest| {
        let may = |resource: Resource<'_>| broker.authorize(&context, Operation::Create, resource);
        let (allowed, forbidden): (Vec<_>, Vec<_>) = std::mem::take(&mut request.topics)
            .into_iter()
            .partition(|topic| may(Resource::Cluster) || may(Resource::Topic(&topic.name)));
        request.topics = allowed;
        let mut response = controller.create_topics(request).await?;
        let forbidden = forbidden.into_iter().map(|topic| topic.name);
        response.topics.extend(refused(forbidden, ErrorCode::TopicAuthorizationFailed));
        Ok(response)
    };
    let shows = |image: &ClusterImage, response: &CreateTopicsResponse| {
        let mut created = response.topics.iter().filter(|topic| topic.error_code.is_none());
        validate_only || created.all(|topic| image.topics().get(topic.name.as_str()).is_some())
    };
    let decided = decide_or_forward(&broker, &context, request, decide, shows).await;
    decided.unwrap_or_else(|error_code| CreateTopicsResponse {
        topics: refused(names, error_code).collect(),
        ..CreateTopicsResponse::default()
    })
}

fn refused(
    names: impl IntoIterator<Item = TopicName>,
    error_code: ErrorCode,
) -> impl Iterator<Item = CreatableTopicResult> {
    names.into_iter().map(move |name| CreatableTopicResult {
        name,
        error_code,
        ..CreatableTopicResult::default()
    })
}
