//! A replica through produces, syncs, fetches and elections.

use proptest::{collection::vec, prelude::*};
use protocol::{
    ProducerEpoch, ProducerId, Sequence,
    records::{BatchBuilder, BatchOptions},
};

use super::*;

const LOCAL: BrokerId = BrokerId(1);
const NOW: Duration = Duration::ZERO;
const OTHERS: [BrokerId; 2] = [BrokerId(2), BrokerId(3)];

fn header(records: i32, options: BatchOptions) -> BatchHeader {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.append(Timestamp(1000), None, Some(b"value"), &[]);
    }
    BatchHeader::parse(&builder.finish(&options)).unwrap()
}

fn plain(records: i32) -> BatchHeader {
    header(records, BatchOptions::default())
}

fn idempotent(base_sequence: i32, records: i32) -> BatchHeader {
    let options = BatchOptions {
        producer_id: ProducerId(7),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(base_sequence),
        ..BatchOptions::default()
    };
    header(records, options)
}

fn transactional(base_sequence: i32) -> BatchHeader {
    let mut header = idempotent(base_sequence, 1);
    header.attributes = header.attributes.with_transactional(true);
    header
}

fn assignment(epoch: i32, leader: BrokerId, isr: &[i32]) -> Assignment {
    Assignment {
        partition_epoch: PartitionEpoch(epoch),
        leader_epoch: LeaderEpoch(epoch),
        leader,
        replicas: vec![LOCAL, OTHERS[0], OTHERS[1]],
        isr: isr.iter().copied().map(BrokerId).collect(),
    }
}

fn replica(config: ReplicaConfig) -> Replica {
    Replica::open(LOCAL, config, LogOffsets::default(), Offset(0), ProducerStates::new())
}

fn leader(min_insync_replicas: usize, isr: &[i32]) -> Replica {
    let mut replica = replica(ReplicaConfig { min_insync_replicas, acknowledge_synced: false });
    let assigned = replica.assign(&assignment(1, LOCAL, isr), NOW);
    let (leader_epoch, start_offset) = (LeaderEpoch(1), Offset(0));
    assert_eq!(assigned.transition, Transition::LeaderEpochStarted { leader_epoch, start_offset });
    replica
}

/// Appends as the shell does, and returns what the produce waits for.
fn produce(
    replica: &mut Replica,
    header: BatchHeader,
    acks: Acks,
) -> Result<ProduceWait, ErrorCode> {
    let append = replica.append(&header, acks)?;
    if let Append::New { base_offset, leader_epoch } = append {
        let written = BatchHeader { base_offset, partition_leader_epoch: leader_epoch, ..header };
        let _ = replica.appended(&written, None);
    }
    Ok(append.wait(&header, acks))
}

fn fetch(replica: &mut Replica, broker: BrokerId, offset: i64) -> Option<Offset> {
    let advance = replica.follower_fetched(broker, BrokerEpoch(1), Offset(offset), NOW).unwrap();
    advance.map(|advance| advance.high_watermark)
}

#[test]
fn a_leader_alone_in_sync_sees_what_it_appends() {
    let mut replica = leader(1, &[1]);
    let wait = produce(&mut replica, plain(3), Acks::All).unwrap();
    assert_eq!(wait.end, Offset(3));
    assert_eq!(replica.high_watermark(), Offset(3));
    assert_eq!(replica.completion(&wait), Some(Ok(())));
}

#[test]
fn the_high_watermark_waits_for_every_replica_in_sync() {
    let mut replica = leader(1, &[1, 2, 3]);
    let wait = produce(&mut replica, plain(3), Acks::All).unwrap();
    assert_eq!(replica.completion(&wait), None);
    assert_eq!(fetch(&mut replica, OTHERS[0], 3), None);
    assert_eq!(fetch(&mut replica, OTHERS[1], 2), Some(Offset(2)));
    assert_eq!(replica.completion(&wait), None);
    assert_eq!(fetch(&mut replica, OTHERS[1], 3), Some(Offset(3)));
    assert_eq!(replica.completion(&wait), Some(Ok(())));
}

#[test]
fn acks_one_waits_for_nobody_else() {
    let mut replica = leader(1, &[1, 2]);
    let one = produce(&mut replica, plain(1), Acks::Leader).unwrap();
    let none = produce(&mut replica, plain(1), Acks::None).unwrap();
    assert_eq!(replica.completion(&one), Some(Ok(())));
    assert_eq!(replica.completion(&none), Some(Ok(())));
    assert_eq!(replica.high_watermark(), Offset(0));
}

#[test]
fn only_what_is_synced_is_acknowledged_where_every_message_is_flushed() {
    let mut replica = leader(1, &[1]);
    let config = ReplicaConfig { min_insync_replicas: 1, acknowledge_synced: true };
    assert_eq!(replica.configured(config), None);
    let one = produce(&mut replica, plain(2), Acks::Leader).unwrap();
    let all = produce(&mut replica, plain(2), Acks::All).unwrap();
    assert_eq!(replica.completion(&one), None);
    assert_eq!(replica.high_watermark(), Offset(0));
    assert_eq!(replica.synced(Offset(2)).unwrap().high_watermark, Offset(2));
    assert_eq!(replica.completion(&one), Some(Ok(())));
    assert_eq!(replica.completion(&all), None);
    assert!(replica.synced(Offset(4)).is_some());
    assert_eq!(replica.completion(&all), Some(Ok(())));
}

#[test]
fn too_few_replicas_in_sync_freeze_the_high_watermark_for_every_acks() {
    let mut replica = leader(2, &[1]);
    let refused = produce(&mut replica, plain(1), Acks::All);
    assert_eq!(refused, Err(ErrorCode::NotEnoughReplicas));
    let wait = produce(&mut replica, plain(1), Acks::Leader).unwrap();
    assert_eq!(replica.completion(&wait), Some(Ok(())));
    assert_eq!(replica.high_watermark(), Offset(0));
}

#[test]
fn the_minimum_is_no_more_than_there_are_replicas() {
    let mut replica = replica(ReplicaConfig { min_insync_replicas: 2, acknowledge_synced: false });
    let alone = Assignment { replicas: vec![LOCAL], ..assignment(1, LOCAL, &[1]) };
    let _ = replica.assign(&alone, NOW);
    assert!(produce(&mut replica, plain(1), Acks::All).is_ok());
    assert_eq!(replica.high_watermark(), Offset(1));
}

#[test]
fn the_replicas_in_sync_are_counted_again_when_a_produce_completes() {
    let mut replica = leader(2, &[1, 2]);
    let wait = produce(&mut replica, plain(1), Acks::All).unwrap();
    assert!(fetch(&mut replica, OTHERS[0], 1).is_some());
    let shrunk = Assignment { leader_epoch: LeaderEpoch(1), ..assignment(2, LOCAL, &[1]) };
    assert_eq!(replica.assign(&shrunk, NOW).transition, Transition::ReplicasChanged);
    assert_eq!(replica.completion(&wait), Some(Err(ErrorCode::NotEnoughReplicasAfterAppend)));
}

#[test]
fn a_shrink_counts_only_when_it_is_decided() {
    let mut replica = leader(1, &[1, 2]);
    let wait = produce(&mut replica, plain(1), Acks::All).unwrap();
    assert_eq!(replica.isr_proposed([LOCAL].into()), Ok(None));
    assert_eq!(replica.synced(Offset(1)), None);
    assert_eq!(replica.completion(&wait), None);
    let decided = Assignment { leader_epoch: LeaderEpoch(1), ..assignment(2, LOCAL, &[1]) };
    assert_eq!(replica.assign(&decided, NOW).advance.unwrap().high_watermark, Offset(1));
}

#[test]
fn a_replica_that_is_to_join_holds_the_high_watermark_at_once() {
    let mut replica = leader(1, &[1]);
    assert_eq!(fetch(&mut replica, OTHERS[0], 0), None);
    assert_eq!(replica.isr_proposed([LOCAL, OTHERS[0]].into()), Ok(None));
    let wait = produce(&mut replica, plain(1), Acks::All).unwrap();
    assert_eq!(replica.completion(&wait), None);
    let refused = replica.isr_refused(LeaderEpoch(1), PartitionEpoch(1));
    assert_eq!(refused.unwrap().high_watermark, Offset(1));
}

#[test]
fn a_produce_is_not_acknowledged_in_a_later_epoch() {
    let mut replica = leader(1, &[1, 2]);
    let wait = produce(&mut replica, plain(2), Acks::All).unwrap();
    let _ = replica.assign(&assignment(2, OTHERS[0], &[1, 2]), NOW);
    assert_eq!(replica.completion(&wait), Some(Err(ErrorCode::NotLeaderOrFollower)));
    replica.truncated(LogOffsets::default(), ProducerStates::new());
    let _ = replica.assign(&assignment(3, LOCAL, &[1]), NOW);
    produce(&mut replica, plain(2), Acks::All).unwrap();
    assert_eq!(replica.high_watermark(), Offset(2));
    assert_eq!(replica.completion(&wait), Some(Err(ErrorCode::NotLeaderOrFollower)));
}

#[test]
fn what_a_follower_fetched_counts_for_one_leader_epoch() {
    let mut replica = leader(1, &[1, 2]);
    produce(&mut replica, plain(1), Acks::All).unwrap();
    assert!(fetch(&mut replica, OTHERS[0], 1).is_some());
    let _ = replica.assign(&assignment(2, LOCAL, &[1, 2]), NOW);
    let leader = replica.leader().unwrap();
    assert_eq!(leader.follower_end_offset(OTHERS[0]), None);
}

#[test]
fn a_fetch_from_before_a_restart_says_nothing() {
    let mut replica = leader(1, &[1, 2]);
    produce(&mut replica, plain(4), Acks::All).unwrap();
    let _ = replica.follower_fetched(OTHERS[0], BrokerEpoch(5), Offset(0), NOW).unwrap();
    let stale = replica.follower_fetched(OTHERS[0], BrokerEpoch(4), Offset(4), NOW);
    assert_eq!(stale, Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(replica.high_watermark(), Offset(0));
}

#[test]
fn fetches_that_cannot_be_are_refused() {
    let mut replica = leader(1, &[1, 2]);
    let stranger = replica.follower_fetched(BrokerId(9), BrokerEpoch(1), Offset(0), NOW);
    assert_eq!(stranger, Err(ErrorCode::UnknownLeaderEpoch));
    let beyond = replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(1), NOW);
    assert_eq!(beyond, Err(ErrorCode::OffsetOutOfRange));
}

#[test]
fn a_leader_epoch_is_checked_from_both_sides() {
    let mut replica = replica(ReplicaConfig::default());
    let _ = replica.assign(&assignment(5, LOCAL, &[1]), NOW);
    assert_eq!(replica.check_leader_epoch(LeaderEpoch(-1)), Ok(()));
    assert_eq!(replica.check_leader_epoch(LeaderEpoch(5)), Ok(()));
    assert_eq!(replica.check_leader_epoch(LeaderEpoch(4)), Err(ErrorCode::FencedLeaderEpoch));
    assert_eq!(replica.check_leader_epoch(LeaderEpoch(6)), Err(ErrorCode::UnknownLeaderEpoch));
}

#[test]
fn only_a_leader_appends() {
    let mut replica = replica(ReplicaConfig::default());
    let refused = replica.append(&plain(1), Acks::Leader);
    assert_eq!(refused, Err(ErrorCode::NotLeaderOrFollower));
    let _ = replica.assign(&assignment(1, OTHERS[0], &[1, 2]), NOW);
    let refused = replica.append(&plain(1), Acks::Leader);
    assert_eq!(refused, Err(ErrorCode::NotLeaderOrFollower));
    replica.failed();
    assert_eq!(replica.append(&plain(1), Acks::Leader), Err(ErrorCode::KafkaStorageError));
    let late = replica.assign(&assignment(2, LOCAL, &[1]), NOW);
    assert_eq!(late.transition, Transition::None);
}

#[test]
fn an_old_assignment_changes_nothing() {
    let mut replica = leader(1, &[1]);
    let _ = replica.assign(&assignment(3, OTHERS[0], &[2]), NOW);
    let old = replica.assign(&assignment(2, LOCAL, &[1]), NOW);
    assert_eq!(old.transition, Transition::None);
    assert_eq!(replica.role(), &Role::Follower { leader: Some(OTHERS[0]) });
    let leaderless = replica.assign(&assignment(4, BrokerId(-1), &[2]), NOW);
    let leader_epoch = LeaderEpoch(4);
    assert_eq!(leaderless.transition, Transition::Following { leader: None, leader_epoch });
}

#[test]
fn a_duplicate_is_answered_as_the_first_time_and_waits_like_it() {
    let mut replica = leader(1, &[1, 2]);
    produce(&mut replica, plain(5), Acks::Leader).unwrap();
    let first = produce(&mut replica, idempotent(0, 3), Acks::All).unwrap();
    let append = replica.append(&idempotent(0, 3), Acks::All).unwrap();
    assert!(matches!(append, Append::Duplicate { .. }));
    assert_eq!(append.base_offset(), Offset(5));
    assert_eq!(append.wait(&idempotent(0, 3), Acks::All), first);
    assert_eq!(replica.completion(&first), None);
    assert_eq!(replica.log().log_end_offset, Offset(8));
}

#[test]
fn a_read_is_bounded_by_what_the_reader_may_see() {
    let mut replica = leader(1, &[1, 2]);
    produce(&mut replica, plain(1), Acks::All).unwrap();
    produce(&mut replica, transactional(0), Acks::All).unwrap();
    produce(&mut replica, plain(2), Acks::All).unwrap();
    let advance =
        replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(3), NOW).unwrap().unwrap();
    assert_eq!(advance, Advance { high_watermark: Offset(3), last_stable_offset: Offset(1) });
    for (up_to, end) in
        [(ReadUpTo::LogEnd, 4), (ReadUpTo::HighWatermark, 3), (ReadUpTo::LastStableOffset, 1)]
    {
        let bounds = replica.read_bounds(up_to);
        assert_eq!(bounds.up_to, Offset(end));
        assert_eq!(bounds.check(Offset(4)), Ok(()));
        assert_eq!(bounds.check(Offset(5)), Err(ErrorCode::OffsetOutOfRange));
        assert_eq!(bounds.check(Offset(-1)), Err(ErrorCode::OffsetOutOfRange));
    }
}

#[test]
fn a_transaction_is_stable_once_its_marker_is_replicated() {
    let mut replica = leader(1, &[1, 2]);
    produce(&mut replica, transactional(0), Acks::All).unwrap();
    let marker = EndTransactionMarker { committed: true, coordinator_epoch: 1 };
    let mut control = transactional(-1);
    control.attributes = control.attributes.with_control(true);
    control.base_offset = Offset(1);
    control.partition_leader_epoch = LeaderEpoch(1);
    let completed = replica.appended(&control, Some(marker)).completed.unwrap();
    assert_eq!((completed.first_offset, completed.last_offset), (Offset(0), Offset(1)));
    let _ = replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(1), NOW);
    assert_eq!(replica.high_watermark(), Offset(1));
    assert_eq!(replica.last_stable_offset(), Offset(0));
    let _ = replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(2), NOW);
    assert_eq!(replica.last_stable_offset(), Offset(2));
}

#[test]
fn a_follower_takes_the_high_watermark_of_its_leader() {
    let mut replica = replica(ReplicaConfig::default());
    let _ = replica.assign(&assignment(1, OTHERS[0], &[1, 2]), NOW);
    let header = BatchHeader { base_offset: Offset(3), ..plain(2) };
    assert_eq!(replica.appended(&header, None).advance, None);
    assert_eq!(replica.leader_high_watermark(Offset(9)).unwrap().high_watermark, Offset(5));
    assert_eq!(replica.leader_high_watermark(Offset(4)), None);
    assert_eq!(replica.high_watermark(), Offset(5));
}

#[test]
fn a_high_watermark_from_before_a_crash_is_fitted_to_the_log() {
    let log = LogOffsets {
        log_start_offset: Offset(10),
        log_end_offset: Offset(20),
        synced_end: Offset(20),
    };
    for (checkpoint, fitted) in [(0, 10), (15, 15), (30, 20)] {
        let replica = Replica::open(
            LOCAL,
            ReplicaConfig::default(),
            log,
            Offset(checkpoint),
            ProducerStates::new(),
        );
        assert_eq!(replica.high_watermark(), Offset(fitted));
    }
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const LAG: Duration = Duration::from_millis(100);

fn active(epochs: &[(i32, i64)]) -> Arc<ActiveBrokers> {
    let epochs = epochs.iter().map(|(id, epoch)| (BrokerId(*id), BrokerEpoch(*epoch)));
    Arc::new(epochs.collect())
}

/// The brokers that the leader wants in sync, if it wants others than there are.
fn wanted(replica: &Replica, ms: u64) -> Option<Vec<i32>> {
    let change = replica.isr_change(at(ms), LAG)?;
    Some(change.isr.keys().map(|broker| broker.0).collect())
}

#[test]
fn a_follower_that_lags_is_to_leave() {
    let mut replica = leader(1, &[1, 2, 3]);
    produce(&mut replica, plain(5), Acks::All).unwrap();
    replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(5), at(90)).unwrap();
    assert_eq!(wanted(&replica, 100), None, "the other one gets its time from the election on");
    assert_eq!(wanted(&replica, 101), Some(vec![1, 2]));
    let _ = replica.isr_proposed([LOCAL, OTHERS[0]].into()).unwrap();
    assert_eq!(wanted(&replica, 101), None, "one proposal at a time");
}

#[test]
fn a_follower_may_join_with_all_that_is_committed_and_the_start_of_the_epoch() {
    let log = LogOffsets { log_end_offset: Offset(10), ..LogOffsets::default() };
    let config = ReplicaConfig::default();
    let mut replica = Replica::open(LOCAL, config, log, Offset(4), ProducerStates::new());
    let _ = replica.brokers_changed(active(&[(1, 1), (2, 7), (3, 1)]));
    let _ = replica.assign(&assignment(1, LOCAL, &[1, 3]), NOW);
    for (offset, may_join) in [(3, false), (4, false), (9, false), (10, true)] {
        replica.follower_fetched(OTHERS[0], BrokerEpoch(7), Offset(offset), NOW).unwrap();
        assert_eq!(replica.may_join_isr(OTHERS[0]), may_join, "{offset}");
    }
    let change = replica.isr_change(NOW, LAG).unwrap();
    assert_eq!(change.isr[&OTHERS[0]], BrokerEpoch(7));
    assert_eq!(change.isr[&OTHERS[1]], BrokerEpoch(-1), "it hasn't fetched in this epoch");
}

#[test]
fn who_is_fenced_or_registered_anew_since_its_fetch_may_not_join() {
    let mut replica = leader(1, &[1, 3]);
    replica.follower_fetched(OTHERS[0], BrokerEpoch(7), Offset(0), NOW).unwrap();
    for (epochs, may_join) in [(&[(2, 8)][..], false), (&[(3, 7)], false), (&[(2, 7)], true)] {
        let _ = replica.brokers_changed(active(epochs));
        assert_eq!(replica.may_anyone_join_isr(), may_join, "{epochs:?}");
    }
}

#[test]
fn the_high_watermark_waits_for_who_is_about_to_join_but_not_for_ever() {
    let mut replica = leader(1, &[1]);
    let _ = replica.brokers_changed(active(&[(1, 1), (2, 1)]));
    replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(0), at(10)).unwrap();
    produce(&mut replica, plain(3), Acks::All).unwrap();
    assert_eq!(replica.high_watermark(), Offset(0));
    assert_eq!(replica.time_passed(at(110), LAG), None);
    assert_eq!(replica.time_passed(at(111), LAG).unwrap().high_watermark, Offset(3));
    assert_eq!(wanted(&replica, 111), None, "it has missed what is committed by now");

    replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(3), at(120)).unwrap();
    produce(&mut replica, plain(1), Acks::All).unwrap();
    assert_eq!(replica.high_watermark(), Offset(3));
    let fenced = replica.brokers_changed(active(&[(1, 1)]));
    assert_eq!(fenced.unwrap().high_watermark, Offset(4));
}

#[test]
fn who_was_dropped_for_its_silence_returns_by_a_fetch_alone() {
    let mut replica = leader(2, &[1, 2]);
    let _ = replica.brokers_changed(active(&[(1, 1), (2, 1)]));
    replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(0), at(10)).unwrap();
    produce(&mut replica, plain(5), Acks::All).unwrap();
    assert_eq!(wanted(&replica, 200), Some(vec![1]));
    let dropped = Assignment { partition_epoch: PartitionEpoch(2), ..assignment(1, LOCAL, &[1]) };
    let _ = replica.assign(&dropped, at(200));
    // Too few are in sync, so nothing was committed that it lacks; but nobody knows where it is.
    assert_eq!(replica.high_watermark(), Offset(0));
    assert!(!replica.may_anyone_join_isr());
    assert_eq!(wanted(&replica, 201), None);
    replica.follower_fetched(OTHERS[0], BrokerEpoch(1), Offset(0), at(210)).unwrap();
    assert!(replica.may_join_isr(OTHERS[0]));
    assert_eq!(wanted(&replica, 210), Some(vec![1, 2]));
}

#[test]
fn a_refusal_counts_for_the_proposal_that_it_answers() {
    let mut replica = leader(1, &[1]);
    let _ = replica.isr_proposed([LOCAL, OTHERS[0]].into()).unwrap();
    produce(&mut replica, plain(1), Acks::All).unwrap();
    assert_eq!(replica.isr_refused(LeaderEpoch(1), PartitionEpoch(0)), None);
    assert_eq!(replica.isr_refused(LeaderEpoch(0), PartitionEpoch(1)), None);
    assert!(replica.isr_refused(LeaderEpoch(1), PartitionEpoch(1)).is_some());
}

#[test]
fn what_is_asked_is_answered_to_the_same_replica_or_not_at_all() {
    let mut replica = replica(ReplicaConfig::default());
    assert_eq!(replica.fetch_position(), None, "nobody leads");
    let _ = replica.assign(&assignment(1, OTHERS[0], &[1, 2]), NOW);
    let asked = replica.fetch_position().unwrap();
    assert_eq!((asked.leader, asked.offset), (OTHERS[0], Offset(0)));
    assert!(replica.may_take(&asked));

    let _ = replica.appended(&plain(2), None);
    assert!(!replica.may_take(&asked), "the log has grown");
    replica.truncated(LogOffsets::default(), ProducerStates::new());
    assert!(!replica.may_take(&asked), "and was cut");
    let asked = replica.fetch_position().unwrap();
    let _ = replica.assign(&assignment(2, OTHERS[0], &[1, 2]), NOW);
    assert!(!replica.may_take(&asked), "the same leader leads another epoch");
    let asked = replica.fetch_position().unwrap();
    let _ = replica.assign(&assignment(3, LOCAL, &[1, 2]), NOW);
    assert!(!replica.may_take(&asked), "a leader takes nothing");
    assert_eq!(replica.fetch_position(), None);
}

#[test]
fn what_is_not_synced_is_not_acknowledged_by_a_fetch() {
    let config = ReplicaConfig { min_insync_replicas: 1, acknowledge_synced: true };
    let mut replica = replica(config);
    let _ = replica.assign(&assignment(1, OTHERS[0], &[1, 2]), NOW);
    let _ = replica.appended(&plain(2), None);
    assert_eq!(replica.fetch_position(), None);
    let _ = replica.synced(Offset(2));
    assert_eq!(replica.fetch_position().unwrap().offset, Offset(2));
}

#[derive(Clone, Debug)]
enum Step {
    Produce(i32),
    Fetch(usize, i64),
    Sync,
    Propose(Vec<bool>),
    Refuse,
    Decide(Vec<bool>),
    Elect(Vec<bool>),
    Configure(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let others = || vec(any::<bool>(), 2);
    let step = prop_oneof![
        4 => (1..4).prop_map(Step::Produce),
        8 => (0_usize..2, 0_i64..4).prop_map(|(follower, behind)| Step::Fetch(follower, behind)),
        2 => Just(Step::Sync),
        1 => others().prop_map(Step::Propose),
        1 => Just(Step::Refuse),
        1 => others().prop_map(Step::Decide),
        1 => others().prop_map(Step::Elect),
        1 => (1_usize..4, any::<bool>()).prop_map(|(min, synced)| Step::Configure(min, synced)),
    ];
    vec(step, 1..60)
}

fn chosen(others: &[bool]) -> Vec<i32> {
    let others = OTHERS.iter().zip(others).filter(|(_, chosen)| **chosen);
    [LOCAL.0].into_iter().chain(others.map(|(broker, _)| broker.0)).collect()
}

proptest! {
    /// Whatever happens to a leader: what is visible stays visible, is on every replica that may
    /// be elected, and is told about when it grows.
    #[test]
    fn the_high_watermark_ascends_and_is_everywhere(steps in steps()) {
        let mut replica = leader(1, &[1, 2, 3]);
        let mut epoch = 1;
        let mut proposed: Option<Vec<i32>> = None;
        for step in steps {
            let before = (replica.high_watermark(), replica.last_stable_offset());
            let end = replica.log().log_end_offset;
            let advance = match step {
                Step::Produce(records) => {
                    let header = plain(records);
                    let written = BatchHeader {
                        base_offset: end,
                        partition_leader_epoch: replica.leader_epoch(),
                        ..header
                    };
                    replica.appended(&written, None).advance
                }
                Step::Fetch(follower, behind) => {
                    let offset = Offset((end.0 - behind).max(0));
                    replica.follower_fetched(OTHERS[follower], BrokerEpoch(1), offset, NOW).unwrap()
                }
                Step::Sync => replica.synced(end),
                Step::Propose(others) if proposed.is_none() => {
                    let isr = chosen(&others);
                    let set = isr.iter().copied().map(BrokerId).collect();
                    proposed = Some(isr);
                    replica.isr_proposed(set).unwrap()
                }
                Step::Propose(_) => None,
                Step::Refuse => {
                    proposed = None;
                    replica.isr_refused(replica.leader_epoch(), PartitionEpoch(epoch))
                }
                Step::Decide(others) => {
                    epoch += 1;
                    let isr = proposed.take().unwrap_or_else(|| chosen(&others));
                    let leader_epoch = replica.leader_epoch();
                    let decided = Assignment { leader_epoch, ..assignment(epoch, LOCAL, &isr) };
                    replica.assign(&decided, NOW).advance
                }
                Step::Elect(others) => {
                    epoch += 1;
                    proposed = None;
                    replica.assign(&assignment(epoch, LOCAL, &chosen(&others)), NOW).advance
                }
                Step::Configure(min_insync_replicas, acknowledge_synced) => {
                    replica.configured(ReplicaConfig { min_insync_replicas, acknowledge_synced })
                }
            };
            let after = (replica.high_watermark(), replica.last_stable_offset());
            prop_assert!(after.0 >= before.0);
            prop_assert_eq!(advance.is_some(), after != before);
            if after.0 > before.0 {
                let leader = replica.leader().unwrap();
                prop_assert!(leader.has_min_isr(replica.config.min_insync_replicas));
                let in_sync = leader.isr().iter().map(|broker| broker.0);
                for broker in in_sync.chain(proposed.iter().flatten().copied()) {
                    if broker != LOCAL.0 {
                        let end = leader.follower_end_offset(BrokerId(broker));
                        prop_assert!(end.unwrap() >= after.0);
                    }
                }
                prop_assert!(after.0 <= replica.acknowledged_end());
            }
        }
    }
}
