//! Wall clocks that are wrong by ten minutes, or jump: timestamps are as wrong as they are, and
//! nothing else goes by them. Who is alive, who leads and who is in sync is measured in durations.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use client::door::{Clock, SystemClock};
use protocol::{ErrorCode, LeaderEpoch, Offset, Timestamp};

use crate::{
    client::{Topic, produce_request},
    cluster::{
        self, active_controller, create_on, leader_and_isr, produce, produce_until_acknowledged,
        read, until_brokers_are, until_isr_is, until_led_by_another,
    },
    node::TestNode,
    records::{batch_at, headers, now},
};

const TEN_MINUTES_MS: i64 = 600_000;

/// The system's clock, and by how much it is wrong.
#[derive(Clone, Debug, Default)]
struct WrongClock {
    offset_ms: Arc<AtomicI64>,
}

impl WrongClock {
    fn set(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.offset_ms.load(Ordering::Relaxed))
    }
}

/// Three nodes: the first is ten minutes ahead of the third, and the second as far behind it.
async fn three_wrong(settings: &[&str]) -> (Vec<TestNode>, Vec<WrongClock>) {
    let mut sites = cluster::formatted(settings);
    let mut clocks = Vec::new();
    for (site, offset_ms) in sites.iter_mut().zip([TEN_MINUTES_MS, -TEN_MINUTES_MS, 0]) {
        let clock = WrongClock::default();
        clock.set(offset_ms);
        clocks.push(clock.clone());
        site.set_doors(move |doors| doors.clock = Arc::new(clock.clone()));
    }
    let nodes = cluster::start(sites).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    (nodes, clocks)
}

/// Partitions that all have, led by brokers 1, 2 and 3.
async fn led_by_each(nodes: &[TestNode], name: &str, configs: &[(&str, &str)]) -> Topic {
    let replicas: [&[i32]; 3] = [&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];
    let topic = create_on(&nodes[0], name, &replicas, configs).await;
    for (index, leader) in (0..).zip(nodes) {
        produce_until_acknowledged(leader, &topic, index, "first").await;
    }
    topic
}

async fn produce_at(
    node: &TestNode,
    topic: &Topic,
    index: i32,
    timestamp: Timestamp,
) -> (ErrorCode, Option<String>) {
    let request = produce_request(-1, topic, &[(index, batch_at(timestamp, "timed"))]);
    let mut answer = node.connect().await.call(13, &request).await;
    let answer = answer.responses.remove(0).partition_responses.remove(0);
    (answer.error_code, answer.error_message)
}

#[tokio::test]
async fn clocks_that_are_wrong_or_jump_fence_nobody_and_lose_nothing() {
    let settings = ["log.retention.check.interval.ms=100", "log.retention.hours=1"];
    let (nodes, clocks) = three_wrong(&settings).await;
    let topic = led_by_each(&nodes, "t", &[]).await;
    let active = active_controller(&nodes[0]).await;
    // Half an hour in two jumps, back and forth, wherever the active controller is.
    for offset_ms in [TEN_MINUTES_MS, -TEN_MINUTES_MS, 0] {
        for clock in &clocks {
            clock.set(offset_ms);
            for (index, leader) in (0..).zip(&nodes) {
                produce_until_acknowledged(leader, &topic, index, "jump").await;
            }
        }
    }
    for (index, leader) in (0..).zip(&nodes) {
        let state = leader_and_isr(leader, &topic, index).await;
        assert_eq!(state, Some((index + 1, vec![1, 2, 3])));
        let values = read(leader, &topic, index).await;
        assert!(values.iter().filter(|value| **value == "jump").count() >= 9, "{values:?}");
        assert_eq!(values[0], "first");
        leader.log().assert_nobody_was_fenced();
    }
    assert_eq!(active_controller(&nodes[2]).await, active);
}

#[tokio::test]
async fn a_leader_that_dies_is_followed_by_one_whose_clock_is_behind() {
    let (mut nodes, _) = three_wrong(&[]).await;
    let configs = [("message.timestamp.type", "LogAppendTime")];
    let topic = create_on(&nodes[0], "t", &[&[1, 2]], &configs).await;
    produce_until_acknowledged(&nodes[0], &topic, 0, "ahead").await;
    let site = nodes.remove(0).kill().await;
    assert_eq!(until_led_by_another(&nodes[0], &topic, 0, 1).await, 2);
    produce_until_acknowledged(&nodes[0], &topic, 0, "behind").await;

    // As each leader's clock said, and in the order of their offsets all the same.
    let fetched = nodes[0].connect().await.fetch(&topic, 0).await;
    let batches = headers(fetched.records.as_ref());
    let (first, last) = (batches.first().unwrap(), batches.last().unwrap());
    assert_eq!((first.base_offset, first.partition_leader_epoch), (Offset(0), LeaderEpoch(0)));
    assert!(first.max_timestamp.0 > now().0 + TEN_MINUTES_MS / 2);
    assert!(last.max_timestamp.0 < now().0 - TEN_MINUTES_MS / 2);
    assert!(last.base_offset > first.base_offset);

    nodes.insert(0, site.start().await);
    until_isr_is(&nodes[1], &topic, 0, &[1, 2]).await;
}

#[tokio::test]
async fn a_leader_judges_timestamps_by_its_own_clock_and_says_so() {
    let (nodes, _) = three_wrong(&[]).await;
    // An hour ahead is allowed by default: ten minutes are no trouble.
    let lenient = led_by_each(&nodes, "lenient", &[]).await;
    let strict = [("message.timestamp.after.max.ms", "60000")];
    let strict = create_on(&nodes[0], "strict", &[&[1, 2, 3], &[2, 3, 1]], &strict).await;
    produce_until_acknowledged(&nodes[0], &strict, 0, "behind its leader").await;
    let sent_at = now();
    assert_eq!(produce_at(&nodes[1], &lenient, 1, sent_at).await, (ErrorCode::None, None));
    let (error, message) = produce_at(&nodes[1], &strict, 1, sent_at).await;
    let message = message.unwrap();
    assert_eq!(error, ErrorCode::InvalidTimestamp);
    let expected = format!("Timestamp {sent_at} of the message is out of range.");
    assert!(message.starts_with(&expected), "{message}");

    // What the leader took, its followers take, whatever their clocks say.
    until_isr_is(&nodes[0], &strict, 0, &[1, 2, 3]).await;
    let answer = produce(&nodes[0], &strict, 0, "again", Duration::from_secs(20)).await;
    assert_eq!(answer.error_code, ErrorCode::None);
    nodes.iter().for_each(|node| node.log().assert_nobody_was_fenced());
}
