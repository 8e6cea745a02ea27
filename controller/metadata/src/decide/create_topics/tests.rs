use protocol::BrokerEpoch;

use super::*;
use crate::test_cluster::{TestCluster, assigned, brokers, topic};

/// What creating a topic on two brokers, one of which has `a.b` already, is refused with.
fn refusal(wanted: CreatableTopic) -> (ErrorCode, String) {
    let mut cluster = TestCluster::of(2);
    cluster.create_on("a.b", &[&[1]]);
    let before = cluster.image.clone();
    let result = cluster.create(wanted);
    assert_eq!(cluster.image, before, "a refusal changes nothing");
    assert_eq!((result.topic_id, result.num_partitions), (Uuid::ZERO, -1));
    (result.error_code, result.error_message.expect("a refusal says why"))
}

#[test]
#[rustfmt::skip]
fn what_is_wrong_is_said_in_kafkas_words() {
    use ErrorCode::{
        InvalidConfig, InvalidPartitions, InvalidReplicaAssignment,
        InvalidReplicationFactor, InvalidRequest, InvalidTopicException,
        PolicyViolation, TopicAlreadyExists,
    };
    let on = |name, replicas: &[&[i32]]| assigned(name, replicas, &[]);
    let factor_with_assignment = CreatableTopic { replication_factor: 1, ..on("t", &[&[1]]) };
    let partitions_with_assignment = CreatableTopic { num_partitions: 1, ..on("t", &[&[1]]) };
    let mut gap = on("t", &[&[1], &[1]]);
    gap.assignments[1].partition_index = PartitionIndex(2);
    let mut twice = on("t", &[&[1], &[1]]);
    twice.assignments[1].partition_index = PartitionIndex(0);
    let mut null_config = topic("t", 1, 1, &[("retention.ms", "1")]);
    null_config.configs[0].value = None;
    let cases = [
        (topic("", 1, 1, &[]), InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed"),
        (topic("..", 1, 1, &[]), InvalidTopicException, "Topic name is invalid: '..' is not allowed"),
        (topic("a.b", 1, 1, &[]), TopicAlreadyExists, "Topic 'a.b' already exists."),
        (topic("a_b", 1, 1, &[]), InvalidTopicException,
            "Topic 'a_b' collides with existing topic: a.b"),
        (topic("__cluster_metadata", 1, 1, &[]), InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited."),
        (topic("t", 0, 1, &[]), InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value."),
        (topic("t", -2, 1, &[]), InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value."),
        (topic("t", 1, 0, &[]), InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value."),
        (topic("t", 1, 3, &[]), InvalidReplicationFactor,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot \
             be reached because only 2 broker(s) are registered."),
        (topic("t", 10_001, 1, &[]), PolicyViolation,
            "Excessively large number of partitions per request."),
        (topic("t", 1, 1, &[("no.such.key", "1")]), InvalidConfig,
            "Unknown topic config name: no.such.key"),
        (topic("t", 1, 1, &[("retention.ms", "soon")]), InvalidConfig,
            "Invalid value soon for configuration retention.ms: Not a number of type LONG"),
        (null_config, InvalidConfig, "Null value not supported for topic configs: retention.ms"),
        (factor_with_assignment, InvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1."),
        (partitions_with_assignment, InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1."),
        (on("t", &[&[]]), InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list."),
        (on("t", &[&[1, 1]]), InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 1 more than once."),
        (on("t", &[&[9]]), InvalidReplicaAssignment,
            "The manual partition assignment includes broker 9, but no such broker is registered."),
        (on("t", &[&[1, 2], &[1]]), InvalidReplicaAssignment,
            "The manual partition assignment includes a partition with 1 replica(s), but this is not \
             consistent with previous partitions, which have 2 replica(s)."),
        (gap, InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence"),
        (twice, InvalidReplicaAssignment,
            "Found multiple manual partition assignments for partition 0"),
    ];
    for (wanted, error, message) in cases {
        assert_eq!(refusal(wanted), (error, message.to_owned()));
    }
}

#[test]
fn minus_one_means_the_defaults() {
    let mut cluster = TestCluster::of(3);
    cluster.settings.num_partitions = 4;
    cluster.settings.default_replication_factor = 2;
    let result = cluster.create(topic("t", -1, -1, &[]));
    assert_eq!((result.num_partitions, result.replication_factor), (4, 2));
    assert_eq!(cluster.image.topics().get("t").unwrap().partition_count(), 4);
}

#[test]
fn a_new_topic_has_an_id_leaders_and_replicas_in_sync() {
    let mut cluster = TestCluster::of(3);
    let result = cluster.create(topic("t", 6, 2, &[]));
    assert_eq!(cluster.image.topics().by_id(result.topic_id).unwrap().name.as_str(), "t");
    let leaders: Vec<_> =
        (0..6).map(|index| cluster.partition("t", index).leader.unwrap().0).collect();
    assert_eq!(leaders, [1, 2, 3, 1, 2, 3]);
    let first = cluster.partition("t", 0);
    assert_eq!((&first.isr, first.leader_epoch.0), (&brokers(&[1, 2]), 0));
    cluster.check();
}

#[test]
fn a_topic_starts_where_the_ones_before_ended() {
    let mut cluster = TestCluster::of(3);
    let request = CreateTopicsRequest {
        topics: vec![topic("t", 2, 1, &[]), topic("u", 2, 1, &[])],
        ..CreateTopicsRequest::default()
    };
    cluster.decide(|image, context| image.create_topics(&request, context));
    cluster.create(topic("v", 2, 1, &[]));
    let leaders = ["t", "u", "v"].map(|name| [0, 1].map(|i| cluster.partition(name, i).leader));
    let expected = [[1, 2], [3, 1], [2, 3]].map(|ids| ids.map(|id| Some(BrokerId(id))));
    assert_eq!(leaders, expected);
}

#[test]
fn an_assignment_is_taken_as_it_is() {
    let mut cluster = TestCluster::of(3);
    let result = cluster.create(assigned("t", &[&[3, 1], &[2, 3]], &[]));
    assert_eq!((result.num_partitions, result.replication_factor), (2, 2));
    assert_eq!(cluster.partition("t", 0).replicas, brokers(&[3, 1]));
    assert_eq!(cluster.partition("t", 1).leader, Some(BrokerId(2)));
}

#[test]
fn a_fenced_replica_starts_out_of_sync_and_without_any_there_is_no_topic() {
    let mut cluster = TestCluster::of(3);
    cluster.fence(1);
    cluster.create_on("t", &[&[1, 2]]);
    assert_eq!(cluster.partition("t", 0).isr, brokers(&[2]));
    let result = cluster.create(assigned("u", &[&[1]], &[]));
    assert_eq!(
        result.error_message.as_deref(),
        Some(
            "All brokers specified in the manual partition assignment for partition 0 are fenced \
             or in controlled shutdown."
        )
    );
    cluster.check();
}

#[test]
fn a_cluster_without_brokers_places_nothing() {
    let mut cluster = TestCluster::empty();
    let result = cluster.create(topic("t", 1, 1, &[]));
    assert_eq!(result.error_code, ErrorCode::InvalidReplicationFactor);
    cluster.register(1, BrokerEpoch(-1)).unwrap();
    let result = cluster.create(topic("t", 1, 1, &[]));
    assert_eq!(result.error_code, ErrorCode::InvalidReplicationFactor);
}

#[test]
fn one_request_creates_some_and_refuses_others() {
    let mut cluster = TestCluster::of(1);
    let request = CreateTopicsRequest {
        topics: vec![
            topic("good", 1, 1, &[]),
            topic("twice", 1, 1, &[]),
            topic("x.y", 1, 1, &[]),
            topic("x_y", 1, 1, &[]),
            topic("twice", 1, 1, &[]),
        ],
        ..CreateTopicsRequest::default()
    };
    let response = cluster.decide(|image, context| image.create_topics(&request, context));
    let answers: Vec<_> =
        response.topics.iter().map(|topic| (topic.name.as_str(), topic.error_code)).collect();
    assert_eq!(
        answers,
        [
            ("good", ErrorCode::None),
            ("twice", ErrorCode::InvalidRequest),
            ("x.y", ErrorCode::None),
            ("x_y", ErrorCode::InvalidTopicException),
        ]
    );
    assert_eq!(cluster.image.topics().len(), 2);
}

#[test]
fn partitions_are_counted_over_the_whole_request() {
    let mut cluster = TestCluster::of(1);
    let request = CreateTopicsRequest {
        topics: vec![topic("a", 9_999, 1, &[]), topic("b", 2, 1, &[]), topic("c", 1, 1, &[])],
        ..CreateTopicsRequest::default()
    };
    let response = cluster.decide(|image, context| image.create_topics(&request, context));
    let errors: Vec<_> = response.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(errors, [ErrorCode::None, ErrorCode::PolicyViolation, ErrorCode::None]);
}

#[test]
fn validate_only_answers_the_same_and_changes_nothing() {
    let mut cluster = TestCluster::of(2);
    let before = cluster.image.clone();
    let wanted = topic("t", 3, 2, &[("retention.ms", "1000")]);
    let request = CreateTopicsRequest {
        topics: vec![wanted.clone()],
        validate_only: true,
        ..CreateTopicsRequest::default()
    };
    let dry = cluster.decide(|image, context| image.create_topics(&request, context));
    assert_eq!(cluster.image, before);
    let mut wet = cluster.create(wanted);
    wet.topic_id = dry.topics[0].topic_id;
    assert_eq!(dry.topics, [wet]);
}

#[test]
fn the_answer_shows_the_configuration_in_force() {
    let mut cluster = TestCluster::of(1);
    cluster.settings.static_config.insert("log.retention.hours".to_owned(), "1".to_owned());
    let result = cluster.create(topic("t", 1, 1, &[("segment.bytes", "1048576")]));
    let configs = result.configs.unwrap();
    let shown = |key: &str| {
        let config = configs.iter().find(|config| config.name == key).unwrap();
        (config.value.clone().unwrap(), config.config_source)
    };
    assert_eq!(shown("segment.bytes"), ("1048576".to_owned(), 1));
    assert_eq!(shown("retention.ms"), ("3600000".to_owned(), 4));
    assert_eq!(shown("cleanup.policy"), ("delete".to_owned(), 5));
    let set = cluster.image.configs().of(&ConfigResource::topic("t"));
    assert_eq!(set.len(), 1);
}
