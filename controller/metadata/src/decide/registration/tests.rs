use protocol::api::broker_registration::Listener;

use super::*;
use crate::{
    record::FeatureLevelRecord,
    test_cluster::{TestCluster, directory},
};

fn answer(
    cluster: &mut TestCluster,
    request: &BrokerRegistrationRequest,
    session_is_alive: bool,
) -> BrokerRegistrationResponse {
    cluster.decide(|image, context| image.register_broker(request, session_is_alive, context))
}

#[test]
fn a_new_broker_is_fenced_and_has_an_epoch_above_all_others() {
    let mut cluster = TestCluster::of(2);
    let request = cluster.registration(3);
    let response = answer(&mut cluster, &request, false);
    let broker = cluster.image.brokers().get(BrokerId(3)).unwrap();
    assert!(broker.fenced);
    assert_eq!(broker.epoch, response.broker_epoch);
    assert!(broker.epoch > cluster.epoch(2) && broker.epoch > cluster.epoch(1));
    assert_eq!(broker.endpoint("PLAINTEXT").unwrap().port, 9092);
    assert_eq!(broker.endpoint("SSL"), None);
}

#[test]
fn the_same_process_asking_again_keeps_its_epoch_and_its_standing() {
    let mut cluster = TestCluster::empty();
    let mut request = cluster.registration(1);
    let first = answer(&mut cluster, &request, false);
    cluster.unfence(1);
    cluster.create_on("t", &[&[1]]);
    request.listeners.push(Listener { name: "SECOND".to_owned(), ..Listener::default() });
    let again = answer(&mut cluster, &request, true);
    assert_eq!(again.broker_epoch, first.broker_epoch);
    let broker = cluster.image.brokers().get(BrokerId(1)).unwrap();
    assert!(!broker.fenced && broker.endpoint("SECOND").is_some());
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(1)));
}

#[test]
fn a_second_process_is_refused_while_the_first_one_lives() {
    let mut cluster = TestCluster::of(1);
    let request = cluster.registration(1);
    let response = answer(&mut cluster, &request, true);
    assert_eq!(response.error_code, ErrorCode::DuplicateBrokerRegistration);
    assert_eq!(response.broker_epoch, BrokerEpoch(-1));
    let response = answer(&mut cluster, &request, false);
    assert_eq!(response.error_code, ErrorCode::None);
}

#[test]
fn a_process_that_shuts_down_makes_room_for_the_next_at_once() {
    let mut cluster = TestCluster::of(1);
    cluster.create_on("t", &[&[1]]);
    cluster.heartbeat(1, |request| request.want_shut_down = true);
    let request = cluster.registration(1);
    assert_eq!(answer(&mut cluster, &request, true).error_code, ErrorCode::None);
    let broker = cluster.image.brokers().get(BrokerId(1)).unwrap();
    assert!(broker.fenced && !broker.in_controlled_shutdown);
}

#[test]
fn what_does_not_fit_the_cluster_is_refused() {
    type Spoil = fn(&mut BrokerRegistrationRequest);
    let cases: [(Spoil, ErrorCode); 7] = [
        (|request| request.cluster_id = "other".to_owned(), ErrorCode::InconsistentClusterId),
        (|request| request.listeners.clear(), ErrorCode::InvalidRegistration),
        (|request| request.broker_id = BrokerId(-1), ErrorCode::InvalidRegistration),
        (|request| request.log_dirs.push(request.log_dirs[0]), ErrorCode::InvalidRegistration),
        (|request| request.features.clear(), ErrorCode::UnsupportedVersion),
        (|request| request.features[0].min_supported_version = 99, ErrorCode::UnsupportedVersion),
        (|request| request.features[0].max_supported_version = 1, ErrorCode::UnsupportedVersion),
    ];
    for (spoil, error) in cases {
        let mut cluster = TestCluster::of(1);
        let before = cluster.image.clone();
        let mut request = cluster.registration(2);
        spoil(&mut request);
        assert_eq!(answer(&mut cluster, &request, false).error_code, error);
        assert_eq!(cluster.image, before);
    }
}

#[test]
fn every_finalised_feature_must_be_supported() {
    let mut cluster = TestCluster::empty();
    let name = "group.version".to_owned();
    cluster.commit(vec![FeatureLevelRecord { name, level: 1 }.into()]);
    assert_eq!(cluster.register(1, BrokerEpoch(-1)), Err(ErrorCode::UnsupportedVersion));
}

#[test]
fn a_broker_that_is_gone_for_good_leads_nothing_and_its_successor_gets_another_epoch() {
    let mut cluster = TestCluster::of(2);
    cluster.create_on("t", &[&[2, 1]]);
    let gone = cluster.epoch(2);
    let answer =
        cluster.decide(|image, context| image.unregister_broker(BrokerId(2), context.settings));
    assert_eq!(answer, Ok(()));
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(1)));
    assert_eq!(cluster.image.brokers().get(BrokerId(2)), None);
    cluster.join(2);
    assert!(cluster.epoch(2) > gone);
    cluster.check();
}

#[test]
fn a_broker_that_nobody_knows_cannot_be_unregistered() {
    let mut cluster = TestCluster::empty();
    let answer =
        cluster.decide(|image, context| image.unregister_broker(BrokerId(2), context.settings));
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.error, ErrorCode::BrokerIdNotRegistered);
    assert_eq!(refusal.message, "Broker ID 2 is not currently registered");
}

/// A broker with two directories that stopped cleanly, and is back with one of them replaced.
fn back_with_another_directory(cluster: &mut TestCluster) {
    let previous_broker_epoch = cluster.epoch(1);
    let request = BrokerRegistrationRequest {
        previous_broker_epoch,
        log_dirs: vec![directory(1, 1), directory(1, 3)],
        ..cluster.registration(1)
    };
    assert_eq!(answer(cluster, &request, false).error_code, ErrorCode::None);
    cluster.unfence(1);
}

#[test]
fn what_was_in_a_replaced_directory_is_not_eligible_however_cleanly_the_broker_stopped() {
    let mut cluster = TestCluster::empty();
    let request = BrokerRegistrationRequest {
        log_dirs: vec![directory(1, 1), directory(1, 2)],
        ..cluster.registration(1)
    };
    answer(&mut cluster, &request, false);
    cluster.unfence(1);
    cluster.join(2);
    // Nobody knows yet in which of its two directories broker 1 has them.
    cluster.create_on("shared", &[&[1, 2]]);
    cluster.create_on("alone", &[&[1]]);
    back_with_another_directory(&mut cluster);
    assert_eq!(cluster.partition("shared", 0).leader, Some(BrokerId(2)));
    let alone = cluster.partition("alone", 0);
    assert_eq!(alone.leader_recovery_state, crate::LeaderRecoveryState::Recovering);
    cluster.check();
}

#[test]
fn a_replica_in_another_directory_keeps_its_log_and_its_standing() {
    let mut cluster = TestCluster::of(1);
    cluster.create_on("t", &[&[1]]);
    assert_eq!(cluster.partition("t", 0).directories, [directory(1, 1)]);
    back_with_another_directory(&mut cluster);
    let partition = cluster.partition("t", 0);
    assert_eq!(partition.leader, Some(BrokerId(1)));
    assert_eq!(partition.leader_recovery_state, crate::LeaderRecoveryState::Recovered);
    cluster.check();
}
