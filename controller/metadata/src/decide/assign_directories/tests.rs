use super::*;
use crate::test_cluster::{TestCluster, directory};

/// One broker with two directories, and topic `t` with a partition in each.
fn cluster() -> (TestCluster, TopicId) {
    let mut cluster = TestCluster::empty();
    register(&mut cluster, vec![directory(1, 1), directory(1, 2)], BrokerEpoch(-1));
    let topic = cluster.create_on("t", &[&[1], &[1]]);
    assert_eq!(cluster.partition("t", 0).directories, [DirectoryId::ZERO]);
    let answers = assign(&mut cluster, topic, &[(0, 1), (1, 2)]);
    assert_eq!(answers, Ok(vec![ErrorCode::None, ErrorCode::None]));
    (cluster, topic)
}

fn register(cluster: &mut TestCluster, log_dirs: Vec<DirectoryId>, previous: BrokerEpoch) {
    let mut request = cluster.registration(1);
    request.log_dirs = log_dirs;
    request.previous_broker_epoch = previous;
    cluster.decide(|image, context| image.register_broker(&request, false, context));
    cluster.unfence(1);
}

/// Assigns partitions to numbered directories.
fn assign(
    cluster: &mut TestCluster,
    topic: TopicId,
    places: &[(i32, u8)],
) -> Result<Vec<ErrorCode>, ErrorCode> {
    let place =
        |(index, number): &(i32, u8)| ((topic, PartitionIndex(*index)), directory(1, *number));
    let places = places.iter().map(place).collect();
    let epoch = cluster.epoch(1);
    cluster.decide(|image, context| {
        image.assign_directories(BrokerId(1), epoch, &places, context.settings)
    })
}

#[test]
fn a_lost_directory_takes_its_own_partitions_offline_and_no_others() {
    let (mut cluster, _) = cluster();
    let lost = vec![directory(1, 2)];
    let response = cluster.heartbeat(1, |request| request.offline_log_dirs = lost.clone());
    assert!(!response.is_fenced);
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(1)));
    assert_eq!(cluster.partition("t", 1).leader, None);
    cluster.check();
    // Said again, it is nothing new.
    let before = cluster.image.clone();
    cluster.heartbeat(1, |request| request.offline_log_dirs = lost);
    assert_eq!(cluster.image, before);
}

#[test]
fn a_directory_that_is_back_after_a_restart_brings_its_partitions_back() {
    let (mut cluster, _) = cluster();
    cluster.heartbeat(1, |request| request.offline_log_dirs = vec![directory(1, 2)]);
    let previous = cluster.epoch(1);
    register(&mut cluster, vec![directory(1, 1), directory(1, 2)], previous);
    assert_eq!(cluster.partition("t", 1).leader, Some(BrokerId(1)));
    cluster.check();
}

#[test]
fn a_replica_whose_disk_was_replaced_leads_only_as_the_last_one_known() {
    let (mut cluster, topic) = cluster();
    let previous = cluster.epoch(1);
    register(&mut cluster, vec![directory(1, 1), directory(1, 3)], previous);
    let partition = cluster.partition("t", 1);
    assert_eq!((partition.leader, &partition.elr), (None, &vec![]));
    assert_eq!(partition.last_known_elr, [BrokerId(1)]);
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(1)));
    cluster.check();
    assert_eq!(assign(&mut cluster, topic, &[(1, 3)]), Ok(vec![ErrorCode::None]));
    let partition = cluster.partition("t", 1);
    assert_eq!(partition.leader, Some(BrokerId(1)));
    assert_eq!(partition.leader_recovery_state, crate::LeaderRecoveryState::Recovering);
    cluster.check();
}

#[test]
fn a_replica_that_says_where_it_is_before_its_broker_is_back_leads_when_it_is() {
    let (mut cluster, topic) = cluster();
    let mut request = cluster.registration(1);
    request.log_dirs = vec![directory(1, 3)];
    cluster.decide(|image, context| image.register_broker(&request, false, context));
    assert_eq!(assign(&mut cluster, topic, &[(0, 3)]), Ok(vec![ErrorCode::None]));
    assert_eq!(cluster.partition("t", 0).leader, None);
    cluster.unfence(1);
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(1)));
    assert_eq!(cluster.partition("t", 1).leader, None);
    cluster.check();
}

#[test]
fn a_replica_in_a_directory_that_failed_before_it_was_noted_is_lost_with_it() {
    let (mut cluster, _) = cluster();
    cluster.join(2);
    let topic = cluster.create_on("new", &[&[1, 2], &[1, 2]]);
    cluster.heartbeat(1, |request| request.offline_log_dirs = vec![directory(1, 2)]);
    assert_eq!(cluster.partition("new", 1).leader, Some(BrokerId(1)));
    assign(&mut cluster, topic, &[(0, 1), (1, 2)]).unwrap();
    assert_eq!(cluster.partition("new", 0).leader, Some(BrokerId(1)));
    let partition = cluster.partition("new", 1);
    assert_eq!((partition.leader, &partition.isr), (Some(BrokerId(2)), &vec![BrokerId(2)]));
    cluster.check();
}

#[test]
fn what_is_known_already_writes_nothing() {
    let (mut cluster, topic) = cluster();
    let before = cluster.image.clone();
    assert_eq!(assign(&mut cluster, topic, &[(0, 1)]), Ok(vec![ErrorCode::None]));
    assert_eq!(cluster.image, before);
}

#[test]
fn replicas_that_are_not_there_are_refused_one_by_one() {
    let (mut cluster, topic) = cluster();
    assert_eq!(
        assign(&mut cluster, topic, &[(0, 2), (9, 1)]),
        Ok(vec![ErrorCode::None, ErrorCode::UnknownTopicOrPartition])
    );
    let unknown = protocol::Uuid([9; 16]);
    assert_eq!(assign(&mut cluster, unknown, &[(0, 1)]), Ok(vec![ErrorCode::UnknownTopicId]));
    cluster.join(2);
    let other = cluster.create_on("other", &[&[2]]);
    assert_eq!(assign(&mut cluster, other, &[(0, 1)]), Ok(vec![ErrorCode::NotLeaderOrFollower]));
}

#[test]
fn a_process_that_was_replaced_assigns_nothing() {
    let (cluster, _) = cluster();
    let (stale, nothing) = (BrokerEpoch(77), BTreeMap::new());
    let settings = &cluster.settings;
    let decision = cluster.image.assign_directories(BrokerId(1), stale, &nothing, settings);
    assert_eq!(decision.response, Err(ErrorCode::StaleBrokerEpoch));
}
