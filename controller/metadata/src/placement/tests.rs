use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Brokers 1, 2, 3 .. with their racks, `None` for a broker without.
fn row(racks: &[Option<&str>]) -> Row {
    let place = |(id, rack): (i32, &Option<&str>)| Place {
        broker: BrokerId(id),
        rack: rack.map(str::to_owned),
        preferred_by: 0,
    };
    Row { unfenced: alternate((1..).zip(racks).map(place).collect()), fenced: Vec::new() }
}

fn place(row: &Row, partitions: usize, replication_factor: usize) -> Vec<Vec<i32>> {
    let ids = |replicas: Vec<BrokerId>| replicas.into_iter().map(|id| id.0).collect();
    (0..partitions).map(|position| ids(row.replicas(position, replication_factor))).collect()
}

#[test]
fn six_partitions_over_three_brokers_are_led_by_1_2_3_1_2_3() {
    let leaders: Vec<i32> = place(&row(&[None; 3]), 6, 1).into_iter().map(|r| r[0]).collect();
    assert_eq!(leaders, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn followers_move_on_each_time_round() {
    let placed = place(&row(&[None; 3]), 6, 2);
    assert_eq!(placed, [[1, 2], [2, 3], [3, 1], [1, 3], [2, 1], [3, 2]]);
}

#[test]
fn small_topics_come_out_as_evenly_as_a_large_one() {
    let mut row = row(&[None; 3]);
    let mut placed = Vec::new();
    for _ in 0..9 {
        let replicas = row.replicas(row.start(), 2);
        row.note(&replicas);
        placed.push(replicas);
    }
    let large = place(&row, 9, 2);
    assert_eq!(
        placed,
        large.iter().map(|ids| crate::test_cluster::brokers(ids)).collect::<Vec<_>>()
    );
}

#[test]
fn a_topic_starts_where_fewest_lead() {
    let mut row = row(&[None; 3]);
    [1, 1, 2].iter().for_each(|id| row.note(&[BrokerId(*id)]));
    assert_eq!(row.replicas(row.start(), 1), [BrokerId(3)]);
    row.note(&[BrokerId(3)]);
    assert_eq!(row.replicas(row.start(), 1), [BrokerId(2)]);
}

#[test]
fn racks_alternate_among_leaders() {
    let row = row(&[Some("a"), Some("a"), Some("b"), Some("b")]);
    let leaders: Vec<i32> = place(&row, 4, 1).into_iter().map(|r| r[0]).collect();
    assert_eq!(leaders, [1, 3, 2, 4]);
}

#[test]
fn replicas_go_to_racks_that_have_none() {
    let racks = [Some("a"), Some("a"), Some("a"), Some("b"), Some("c")];
    for replicas in place(&row(&racks), 30, 3) {
        let used: BTreeSet<_> =
            replicas.iter().map(|id| racks[usize::try_from(*id).unwrap() - 1]).collect();
        assert_eq!(used.len(), 3, "{replicas:?}");
    }
}

#[test]
fn a_fenced_broker_follows_where_it_must_and_never_leads() {
    let mut row = row(&[None; 2]);
    row.fenced.push(Place { broker: BrokerId(9), rack: Some("far".to_owned()), preferred_by: 0 });
    assert!(place(&row, 4, 2).iter().flatten().all(|id| *id != 9));
    for replicas in place(&row, 4, 3) {
        assert_eq!(replicas.last(), Some(&9));
    }
}

#[test]
fn too_few_brokers_are_named_in_kafkas_words() {
    let refusal = row(&[None]).check(3).unwrap_err();
    assert_eq!(refusal.error, ErrorCode::InvalidReplicationFactor);
    assert_eq!(
        refusal.message,
        "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot \
         be reached because only 1 broker(s) are registered."
    );
    let refusal = row(&[]).check(1).unwrap_err();
    assert_eq!(
        refusal.message,
        "Unable to replicate the partition 1 time(s): All brokers are currently fenced."
    );
}

proptest! {
    #[test]
    fn every_placement_is_even(
        racks in 1_usize..4,
        brokers_per_rack in 1_usize..4,
        replication_factor in 1_usize..5,
        start in any::<u32>(),
        rounds in 1_usize..4,
    ) {
        const NAMES: [&str; 3] = ["a", "b", "c"];
        let brokers = racks * brokers_per_rack;
        let replication_factor = replication_factor.min(brokers);
        let racks_of: Vec<_> = (0..brokers).map(|broker| Some(NAMES[broker % racks])).collect();
        let row = row(&racks_of);
        let start = start as usize / brokers * brokers;
        let mut led = vec![0; brokers];
        let mut held = vec![0; brokers];
        for position in start..start + brokers * rounds {
            let replicas = row.replicas(position, replication_factor);
            let distinct: BTreeSet<_> = replicas.iter().collect();
            prop_assert_eq!(distinct.len(), replication_factor);
            let place_of = |id: &BrokerId| usize::try_from(id.0).unwrap() - 1;
            led[place_of(&replicas[0])] += 1;
            replicas.iter().for_each(|id| held[place_of(id)] += 1);
            let used: BTreeSet<_> = replicas.iter().map(|id| racks_of[place_of(id)]).collect();
            prop_assert_eq!(used.len(), replication_factor.min(racks));
        }
        prop_assert!(led.iter().all(|count| *count == rounds));
        prop_assert!(held.iter().all(|count| *count == rounds * replication_factor));
    }
}
