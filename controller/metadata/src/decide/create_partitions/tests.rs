use protocol::{BrokerId, api::create_partitions::CreatePartitionsAssignment};

use super::*;
use crate::test_cluster::{TestCluster, brokers, topic};

fn wanted(count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
    let assignment = |ids: &&[i32]| CreatePartitionsAssignment { broker_ids: brokers(ids) };
    CreatePartitionsTopic {
        name: "t".into(),
        count,
        assignments: assignments.map(|lists| lists.iter().map(assignment).collect()),
    }
}

fn ask(
    cluster: &mut TestCluster,
    topics: Vec<CreatePartitionsTopic>,
    validate_only: bool,
) -> CreatePartitionsTopicResult {
    let request =
        CreatePartitionsRequest { topics, validate_only, ..CreatePartitionsRequest::default() };
    let response = cluster.decide(|image, _| image.create_partitions(&request));
    response.results.into_iter().next().unwrap()
}

/// Three brokers, and topic `t` of two partitions on two replicas each, the first led by broker 2.
fn cluster() -> TestCluster {
    let mut cluster = TestCluster::of(3);
    cluster.create(topic("before", 1, 1, &[]));
    cluster.create(topic("t", 2, 2, &[]));
    cluster
}

#[test]
#[rustfmt::skip]
fn what_is_wrong_is_said_in_kafkas_words() {
    use ErrorCode::{
        InvalidPartitions, InvalidReplicaAssignment, InvalidRequest,
        PolicyViolation, UnknownTopicOrPartition,
    };
    let unknown = CreatePartitionsTopic { name: "u".into(), ..wanted(3, None) };
    let cases = [
        (vec![wanted(2, None)], InvalidPartitions, "Topic already has 2 partition(s)."),
        (vec![wanted(1, None)], InvalidPartitions,
            "The topic t currently has 2 partition(s); 1 would not be an increase."),
        (vec![wanted(-5, None)], InvalidPartitions,
            "The topic t currently has 2 partition(s); -5 would not be an increase."),
        (vec![wanted(i32::MAX, None)], PolicyViolation,
            "Excessively large number of partitions per request."),
        (vec![unknown], UnknownTopicOrPartition, "This server does not host this topic-partition."),
        (vec![wanted(3, None), wanted(3, None)], InvalidRequest, "Duplicate topic name."),
        (vec![wanted(4, Some(&[&[1, 2]]))], InvalidReplicaAssignment,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."),
        (vec![wanted(3, Some(&[&[1, 2], &[2, 3]]))], InvalidReplicaAssignment,
            "Attempted to add 1 additional partition(s), but 2 assignment(s) were specified."),
        (vec![wanted(3, Some(&[&[1]]))], InvalidReplicaAssignment,
            "The manual partition assignment includes a partition with 1 replica(s), but this is not \
             consistent with previous partitions, which have 2 replica(s)."),
        (vec![wanted(3, Some(&[&[1, 7]]))], InvalidReplicaAssignment,
            "The manual partition assignment includes broker 7, but no such broker is registered."),
    ];
    for (topics, error, message) in cases {
        let mut cluster = cluster();
        let before = cluster.image.clone();
        let result = ask(&mut cluster, topics, false);
        assert_eq!((result.error_code, result.error_message.as_deref()), (error, Some(message)));
        assert_eq!(cluster.image, before);
    }
}

#[test]
fn new_partitions_go_on_where_the_old_ones_ended() {
    let mut cluster = cluster();
    assert_eq!(ask(&mut cluster, vec![wanted(6, None)], false).error_code, ErrorCode::None);
    let leaders: Vec<_> = (0..6).map(|index| cluster.partition("t", index).replicas[0].0).collect();
    assert_eq!(leaders, [2, 3, 1, 2, 3, 1]);
    cluster.check();
}

#[test]
fn assignments_are_taken_as_they_are() {
    let mut cluster = cluster();
    let result = ask(&mut cluster, vec![wanted(3, Some(&[&[3, 1]]))], false);
    assert_eq!(result.error_code, ErrorCode::None);
    let partition = cluster.partition("t", 2);
    assert_eq!((partition.leader, &partition.replicas), (Some(BrokerId(3)), &brokers(&[3, 1])));
}

#[test]
fn validate_only_changes_nothing() {
    let mut cluster = cluster();
    let before = cluster.image.clone();
    assert_eq!(ask(&mut cluster, vec![wanted(5, None)], true).error_code, ErrorCode::None);
    assert_eq!(cluster.image, before);
}
