//! CreatePartitions: decided by the active controller; a broker forwards it there.

use std::sync::Arc;

use ::metadata::ClusterImage;
use controller::Controller;
use protocol::{
    ErrorCode, TopicName,
    api::create_partitions::{
        CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
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
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let wanted: Vec<_> =
        request.topics.iter().map(|topic| (topic.name.clone(), topic.count)).collect();
    let validate_only = request.validate_only;
    let decide = async |controller: &Controller, mut request: CreatePartitionsRequest| {
        let may =
            |name: &TopicName| broker.authorize(&context, Operation::Alter, Resource::Topic(name));
        let (allowed, forbidden): (Vec<_>, Vec<_>) =
            std::mem::take(&mut request.topics).into_iter().partition(|topic| may(&topic.name));
        request.topics = allowed;
        let mut response = controller.create_partitions(request).await?;
        let forbidden = forbidden.into_iter().map(|topic| topic.name);
        response.results.extend(refused(forbidden, ErrorCode::TopicAuthorizationFailed));
        Ok(response)
    };
    let shows = |image: &ClusterImage, response: &CreatePartitionsResponse| {
        let failed = |name: &TopicName| {
            response
                .results
                .iter()
                .any(|result| result.name == *name && !result.error_code.is_none())
        };
        validate_only || wanted.iter().all(|(name, count)| failed(name) || has(image, name, *count))
    };
    let decided = decide_or_forward(&broker, &context, request, decide, shows).await;
    decided.unwrap_or_else(|error_code| CreatePartitionsResponse {
        results: refused(wanted.into_iter().map(|(name, _)| name), error_code).collect(),
        ..CreatePartitionsResponse::default()
    })
}

/// Whether a topic has that many partitions, or is gone altogether.
fn has(image: &ClusterImage, name: &TopicName, count: i32) -> bool {
    let topic = image.topics().get(name.as_str());
    topic.is_none_or(|topic| {
        usize::try_from(count).is_ok_and(|count| topic.partition_count() >= count)
    })
}

fn refused(
    names: impl IntoIterator<Item = TopicName>,
    error_code: ErrorCode,
) -> impl Iterator<Item = CreatePartitionsTopicResult> {
    names.into_iter().map(move |name| CreatePartitionsTopicResult {
        name,
        error_code,
        ..CreatePartitionsTopicResult::default()
    })
}
