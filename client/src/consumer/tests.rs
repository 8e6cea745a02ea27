use protocol::{PartitionIndex, Timestamp, records::BatchBuilder};

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

async fn consumer(broker: &FakeBroker, offset_reset: OffsetReset) -> Consumer {
    let options = ConsumerOptions {
        offset_reset,
        max_wait: Duration::from_millis(20),
        poll_records_max: 7,
        ..Default::default()
    };
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
