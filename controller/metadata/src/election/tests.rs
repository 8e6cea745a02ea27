use protocol::{BrokerEpoch, LeaderEpoch, PartitionEpoch};

use super::*;
use crate::test_cluster::{TestCluster, brokers};

/// A partition on brokers 1 to 3.
fn partition(isr: &[i32], elr: &[i32], last_known: &[i32], leader: Option<i32>) -> Partition {
    Partition {
        replicas: brokers(&[1, 2, 3]),
        directories: vec![DirectoryId::ZERO; 3],
        isr: brokers(isr),
        elr: brokers(elr),
        last_known_elr: brokers(last_known),
        leader: leader.map(BrokerId),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        leader_recovery_state: LeaderRecoveryState::Recovered,
    }
}

struct Case {
    name: &'static str,
    before: Partition,
    /// Who is in sync from now on.
    isr: &'static [i32],
    loser: Option<i32>,
    up: &'static [i32],
    min: usize,
    unclean: bool,
    /// In sync, eligible, last known, leader.
    then: (&'static [i32], &'static [i32], &'static [i32], Option<i32>),
    recovering: bool,
}

#[test]
#[rustfmt::skip]
fn elections_go_by_the_table() {
    let p = partition;
    let cases = [
        Case { name: "a follower leaves, enough stay",
            before: p(&[1, 2, 3], &[], &[], Some(1)), isr: &[1, 2], loser: None, up: &[1, 2], min: 2, unclean: false,
            then: (&[1, 2], &[], &[], Some(1)), recovering: false },
        Case { name: "a follower leaves, too few stay: it is eligible",
            before: p(&[1, 2], &[], &[], Some(1)), isr: &[1], loser: None, up: &[1], min: 2, unclean: false,
            then: (&[1], &[2], &[], Some(1)), recovering: false },
        Case { name: "the leader leaves: the next in sync leads",
            before: p(&[1, 2, 3], &[], &[], Some(1)), isr: &[2, 3], loser: None, up: &[2, 3], min: 2, unclean: false,
            then: (&[2, 3], &[], &[], Some(2)), recovering: false },
        Case { name: "the last one leaves: nobody leads, all that were there are eligible",
            before: p(&[1], &[2], &[], Some(1)), isr: &[], loser: None, up: &[], min: 2, unclean: false,
            then: (&[], &[1, 2], &[1], None), recovering: false },
        Case { name: "nobody led, and the one in sync turns out to have lost its log: it was the last",
            before: p(&[2], &[], &[], None), isr: &[], loser: Some(2), up: &[], min: 2, unclean: false,
            then: (&[], &[], &[2], None), recovering: false },
        Case { name: "the leader loses its log, and who led before may lack what it had: nobody leads",
            before: p(&[2], &[], &[1], Some(2)), isr: &[], loser: Some(2), up: &[1], min: 2, unclean: false,
            then: (&[], &[], &[2], None), recovering: false },
        Case { name: "an eligible one is back: it leads cleanly",
            before: p(&[], &[1, 2], &[1], None), isr: &[], loser: None, up: &[2], min: 2, unclean: false,
            then: (&[2], &[1], &[1], Some(2)), recovering: false },
        Case { name: "an eligible one is back and is enough: the others aren't eligible any more",
            before: p(&[], &[1, 2], &[1], None), isr: &[], loser: None, up: &[2], min: 1, unclean: false,
            then: (&[2], &[], &[], Some(2)), recovering: false },
        Case { name: "one that isn't eligible is back: nobody leads",
            before: p(&[], &[1, 2], &[1], None), isr: &[], loser: None, up: &[3], min: 2, unclean: false,
            then: (&[], &[1, 2], &[1], None), recovering: false },
        Case { name: "the same, but unclean election is allowed",
            before: p(&[], &[1, 2], &[1], None), isr: &[], loser: None, up: &[3], min: 2, unclean: true,
            then: (&[3], &[], &[1], Some(3)), recovering: true },
        Case { name: "an eligible one stopped uncleanly: it isn't eligible any more",
            before: p(&[1], &[2], &[], Some(1)), isr: &[1], loser: Some(2), up: &[1], min: 2, unclean: false,
            then: (&[1], &[], &[], Some(1)), recovering: false },
        Case { name: "the last leader stopped uncleanly and is not up yet",
            before: p(&[1], &[], &[], Some(1)), isr: &[], loser: Some(1), up: &[2, 3], min: 2, unclean: false,
            then: (&[], &[], &[1], None), recovering: false },
        Case { name: "the last known leader is back, and nobody can have more",
            before: p(&[], &[], &[1], None), isr: &[], loser: None, up: &[1], min: 2, unclean: false,
            then: (&[1], &[], &[1], Some(1)), recovering: true },
        Case { name: "the last known leader is back, but somebody else is eligible",
            before: p(&[], &[2], &[1], None), isr: &[], loser: None, up: &[1], min: 2, unclean: false,
            then: (&[], &[2], &[1], None), recovering: false },
        Case { name: "others are back, but the last known leader isn't",
            before: p(&[], &[], &[1], None), isr: &[], loser: None, up: &[2, 3], min: 2, unclean: false,
            then: (&[], &[], &[1], None), recovering: false },
        Case { name: "enough are in sync again: nobody is eligible and no last leader is known",
            before: p(&[1], &[2], &[3], Some(1)), isr: &[1, 3], loser: None, up: &[1, 3], min: 2, unclean: false,
            then: (&[1, 3], &[], &[], Some(1)), recovering: false },
    ];
    for case in cases {
        let may_lead = |id: BrokerId| case.up.contains(&id.0);
        let election = Election {
            partition: &case.before,
            min_insync_replicas: case.min,
            unclean: case.unclean,
            may_lead: &may_lead,
        };
        let outcome = election.hold(brokers(case.isr), case.loser.map(BrokerId));
        let (isr, elr, last_known, leader) = case.then;
        let expected = Outcome {
            isr: brokers(isr),
            elr: brokers(elr),
            last_known_elr: brokers(last_known),
            leader: leader.map(BrokerId),
            leader_recovery_state: if case.recovering {
                LeaderRecoveryState::Recovering
            } else {
                LeaderRecoveryState::Recovered
            },
        };
        assert_eq!(outcome, expected, "{}", case.name);
    }
}

/// A partition of one replica, whose broker restarts.
fn restarted(previous: impl Fn(&TestCluster) -> BrokerEpoch) -> (TestCluster, Partition) {
    let mut cluster = TestCluster::of(1);
    cluster.create_on("t", &[&[1]]);
    let previous = previous(&cluster);
    cluster.register(1, previous).unwrap();
    cluster.check();
    let between = cluster.partition("t", 0).clone();
    assert_eq!((between.leader, between.leader_epoch), (None, LeaderEpoch(1)));
    cluster.unfence(1);
    cluster.check();
    (cluster, between)
}

#[test]
fn a_single_replica_leads_again_after_a_clean_restart() {
    let (cluster, between) = restarted(|cluster| cluster.epoch(1));
    assert_eq!(between.elr, brokers(&[1]));
    let after = cluster.partition("t", 0);
    assert_eq!((after.leader, after.leader_epoch), (Some(BrokerId(1)), LeaderEpoch(2)));
    assert_eq!(after.partition_epoch, PartitionEpoch(2));
    assert_eq!(after.leader_recovery_state, LeaderRecoveryState::Recovered);
}

#[test]
fn a_single_replica_leads_again_after_an_unclean_restart_as_the_last_known_leader() {
    let (cluster, between) = restarted(|_| BrokerEpoch(-1));
    assert_eq!((between.elr, between.last_known_elr), (brokers(&[]), brokers(&[1])));
    let after = cluster.partition("t", 0);
    assert_eq!((after.leader, after.leader_epoch), (Some(BrokerId(1)), LeaderEpoch(2)));
    assert_eq!(after.leader_recovery_state, LeaderRecoveryState::Recovering);
}

#[test]
fn a_fenced_leader_hands_over_and_does_not_take_back() {
    let mut cluster = TestCluster::of(3);
    cluster.create_on("t", &[&[1, 2, 3]]);
    cluster.fence(1);
    let after = cluster.partition("t", 0).clone();
    assert_eq!((after.leader, after.isr), (Some(BrokerId(2)), brokers(&[2, 3])));
    cluster.unfence(1);
    // It catches up first, and asks to be in sync then.
    assert_eq!(cluster.partition("t", 0).isr, brokers(&[2, 3]));
    cluster.check();
}

#[test]
fn an_unclean_restart_of_an_eligible_replica_ends_its_eligibility() {
    let mut cluster = TestCluster::of(3);
    cluster.create_with("t", &[&[1, 2, 3]], &[("min.insync.replicas", "2")]);
    for id in [3, 2, 1] {
        cluster.fence(id);
    }
    assert_eq!(cluster.partition("t", 0).elr, brokers(&[1, 2]));
    cluster.register(2, BrokerEpoch(-1)).unwrap();
    cluster.unfence(2);
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.leader, &partition.elr), (None, &brokers(&[1])));
    cluster.unfence(1);
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.leader, &partition.isr), (Some(BrokerId(1)), &brokers(&[1])));
    assert_eq!(partition.leader_recovery_state, LeaderRecoveryState::Recovered);
    cluster.check();
}

#[test]
fn partitions_that_a_turn_does_not_concern_keep_their_epochs() {
    let mut cluster = TestCluster::of(3);
    cluster.create_on("t", &[&[1], &[2]]);
    cluster.fence(1);
    assert_eq!(cluster.partition("t", 0).partition_epoch, PartitionEpoch(1));
    assert_eq!(cluster.partition("t", 1).partition_epoch, PartitionEpoch(0));
}
