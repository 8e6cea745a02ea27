use protocol::{Uuid, api::delete_topics::DeleteTopicState};

use super::*;
use crate::test_cluster::TestCluster;

fn delete(
    cluster: &mut TestCluster,
    topics: &[(Option<&str>, TopicId)],
) -> Vec<(ErrorCode, Option<String>)> {
    let state = |(name, topic_id): &(Option<&str>, TopicId)| DeleteTopicState {
        name: name.map(Into::into),
        topic_id: *topic_id,
    };
    let topics = topics.iter().map(state).collect();
    let request = DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() };
    let response = cluster.decide(|image, context| image.delete_topics(&request, context.settings));
    response.responses.into_iter().map(|r| (r.error_code, r.error_message)).collect()
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut cluster = TestCluster::of(1);
    cluster.create_on("a", &[&[1]]);
    let b = cluster.create_on("b", &[&[1]]);
    let answers = delete(&mut cluster, &[(Some("a"), Uuid::ZERO), (None, b)]);
    assert_eq!(answers, [(ErrorCode::None, None), (ErrorCode::None, None)]);
    assert!(cluster.image.topics().is_empty());
}

#[test]
fn before_version_6_topics_are_deleted_by_a_list_of_names() {
    let mut cluster = TestCluster::of(1);
    let id = cluster.create_on("a", &[&[1]]);
    let request =
        DeleteTopicsRequest { topic_names: vec!["a".into()], ..DeleteTopicsRequest::default() };
    let response = cluster.decide(|image, context| image.delete_topics(&request, context.settings));
    assert_eq!(
        (response.responses[0].error_code, response.responses[0].topic_id),
        (ErrorCode::None, id)
    );
}

#[test]
#[rustfmt::skip]
fn what_is_wrong_is_said_in_kafkas_words() {
    use ErrorCode::{InvalidRequest, UnknownTopicId, UnknownTopicOrPartition};
    let mut cluster = TestCluster::of(1);
    let id = cluster.create_on("a", &[&[1]]);
    let cases = [
        ((None, Uuid::ZERO), InvalidRequest, "Neither topic name nor id were specified."),
        ((Some("a"), id), InvalidRequest, "You may not specify both topic name and topic id."),
        ((Some("x"), Uuid::ZERO), UnknownTopicOrPartition,
            "This server does not host this topic-partition."),
        ((None, Uuid([200; 16])), UnknownTopicId, "This server does not host this topic ID."),
    ];
    for (topic, error, message) in cases {
        assert_eq!(delete(&mut cluster, &[topic]), [(error, Some(message.to_owned()))]);
    }
    let answers = delete(&mut cluster, &[(Some("a"), Uuid::ZERO), (None, id)]);
    assert_eq!(answers[1], (InvalidRequest, Some("Duplicate topic id.".to_owned())));
}

#[test]
fn where_deletion_is_disabled_nothing_is_deleted() {
    let mut cluster = TestCluster::of(1);
    cluster.create_on("a", &[&[1]]);
    cluster.settings.delete_topic_enable = false;
    let answers = delete(&mut cluster, &[(Some("a"), Uuid::ZERO)]);
    assert_eq!(answers[0].0, ErrorCode::TopicDeletionDisabled);
    assert_eq!(cluster.image.topics().len(), 1);
}
