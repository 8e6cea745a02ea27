use protocol::{BrokerEpoch, BrokerId, LeaderEpoch, api::elect_leaders::ElectLeadersTopic};

use super::*;
use crate::{
    record::LeaderRecoveryState,
    test_cluster::{TestCluster, brokers},
};

fn named(topic: &str, partitions: &[i32]) -> ElectLeadersTopic {
    ElectLeadersTopic {
        topic: topic.into(),
        partitions: partitions.iter().copied().map(PartitionIndex).collect(),
    }
}

/// What is answered of each partition.
fn elect(
    cluster: &mut TestCluster,
    election_type: i8,
    topic_partitions: Option<Vec<ElectLeadersTopic>>,
) -> Vec<(String, ErrorCode)> {
    let request =
        ElectLeadersRequest { election_type, topic_partitions, ..ElectLeadersRequest::default() };
    let response = cluster.decide(|image, context| image.elect_leaders(&request, context.settings));
    assert_eq!(response.error_code, ErrorCode::None);
    cluster.check();
    let topics = response.replica_election_results.into_iter();
    topics
        .flat_map(|topic| {
            let name = topic.topic;
            let result = move |r: ElectLeadersPartitionResult| {
                assert_eq!(r.error_message.is_some(), !r.error_code.is_none());
                (format!("{name}-{}", r.partition_id), r.error_code)
            };
            topic.partition_result.into_iter().map(result)
        })
        .collect()
}

fn answers<const N: usize>(expected: [(&str, ErrorCode); N]) -> Vec<(String, ErrorCode)> {
    expected.map(|(name, code)| (name.to_owned(), code)).to_vec()
}

/// Has a broker in sync again, as its partition's leader would say.
fn in_sync(cluster: &mut TestCluster, topic: &str, isr: &[i32]) {
    let id = cluster.image.topics().get(topic).unwrap().id;
    let isr = Some(brokers(isr));
    let change = PartitionChangeRecord { topic_id: id, isr, ..Default::default() };
    cluster.commit(vec![change.into()]);
}

/// Three topics of one partition each: `a` led by its second replica, with the first one in sync
/// again; `b` the same, but the first one isn't in sync; `c` as it should be.
fn cluster() -> TestCluster {
    let mut cluster = TestCluster::of(3);
    for (name, replicas) in [("a", [1, 2]), ("b", [1, 3]), ("c", [2, 1])] {
        cluster.create_on(name, &[&replicas]);
    }
    cluster.fence(1);
    cluster.unfence(1);
    in_sync(&mut cluster, "a", &[1, 2]);
    cluster
}

#[test]
fn a_preferred_leader_leads_again_where_it_is_in_sync() {
    let mut cluster = cluster();
    let all = vec![named("a", &[0, 7]), named("b", &[0]), named("c", &[0]), named("d", &[0])];
    assert_eq!(
        elect(&mut cluster, ELECTION_PREFERRED, Some(all)),
        answers([
            ("a-0", ErrorCode::None),
            ("a-7", ErrorCode::UnknownTopicOrPartition),
            ("b-0", ErrorCode::PreferredLeaderNotAvailable),
            ("c-0", ErrorCode::ElectionNotNeeded),
            ("d-0", ErrorCode::UnknownTopicOrPartition),
        ])
    );
    let elected = cluster.partition("a", 0);
    assert_eq!((elected.leader, elected.leader_epoch), (Some(BrokerId(1)), LeaderEpoch(2)));
    assert_eq!(elected.isr, brokers(&[1, 2]));
}

#[test]
fn of_all_partitions_those_are_answered_that_need_an_election() {
    let mut cluster = cluster();
    assert_eq!(
        elect(&mut cluster, ELECTION_PREFERRED, None),
        answers([("a-0", ErrorCode::None), ("b-0", ErrorCode::PreferredLeaderNotAvailable)])
    );
    assert_eq!(elect(&mut cluster, ELECTION_UNCLEAN, None), []);
}

#[test]
fn a_partition_that_is_named_twice_is_elected_once() {
    let mut cluster = cluster();
    let twice = Some(vec![named("a", &[0, 0]), named("a", &[0])]);
    assert_eq!(elect(&mut cluster, ELECTION_PREFERRED, twice), answers([("a-0", ErrorCode::None)]));
    assert_eq!(cluster.partition("a", 0).leader_epoch, LeaderEpoch(2));
}

#[test]
fn whoever_is_there_leads_uncleanly_on_demand_and_only_then() {
    let mut cluster = TestCluster::of(3);
    cluster.create_on("t", &[&[1, 2]]);
    cluster.fence(2);
    cluster.fence(1);
    let all = || Some(vec![named("t", &[0])]);
    assert_eq!(
        elect(&mut cluster, ELECTION_UNCLEAN, all()),
        answers([("t-0", ErrorCode::EligibleLeadersNotAvailable)])
    );
    cluster.unfence(2);
    assert_eq!(cluster.partition("t", 0).leader, None);
    assert_eq!(
        elect(&mut cluster, ELECTION_PREFERRED, all()),
        answers([("t-0", ErrorCode::PreferredLeaderNotAvailable)])
    );
    assert_eq!(elect(&mut cluster, ELECTION_UNCLEAN, all()), answers([("t-0", ErrorCode::None)]));
    let elected = cluster.partition("t", 0);
    assert_eq!((elected.leader, &elected.isr), (Some(BrokerId(2)), &brokers(&[2])));
    assert_eq!(elected.leader_recovery_state, LeaderRecoveryState::Recovering);
    assert_eq!(
        elect(&mut cluster, ELECTION_UNCLEAN, all()),
        answers([("t-0", ErrorCode::ElectionNotNeeded)])
    );
}

#[test]
fn an_unknown_kind_of_election_is_refused() {
    let cluster = cluster();
    let request = ElectLeadersRequest { election_type: 2, ..ElectLeadersRequest::default() };
    let decision = cluster.image.elect_leaders(&request, &cluster.settings);
    assert_eq!(decision.response.error_code, ErrorCode::InvalidRequest);
    assert_eq!(decision.records, []);
}

#[test]
fn leadership_returns_by_itself() {
    let mut cluster = cluster();
    let balanced = cluster.decide(|image, context| image.balance_leaders(context.settings));
    assert_eq!(balanced, 1);
    assert_eq!(cluster.partition("a", 0).leader, Some(BrokerId(1)));
    let balanced = cluster.decide(|image, context| image.balance_leaders(context.settings));
    assert_eq!(balanced, 0);
    cluster.register(1, BrokerEpoch(-1)).unwrap();
    let balanced = cluster.decide(|image, context| image.balance_leaders(context.settings));
    assert_eq!(balanced, 0);
}
