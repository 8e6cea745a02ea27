//! DeleteTopics, by name or by id.

use std::collections::BTreeSet;

use protocol::{
    ErrorCode, TopicId, TopicName,
    api::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse},
};

use super::{Decision, Refusal, Settings};
use crate::{ClusterImage, Topic, record::RemoveTopicRecord};

impl ClusterImage {
    /// Deletes each of the topics, or says why not.
    pub fn delete_topics(
        &self,
        request: &DeleteTopicsRequest,
        settings: &Settings,
    ) -> Decision<DeleteTopicsResponse> {
        let by_name = request.topic_names.iter().map(|name| (Some(name), TopicId::ZERO));
        let by_either = request.topics.iter().map(|topic| (topic.name.as_ref(), topic.topic_id));
        let mut deleted = BTreeSet::new();
        let mut decision = Decision::unchanged(DeleteTopicsResponse::default());
        for (name, id) in by_name.chain(by_either) {
            let found = self.topic_to_delete(name, id, settings).and_then(|topic| {
                if deleted.insert(topic.id) { Ok(topic) } else { Err(twice(name)) }
            });
            let result = match found {
                Ok(topic) => {
                    decision.records.push(RemoveTopicRecord { topic_id: topic.id }.into());
                    DeletableTopicResult {
                        name: Some(topic.name.clone()),
                        topic_id: topic.id,
                        ..DeletableTopicResult::default()
                    }
                }
                Err(refusal) => DeletableTopicResult {
                    name: name.cloned(),
                    topic_id: id,
                    error_code: refusal.error,
                    error_message: Some(refusal.message),
                },
            };
            decision.response.responses.push(result);
        }
        decision
    }

    fn topic_to_delete(
        &self,
        name: Option<&TopicName>,
        id: TopicId,
        settings: &Settings,
    ) -> Result<&Topic, Refusal> {
        if !settings.delete_topic_enable {
            return Err(Refusal::new(
                ErrorCode::TopicDeletionDisabled,
                "Topic deletion is disabled.",
            ));
        }
        let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        match (name, id) {
            (None, TopicId::ZERO) => invalid("Neither topic name nor id were specified."),
            (Some(name), TopicId::ZERO) => self.topics().get(name.as_str()).ok_or_else(|| {
                Refusal::new(
                    ErrorCode::UnknownTopicOrPartition,
                    "This server does not host this topic-partition.",
                )
            }),
            (None, id) => self.topics().by_id(id).ok_or_else(|| {
                Refusal::new(ErrorCode::UnknownTopicId, "This server does not host this topic ID.")
            }),
            (Some(_), _) => invalid("You may not specify both topic name and topic id."),
        }
    }
}

fn twice(name: Option<&TopicName>) -> Refusal {
    let message = if name.is_some() { "Duplicate topic name." } else { "Duplicate topic id." };
    Refusal::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
