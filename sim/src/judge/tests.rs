use std::time::Duration;

use bytes::Bytes;
use client::Acks;
use protocol::{Offset, PartitionIndex, TopicName};

use super::*;
use crate::{
    run::{Plan, run},
    scenario::{self, Scenario},
    shape::Shape,
    workload::history::{Act, Care, Kind, Op, ProcessId},
};

const SAFE: Care = Care { acks: Acks::All, is_idempotent: true };
const AT_LEAST_ONCE: Care = Care { acks: Acks::All, is_idempotent: false };
const OF_ONE: Care = Care { acks: Acks::Leader, is_idempotent: false };

fn partition() -> TopicPartition {
    TopicPartition { topic: TopicName::from("orders"), partition: PartitionIndex(0) }
}

fn account() -> Account {
    let mut account = Account::default();
    account.read_to_the_end(&[partition()]);
    account
}

fn add(account: &mut Account, process: u32, begun: Act, done: Act) {
    for (kind, act) in [(Kind::Invoke, begun), (Kind::Ok, done)] {
        let at = Duration::from_millis(account.ops.len() as u64);
        account.ops.push(Op { process: ProcessId(process), at, kind, act });
    }
}

/// A record is sent, and acknowledged at an offset.
fn send(account: &mut Account, value: &'static str, offset: i64, care: Care) {
    let act = |offset| Act::Send {
        partition: Some(partition()),
        value: Bytes::from_static(value.as_bytes()),
        offset,
        care,
    };
    add(account, 1, act(None), act(Some(Offset(offset))));
}

/// Somebody else polls, and is given these.
fn poll(account: &mut Account, process: u32, records: &[(i64, &'static str)]) {
    let record = |(offset, value): &(i64, &'static str)| {
        (partition(), Offset(*offset), Bytes::from_static(value.as_bytes()))
    };
    let records = records.iter().map(record).collect();
    add(account, process, Act::Poll { records: Vec::new() }, Act::Poll { records });
}

fn judge(account: &Account) -> Vec<&'static str> {
    Testimony::hear(account).unwrap().anomalies()
}

#[test]
fn a_record_that_all_acknowledged_is_missed() {
    let mut account = account();
    send(&mut account, "a", 0, SAFE);
    send(&mut account, "b", 1, SAFE);
    poll(&mut account, 2, &[(1, "b")]);
    assert_eq!(judge(&account), ["lost-write", "unseen"]);
    let violation = Testimony::hear(&account).unwrap().violation().unwrap();
    assert_eq!((violation.property, violation.partition), ("lost-write", Some(partition())));
}

#[test]
fn a_record_is_missed_only_where_somebody_read_to_the_end() {
    let mut account = Account::default();
    send(&mut account, "a", 0, SAFE);
    send(&mut account, "b", 1, SAFE);
    poll(&mut account, 2, &[(1, "b")]);
    assert!(judge(&account).is_empty());
}

#[test]
fn an_acknowledgement_is_worth_what_was_promised() {
    for (pledge, expected) in
        [(Pledge::OfAll, false), (Pledge::OfTheLeader, true), (Pledge::Nothing, false)]
    {
        let mut account = account();
        account.pledge(&partition().topic, pledge);
        send(&mut account, "a", 0, OF_ONE);
        send(&mut account, "b", 0, SAFE);
        poll(&mut account, 2, &[(0, "b")]);
        assert_eq!(judge(&account).contains(&"inconsistent-offsets"), expected, "{pledge:?}");
    }
}

#[test]
fn what_was_given_out_once_stays_whatever_its_producer_asked_for() {
    let mut account = account();
    send(&mut account, "a", 0, OF_ONE);
    poll(&mut account, 2, &[(0, "a")]);
    send(&mut account, "b", 0, SAFE);
    poll(&mut account, 3, &[(0, "b")]);
    assert_eq!(judge(&account), ["inconsistent-offsets", "nonlinearizable-log"]);
    account.pledge(&partition().topic, Pledge::Nothing);
    assert!(judge(&account).is_empty());
}

#[test]
fn only_a_producer_that_is_not_idempotent_may_repeat_itself() {
    let twice = |care| {
        let mut account = account();
        send(&mut account, "a", 0, care);
        poll(&mut account, 2, &[(0, "a"), (1, "a")]);
        judge(&account)
    };
    assert_eq!(twice(SAFE), ["duplicate"]);
    assert!(twice(AT_LEAST_ONCE).is_empty());
}

#[test]
fn what_nobody_sent_is_noticed_wherever_it_is() {
    let mut account = account();
    account.pledge(&partition().topic, Pledge::Nothing);
    send(&mut account, "a", 0, SAFE);
    poll(&mut account, 2, &[(0, "x")]);
    assert_eq!(judge(&account), ["phantom-read"]);
}

#[test]
fn a_record_that_may_go_anywhere_belongs_where_it_was_seen() {
    let mut account = account();
    let value = Bytes::from_static(b"a");
    let act = |partition| Act::Send { partition, value: value.clone(), offset: None, care: SAFE };
    add(&mut account, 1, act(None), act(Some(partition())));
    poll(&mut account, 2, &[(0, "a")]);
    assert!(judge(&account).is_empty());
    account.ops.truncate(2);
    assert_eq!(judge(&account), ["unseen"]);
}

#[test]
fn nobody_complains_who_did_nothing() {
    assert!(judge(&Account::default()).is_empty());
}

type Plant = fn(&mut Account);

/// What may be done to the history of a run in which all went well, and what must come of it.
const PLANTED: &[(&str, Plant)] = &[
    ("unseen", |account| {
        let lost = acknowledged(account).pop().expect("somebody sent");
        change_polls(account, |records| records.retain(|(_, _, value)| *value != lost));
    }),
    ("lost-write", |account| {
        let lost = acknowledged(account).swap_remove(0);
        change_polls(account, |records| records.retain(|(_, _, value)| *value != lost));
    }),
    ("duplicate", |account| {
        let safe = acknowledged(account);
        change_polls(account, |records| {
            let last = records.last().filter(|(_, _, value)| safe.contains(value));
            if let Some((partition, offset, value)) = last.cloned() {
                records.push((partition, offset.plus(1), value));
            }
        });
    }),
    ("phantom-read", |account| {
        let garbled = acknowledged(account).swap_remove(0);
        change_polls(account, |records| {
            for record in records.iter_mut().filter(|(_, _, value)| *value == garbled) {
                record.2 = Bytes::from_static(b"garbled");
            }
        });
    }),
    ("int-nonmonotonic-poll", |account| {
        change_polls(account, |records| {
            if records.len() > 1 && records[0].0 == records[1].0 {
                records.swap(0, 1);
            }
        });
    }),
    ("int-poll-skip", |account| {
        let mut is_done = false;
        change_polls(account, |records| {
            if !is_done && records.len() > 2 && records[0].0 == records[2].0 {
                records.remove(1);
                is_done = true;
            }
        });
    }),
];

/// What producers sent that repeat nothing and ask all, where that promises something, in the order
/// in which it was acknowledged.
fn acknowledged(account: &Account) -> Vec<Bytes> {
    let sent = account.ops.iter().filter(|op| op.kind == Kind::Ok);
    let safe = sent.filter_map(|op| match &op.act {
        Act::Send { partition: Some(partition), value, care: SAFE, .. }
            if account.pledge_of(&partition.topic) == Pledge::OfAll =>
        {
            Some(value.clone())
        }
        _ => None,
    });
    safe.collect()
}

fn change_polls(
    account: &mut Account,
    mut change: impl FnMut(&mut Vec<(TopicPartition, Offset, Bytes)>),
) {
    for op in account.ops.iter_mut().filter(|op| op.kind == Kind::Ok) {
        if let Act::Poll { records } = &mut op.act {
            change(records);
        }
    }
}

#[test]
fn the_history_of_a_run_can_be_written_and_what_is_planted_into_it_is_found() {
    let scenario = Scenario::new(
        "planted",
        || Shape::combined(3),
        |world| {
            Box::pin(async move {
                let calm = "a_cluster_keeps_its_word_in_calm_weather";
                scenario::pick(Some(calm), 1)?.play(world.clone()).await?;
                let account = world.history.take();
                let testimony = Testimony::hear(&account)?;
                assert_eq!(testimony.anomalies(), [""; 0]);
                let history = testimony.history();
                assert_eq!(jepsen::History::from_edn(&history.to_edn())?, *history);
                assert_eq!(jepsen::History::from_json(&history.to_json())?, *history);
                for (anomaly, plant) in PLANTED {
                    let mut planted = account.clone();
                    plant(&mut planted);
                    let found = judge(&planted);
                    assert!(found.contains(anomaly), "planted {anomaly}, found {found:?}");
                }
                Ok(())
            })
        },
    );
    run(Plan::new(Box::leak(Box::new(scenario)), 1)).expect("all is found");
}
