mod anything;
mod pausing;
mod sessions;
mod truncation;

use std::collections::BTreeSet;

use protocol::{PartitionIndex, records::BatchBuilder};
use tokio::time::sleep;

use super::*;
use crate::fake::FakeBroker;

const SOON: Duration = Duration::from_secs(5);
const AT_ONCE: Duration = Duration::from_millis(30);

fn at(partition: i32) -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(partition) }
}

fn fill(broker: &FakeBroker, partition: i32, numbers: std::ops::Range<i64>) {
    let mut builder = BatchBuilder::new();
    for number in numbers {
        builder.append(Timestamp(number * 10), None, Some(number.to_string().as_bytes()), &[]);
    }
    broker.append(&at(partition), builder.finish(&Default::default()));
}

fn options(offset_reset: OffsetReset) -> ConsumerOptions {
    ConsumerOptions {
        offset_reset,
        max_wait: Duration::from_millis(20),
        poll_records_max: 7,
        ..Default::default()
    }
}

async fn consumer(broker: &FakeBroker, offset_reset: OffsetReset) -> Consumer {
    let options = options(offset_reset);
    let mut consumer = Consumer::new(broker.cluster().await, options);
    consumer.assign([at(0)]);
    consumer
}

/// Everything that comes until nothing does.
async fn read(consumer: &mut Consumer) -> Vec<i64> {
    let mut values = Vec::new();
    loop {
        let records = consumer.poll(AT_ONCE).await.unwrap();
        if records.is_empty() {
            return values;
        }
        assert!(records.len() <= 7);
        for record in records {
            let text = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            values.push(text.parse().unwrap());
            assert_eq!(record.offset.0 * 10, record.timestamp.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_come_in_order_from_the_beginning_or_the_end() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..10);
    fill(&broker, 0, 10..13);
    let mut early = consumer(&broker, OffsetReset::Earliest).await;
    let mut late = consumer(&broker, OffsetReset::Latest).await;
    assert_eq!(read(&mut early).await, Vec::from_iter(0..13));
    assert_eq!(early.position(&at(0)).await.unwrap(), Offset(13));
    assert_eq!(early.high_watermark(&at(0)), Some(Offset(13)));
    assert_eq!(late.position(&at(0)).await.unwrap(), Offset(13));
    fill(&broker, 0, 13..15);
    assert_eq!(read(&mut early).await, [13, 14]);
    assert_eq!(read(&mut late).await, [13, 14]);
}

#[tokio::test(start_paused = true)]
async fn the_position_is_that_of_the_next_record_handed_out() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..10);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 7);
    assert_eq!(consumer.position(&at(0)).await.unwrap(), Offset(7));
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 3);
    assert_eq!(consumer.position(&at(0)).await.unwrap(), Offset(10));
}

#[tokio::test(start_paused = true)]
async fn seeking_goes_anywhere() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..10);
    let mut consumer = consumer(&broker, OffsetReset::None).await;
    for (place, expected) in [
        (Place::At(Offset(4)), 4..10),
        (Place::Beginning, 0..10),
        (Place::End, 10..10),
        (Place::Time(Timestamp(55)), 6..10),
        (Place::Time(Timestamp(1000)), 10..10),
        (Place::At(Offset(10)), 10..10),
    ] {
        consumer.seek(&at(0), place).unwrap();
        assert_eq!(read(&mut consumer).await, Vec::from_iter(expected), "{place:?}");
    }
    let error = consumer.seek(&at(1), Place::End).unwrap_err();
    assert!(matches!(error, Error::NotAssigned { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_seek_drops_what_was_fetched_before() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..20);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    consumer.poll(SOON).await.unwrap();
    consumer.seek(&at(0), Place::At(Offset(18))).unwrap();
    assert_eq!(read(&mut consumer).await, [18, 19]);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_gone_is_reset_as_told() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..5);
    fill(&broker, 0, 5..10);
    broker.delete_before(&at(0), 5);
    for (reset, expected) in [(OffsetReset::Earliest, 5..10), (OffsetReset::Latest, 10..10)] {
        let mut consumer = consumer(&broker, reset).await;
        consumer.seek(&at(0), Place::At(Offset(2))).unwrap();
        assert_eq!(read(&mut consumer).await, Vec::from_iter(expected));
    }
    let mut strict = consumer(&broker, OffsetReset::None).await;
    assert!(matches!(strict.poll(SOON).await, Err(Error::OffsetOutOfRange { .. })));
    strict.seek(&at(0), Place::At(Offset(2))).unwrap();
    let error = strict.poll(SOON).await.unwrap_err();
    assert!(matches!(error, Error::OffsetOutOfRange { offset: Offset(2), .. }));
    strict.seek(&at(0), Place::Beginning).unwrap();
    assert_eq!(strict.poll(SOON).await.unwrap()[0].offset, Offset(5));
}

#[tokio::test(start_paused = true)]
async fn what_fails_in_passing_is_tried_again() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..5);
    broker.fail_fetch([
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::KafkaStorageError,
    ]);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_told_and_reading_can_go_on() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..5);
    broker.fail_fetch([ErrorCode::TopicAuthorizationFailed]);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    let error = consumer.poll(SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TopicAuthorizationFailed));
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_was_away_is_read_on() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..5);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 5);
    broker.set_down(true);
    assert!(consumer.poll(Duration::from_millis(60)).await.unwrap().is_empty());
    broker.set_down(false);
    fill(&broker, 0, 5..6);
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn all_partitions_have_their_turn() {
    let broker = FakeBroker::with_topic("orders", 3);
    for partition in 0..3 {
        fill(&broker, partition, 0..100);
    }
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    consumer.assign((0..3).map(at));
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        seen.extend(consumer.poll(SOON).await.unwrap().into_iter().map(|r| r.partition));
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_assignment_keeps_the_positions_of_those_that_stay() {
    let broker = FakeBroker::with_topic("orders", 2);
    fill(&broker, 0, 0..5);
    fill(&broker, 1, 0..5);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    assert_eq!(read(&mut consumer).await.len(), 5);
    consumer.assign([at(0), at(1)]);
    assert_eq!(read(&mut consumer).await.len(), 5);
    consumer.assign([at(1)]);
    assert_eq!(consumer.assignment().collect::<Vec<_>>(), [&at(1)]);
    assert!(consumer.position(&at(0)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_poll_takes_no_longer_than_it_may() {
    let broker = FakeBroker::with_topic("orders", 1);
    let mut consumer = consumer(&broker, OffsetReset::Latest).await;
    let begun = Instant::now();
    assert!(consumer.poll(AT_ONCE).await.unwrap().is_empty());
    assert!(begun.elapsed() >= AT_ONCE && begun.elapsed() < SOON);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_works_from_another_task() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..3);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    let task = tokio::spawn(async move {
        consumer.position(&at(0)).await.unwrap();
        consumer.poll(SOON).await.unwrap().len()
    });
    assert_eq!(task.await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reset_by_duration_begins_so_long_ago() {
    let broker = FakeBroker::with_topic("orders", 1);
    let now = broker.cluster().await.doors().clock.now();
    let mut builder = BatchBuilder::new();
    for hours in [5, 3, 1] {
        builder.append(Timestamp(now.0 - hours * 3_600_000), None, None, &[]);
    }
    broker.append(&at(0), builder.finish(&Default::default()));
    let reset = OffsetReset::ByDuration(Duration::from_secs(4 * 3600));
    let mut consumer = consumer(&broker, reset).await;
    assert_eq!(consumer.position(&at(0)).await.unwrap(), Offset(1));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_found_without_assignment() {
    let broker = FakeBroker::with_topic("orders", 2);
    fill(&broker, 0, 0..5);
    fill(&broker, 0, 5..10);
    broker.delete_before(&at(0), 5);
    let consumer = Consumer::new(broker.cluster().await, options(OffsetReset::None));
    let both = || [at(0), at(1)];
    let beginnings = consumer.beginning_offsets(both()).await.unwrap();
    assert_eq!(beginnings, BTreeMap::from([(at(0), Offset(5)), (at(1), Offset(0))]));
    let ends = consumer.end_offsets(both()).await.unwrap();
    assert_eq!(ends, BTreeMap::from([(at(0), Offset(10)), (at(1), Offset(0))]));
    let times = both().map(|at| (at, Timestamp(65)));
    let found = consumer.offsets_for_times(times).await.unwrap();
    assert_eq!(found[&at(0)].offset, Some(Offset(7)));
    assert_eq!(found[&at(1)].offset, None);
}

#[tokio::test(start_paused = true)]
async fn the_lag_is_what_is_left_to_hand_out() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..10);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    assert_eq!(consumer.lag(&at(0)), None);
    consumer.poll(SOON).await.unwrap();
    assert_eq!(consumer.lag(&at(0)), Some(3));
    read(&mut consumer).await;
    assert_eq!(consumer.lag(&at(0)), Some(0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_has_a_bound() {
    let broker = FakeBroker::with_topic("orders", 3);
    for partition in 0..3 {
        for batch in 0..50 {
            fill(&broker, partition, batch * 10..batch * 10 + 10);
        }
    }
    let options = ConsumerOptions { read_ahead_bytes: 2000, ..options(OffsetReset::Earliest) };
    let mut consumer = Consumer::new(broker.cluster().await, options);
    consumer.assign((0..3).map(at));
    let mut count = 0;
    while count < 1500 {
        count += consumer.poll(SOON).await.unwrap().len();
        let held: usize = consumer.peers.values().map(|peer| peer.memory.bytes()).sum();
        assert!(held <= 2000, "{held} bytes");
    }
    let requests = broker.take_fetch_requests();
    assert!(requests.iter().all(|request| request.max_bytes == 1000));
}

#[tokio::test(start_paused = true)]
async fn a_full_partition_is_not_held_up_by_an_empty_one() {
    let broker = FakeBroker::with_topic("orders", 2);
    for batch in 0..50 {
        fill(&broker, 0, batch * 10..batch * 10 + 10);
    }
    let options = ConsumerOptions {
        partition_max_bytes: 500,
        max_wait: Duration::from_secs(100),
        ..options(OffsetReset::Earliest)
    };
    let mut consumer = Consumer::new(broker.cluster().await, options);
    consumer.assign([at(0), at(1)]);
    let begun = Instant::now();
    let mut count = 0;
    while count < 500 {
        count += consumer.poll(SOON).await.unwrap().len();
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_is_handed_out_before_an_offset_is_out_of_range() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..10);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 7);
    fill(&broker, 0, 10..20);
    fill(&broker, 0, 20..30);
    broker.delete_before(&at(0), 20);
    sleep(AT_ONCE).await;
    assert_eq!(read(&mut consumer).await, [7, 8, 9].into_iter().chain(20..30).collect::<Vec<_>>());
}
