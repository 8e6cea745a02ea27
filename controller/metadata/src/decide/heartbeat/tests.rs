use protocol::{ErrorCode, Offset};

use super::*;
use crate::test_cluster::TestCluster;

/// One broker, registered and fenced.
fn fenced() -> TestCluster {
    let mut cluster = TestCluster::empty();
    cluster.register(1, BrokerEpoch(-1)).unwrap();
    cluster
}

#[test]
fn a_broker_is_unfenced_once_it_caught_up_with_its_registration() {
    let mut cluster = fenced();
    let registered_after = cluster.image.brokers().get(BrokerId(1)).unwrap().registered_after;
    assert_eq!(registered_after, cluster.applied - 1);
    let behind =
        cluster.heartbeat(1, |request| request.current_metadata_offset = Offset(registered_after));
    assert!(behind.is_fenced && !behind.is_caught_up);
    let caught_up = cluster.heartbeat(1, |_| {});
    assert!(!caught_up.is_fenced && caught_up.is_caught_up);
    assert!(cluster.image.brokers().is_active(BrokerId(1)));
}

#[test]
fn a_broker_that_wants_to_stay_fenced_stays_fenced() {
    let mut cluster = fenced();
    assert!(cluster.heartbeat(1, |request| request.want_fence = true).is_fenced);
}

#[test]
fn a_broker_that_wants_to_be_fenced_is() {
    let mut cluster = TestCluster::of(2);
    cluster.create_on("t", &[&[1, 2]]);
    assert!(cluster.heartbeat(1, |request| request.want_fence = true).is_fenced);
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(2)));
}

#[test]
fn heartbeats_of_others_are_refused() {
    let mut cluster = TestCluster::of(1);
    let stale = cluster.heartbeat(1, |request| request.broker_epoch.0 -= 1);
    assert_eq!(stale.error_code, ErrorCode::StaleBrokerEpoch);
    let unknown = cluster.heartbeat(7, |_| {});
    assert_eq!(unknown.error_code, ErrorCode::StaleBrokerEpoch);
}

#[test]
fn a_heartbeat_that_changes_nothing_writes_nothing() {
    let mut cluster = TestCluster::of(1);
    let before = cluster.image.clone();
    cluster.heartbeat(1, |_| {});
    assert_eq!(cluster.image, before);
}

#[test]
fn a_controlled_shutdown_moves_leaders_first_and_then_lets_go() {
    let mut cluster = TestCluster::of(2);
    cluster.create_on("t", &[&[1, 2]]);
    let first = cluster.heartbeat(1, |request| request.want_shut_down = true);
    assert!(!first.should_shut_down && !first.is_fenced);
    assert!(cluster.image.brokers().get(BrokerId(1)).unwrap().in_controlled_shutdown);
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(2)));
    cluster.check();
    let second = cluster.heartbeat(1, |request| request.want_shut_down = true);
    assert!(second.should_shut_down && second.is_fenced);
    let third = cluster.heartbeat(1, |request| request.want_shut_down = true);
    assert!(third.should_shut_down);
}

#[test]
fn a_broker_on_its_way_out_does_not_turn_round() {
    let mut cluster = TestCluster::of(2);
    cluster.create_on("t", &[&[1, 2]]);
    cluster.heartbeat(1, |request| request.want_shut_down = true);
    for _ in 0..2 {
        let response = cluster.heartbeat(1, |_| {});
        assert!(response.should_shut_down && response.is_fenced);
    }
    cluster.check();
}

#[test]
fn a_single_broker_shuts_down_cleanly_and_leads_again() {
    let mut cluster = TestCluster::of(1);
    cluster.create_on("t", &[&[1]]);
    let epoch = cluster.epoch(1);
    cluster.heartbeat(1, |request| request.want_shut_down = true);
    assert!(cluster.heartbeat(1, |request| request.want_shut_down = true).should_shut_down);
    cluster.register(1, epoch).unwrap();
    cluster.unfence(1);
    let partition = cluster.partition("t", 0);
    assert_eq!(partition.leader, Some(BrokerId(1)));
    assert_eq!(partition.leader_recovery_state, crate::LeaderRecoveryState::Recovered);
}

#[test]
fn fencing_means_one_registration_and_no_later_one() {
    let mut cluster = TestCluster::of(1);
    let old = cluster.epoch(1);
    cluster.register(1, old).unwrap();
    cluster.unfence(1);
    let decision =
        cluster.image.fence_broker(BrokerId(1), old, FenceReason::Silent, &cluster.settings);
    assert_eq!(decision.records, []);
    cluster.fence(1);
    let epoch = cluster.epoch(1);
    let decision =
        cluster.image.fence_broker(BrokerId(1), epoch, FenceReason::Silent, &cluster.settings);
    assert_eq!(decision.records, [], "it is fenced already");
}
