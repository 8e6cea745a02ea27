use std::collections::BTreeMap;

use protocol::{
    BrokerEpoch, LeaderEpoch, PartitionEpoch, TopicId,
    api::{alter_partition::AlterPartitionTopic, broker_registration::BrokerRegistrationRequest},
};

use super::*;
use crate::test_cluster::{TestCluster, brokers, directory};

const VERSION: i16 = 3;

/// Partition 0 of topic `t` on brokers 1 to 3, led by 1, with a minimum of two in sync.
fn cluster() -> (TestCluster, TopicId) {
    let mut cluster = TestCluster::of(3);
    let id = cluster.create_with("t", &[&[1, 2, 3]], &[("min.insync.replicas", "2")]);
    (cluster, id)
}

/// The change that the leader asks for by what holds now.
fn wanted(cluster: &TestCluster, isr: &[i32]) -> AlterPartitionPartition {
    let partition = cluster.partition("t", 0);
    let state =
        |id: &i32| BrokerState { broker_id: BrokerId(*id), broker_epoch: cluster.epoch(*id) };
    AlterPartitionPartition {
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        leader_recovery_state: partition.leader_recovery_state.into(),
        new_isr_with_epochs: isr.iter().map(state).collect(),
        ..AlterPartitionPartition::default()
    }
}

fn request(
    cluster: &TestCluster,
    sender: i32,
    topic_id: TopicId,
    partitions: Vec<AlterPartitionPartition>,
) -> AlterPartitionRequest {
    AlterPartitionRequest {
        broker_id: BrokerId(sender),
        broker_epoch: cluster.epoch(sender),
        topics: vec![AlterPartitionTopic { topic_id, partitions }],
    }
}

fn ask(cluster: &mut TestCluster, request: &AlterPartitionRequest) -> AlterPartitionResponse {
    cluster.decide(|image, context| image.alter_partition(request, VERSION, context.settings))
}

/// What becomes of a change of the only partition.
fn alter(
    cluster: &mut TestCluster,
    sender: i32,
    id: TopicId,
    wanted: AlterPartitionPartition,
) -> AlterPartitionPartitionResult {
    let request = request(cluster, sender, id, vec![wanted]);
    let response = ask(cluster, &request);
    assert_eq!(response.error_code, ErrorCode::None);
    cluster.check();
    response.topics.into_iter().next().unwrap().partitions.into_iter().next().unwrap()
}

#[test]
fn a_leader_shrinks_and_expands_its_in_sync_replicas() {
    let (mut cluster, id) = cluster();
    let shrink = wanted(&cluster, &[1, 2]);
    let result = alter(&mut cluster, 1, id, shrink);
    let expected = AlterPartitionPartitionResult {
        leader_id: BrokerId(1),
        leader_epoch: LeaderEpoch(0),
        isr: brokers(&[1, 2]),
        partition_epoch: PartitionEpoch(1),
        ..AlterPartitionPartitionResult::default()
    };
    assert_eq!(result, expected);
    assert_eq!(cluster.partition("t", 0).elr, brokers(&[]));
    let expand = wanted(&cluster, &[1, 2, 3]);
    assert_eq!(alter(&mut cluster, 1, id, expand).partition_epoch, PartitionEpoch(2));
    assert_eq!(cluster.partition("t", 0).isr, brokers(&[1, 2, 3]));
}

#[test]
fn who_leaves_below_the_minimum_is_eligible_until_enough_are_in_sync() {
    let (mut cluster, id) = cluster();
    let shrink = wanted(&cluster, &[1]);
    alter(&mut cluster, 1, id, shrink);
    assert_eq!(cluster.partition("t", 0).elr, brokers(&[2, 3]));
    let expand = wanted(&cluster, &[1, 3]);
    alter(&mut cluster, 1, id, expand);
    assert_eq!(cluster.partition("t", 0).elr, brokers(&[]));
}

#[test]
fn what_holds_already_changes_nothing() {
    let (mut cluster, id) = cluster();
    let same = wanted(&cluster, &[1, 2, 3]);
    let result = alter(&mut cluster, 1, id, same);
    assert_eq!((result.error_code, result.partition_epoch), (ErrorCode::None, PartitionEpoch(0)));
}

#[test]
fn a_view_that_is_not_the_controllers_is_refused() {
    let (mut cluster, id) = cluster();
    let shrink = wanted(&cluster, &[1, 2]);
    alter(&mut cluster, 1, id, shrink);
    let wish = wanted(&cluster, &[1]);
    let epochs = |leader, partition| AlterPartitionPartition {
        leader_epoch: LeaderEpoch(leader),
        partition_epoch: PartitionEpoch(partition),
        ..wish.clone()
    };
    let recovering = AlterPartitionPartition { leader_recovery_state: 1, ..wish.clone() };
    let nonsense = AlterPartitionPartition { leader_recovery_state: 7, ..wish.clone() };
    let elsewhere = AlterPartitionPartition { partition_index: PartitionIndex(1), ..wish.clone() };
    let with_epochs = wanted;
    let cases = [
        (1, epochs(1, 1), ErrorCode::NotController),
        (1, epochs(0, 2), ErrorCode::NotController),
        (1, epochs(-1, 1), ErrorCode::FencedLeaderEpoch),
        (1, epochs(0, 0), ErrorCode::InvalidUpdateVersion),
        (2, wish.clone(), ErrorCode::InvalidRequest),
        (1, with_epochs(&cluster, &[]), ErrorCode::InvalidRequest),
        (1, with_epochs(&cluster, &[2]), ErrorCode::InvalidRequest),
        (1, with_epochs(&cluster, &[1, 1]), ErrorCode::InvalidRequest),
        (1, with_epochs(&cluster, &[1, 4]), ErrorCode::InvalidRequest),
        (1, recovering, ErrorCode::InvalidRequest),
        (1, nonsense, ErrorCode::InvalidRequest),
        (1, elsewhere, ErrorCode::UnknownTopicOrPartition),
    ];
    let before = cluster.image.clone();
    for (sender, wanted, error) in cases {
        let result = alter(&mut cluster, sender, id, wanted.clone());
        assert_eq!(result.error_code, error, "{sender} asks for {wanted:?}");
    }
    let result = alter(&mut cluster, 1, TopicId::ZERO, wish);
    assert_eq!(result.error_code, ErrorCode::UnknownTopicId);
    assert_eq!(cluster.image, before);
}

#[test]
fn a_broker_that_was_replaced_asks_for_nothing() {
    let (mut cluster, id) = cluster();
    let wish = wanted(&cluster, &[1]);
    let mut request = request(&cluster, 1, id, vec![wish]);
    request.broker_epoch = BrokerEpoch(request.broker_epoch.0 - 1);
    assert_eq!(ask(&mut cluster, &request).error_code, ErrorCode::StaleBrokerEpoch);
}

#[test]
fn a_partition_that_is_named_twice_changes_once() {
    let (mut cluster, id) = cluster();
    let wishes = vec![wanted(&cluster, &[1, 2]), wanted(&cluster, &[1])];
    let request = request(&cluster, 1, id, wishes);
    let response = ask(&mut cluster, &request);
    let codes: Vec<_> = response.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::InvalidUpdateVersion]);
    assert_eq!(cluster.partition("t", 0).isr, brokers(&[1, 2]));
}

#[test]
fn a_replica_that_is_out_does_not_join() {
    let (mut cluster, id) = cluster();
    cluster.fence(3);
    let expand = wanted(&cluster, &[1, 2, 3]);
    let result = alter(&mut cluster, 1, id, expand);
    assert_eq!(result.error_code, ErrorCode::IneligibleReplica);
    cluster.unfence(3);
    cluster.create_on("u", &[&[3, 1]]);
    cluster.heartbeat(3, |request| request.want_shut_down = true);
    let expand = wanted(&cluster, &[1, 2, 3]);
    let result = alter(&mut cluster, 1, id, expand);
    assert_eq!(result.error_code, ErrorCode::IneligibleReplica);
}

#[test]
fn a_replica_that_lost_its_directory_joins_once_its_new_one_is_known() {
    let (mut cluster, id) = cluster();
    let log_dirs = vec![directory(3, 2)];
    let request = BrokerRegistrationRequest { log_dirs, ..cluster.registration(3) };
    cluster.decide(|image, context| image.register_broker(&request, false, context));
    cluster.unfence(3);
    let expand = wanted(&cluster, &[1, 2, 3]);
    let result = alter(&mut cluster, 1, id, expand);
    assert_eq!(result.error_code, ErrorCode::IneligibleReplica);

    let (broker, epoch) = (BrokerId(3), cluster.epoch(3));
    let places = BTreeMap::from([((id, PartitionIndex(0)), directory(3, 2))]);
    let answers = cluster.decide(|image, context| {
        image.assign_directories(broker, epoch, &places, context.settings)
    });
    assert_eq!(answers, Ok(vec![ErrorCode::None]));
    let expand = wanted(&cluster, &[1, 2, 3]);
    assert_eq!(alter(&mut cluster, 1, id, expand).error_code, ErrorCode::None);
}

// KIP-903: what the leader saw fetching may have lost its log since.
#[test]
fn a_replica_that_came_back_as_another_does_not_join_by_what_was_seen_of_the_first() {
    let (mut cluster, id) = cluster();
    cluster.fence(3);
    cluster.unfence(3);
    let stale = wanted(&cluster, &[1, 2, 3]);
    cluster.fence(3);
    cluster.register(3, BrokerEpoch(-1)).unwrap();
    cluster.unfence(3);
    let epochs =
        |partition| AlterPartitionPartition { partition_epoch: partition, ..stale.clone() };
    let stale = epochs(cluster.partition("t", 0).partition_epoch);
    let result = alter(&mut cluster, 1, id, stale.clone());
    assert_eq!(result.error_code, ErrorCode::IneligibleReplica);

    let mut unchecked = stale;
    unchecked.new_isr_with_epochs.iter_mut().for_each(|m| m.broker_epoch = BrokerEpoch(-1));
    assert_eq!(alter(&mut cluster, 1, id, unchecked).error_code, ErrorCode::None);
}

#[test]
fn version_2_names_no_epochs() {
    let (mut cluster, id) = cluster();
    let wish =
        AlterPartitionPartition { new_isr: brokers(&[1, 2]), ..wanted(&cluster, &[1, 2, 3]) };
    let request = request(&cluster, 1, id, vec![wish]);
    cluster.decide(|image, context| image.alter_partition(&request, 2, context.settings));
    assert_eq!(cluster.partition("t", 0).isr, brokers(&[1, 2]));
}

// KIP-704.
#[test]
fn a_leader_that_was_elected_uncleanly_recovers_before_others_join() {
    let mut cluster = TestCluster::of(2);
    let id = cluster.create_with("t", &[&[1, 2]], &[("unclean.leader.election.enable", "true")]);
    cluster.fence(2);
    cluster.fence(1);
    cluster.unfence(2);
    cluster.unfence(1);
    let before = cluster.partition("t", 0).clone();
    assert_eq!(before.leader_recovery_state, LeaderRecoveryState::Recovering);
    let too_early = wanted(&cluster, &[2, 1]);
    assert_eq!(alter(&mut cluster, 2, id, too_early).error_code, ErrorCode::InvalidRequest);
    let still = wanted(&cluster, &[2]);
    assert_eq!(alter(&mut cluster, 2, id, still.clone()).leader_recovery_state, 1);
    let recovered = AlterPartitionPartition { leader_recovery_state: 0, ..still };
    let result = alter(&mut cluster, 2, id, recovered);
    assert_eq!((result.error_code, result.leader_recovery_state), (ErrorCode::None, 0));
    let expand = wanted(&cluster, &[2, 1]);
    assert_eq!(alter(&mut cluster, 2, id, expand).isr, brokers(&[2, 1]));
}
