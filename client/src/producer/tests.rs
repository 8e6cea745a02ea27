use std::time::Duration;

use protocol::{
    Offset, Timestamp,
    records::{Batch as Decoded, Compression},
};

use super::*;
use crate::{
    fake::{FakeBroker, Fault},
    partitioner::{Partitioner, partition_of},
};

fn at(partition: i32) -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(partition) }
}

fn numbered(number: usize) -> ProducerRecord {
    ProducerRecord::new("orders", number.to_string()).with_partition(PartitionIndex(0))
}

fn options() -> ProducerOptions {
    ProducerOptions { linger: Duration::from_millis(1), ..Default::default() }
}

async fn producer(broker: &FakeBroker, options: ProducerOptions) -> Producer {
    Producer::new(broker.cluster().await, options)
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_delivery_says_where_the_record_went() {
    let broker = FakeBroker::with_topic("orders", 3);
    let producer = producer(&broker, options()).await;
    for number in 0..3 {
        let record = ProducerRecord::new("orders", "value").with_key("21");
        let record = ProducerRecord { timestamp: Some(Timestamp(number)), ..record };
        let delivery = producer.send(record).await.unwrap();
        let expected = Delivery {
            topic: "orders".into(),
            partition: partition_of(b"21", 3),
            offset: Some(Offset(number)),
            timestamp: Timestamp(number),
        };
        assert_eq!(delivery, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn many_records_travel_in_few_batches_and_keep_their_order() {
    for compression in Compression::ALL {
        let broker = FakeBroker::with_topic("orders", 1);
        let options = ProducerOptions { compression, ..options() };
        let producer = producer(&broker, options).await;
        let mut sent = Vec::new();
        for number in 0..5000 {
            sent.push(producer.queue(numbered(number)).await.unwrap());
        }
        for (number, sent) in (0..).zip(sent) {
            assert_eq!(sent.delivery().await.unwrap().offset, Some(Offset(number)));
        }
        assert_eq!(broker.values(&at(0)), numbers(0..5000));
        assert!(broker.produce_requests() < 50, "{}", broker.produce_requests());
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_lost_on_the_way_each_record_is_there_once_and_in_order() {
    let broker = FakeBroker::with_topic("orders", 1);
    let options = ProducerOptions { batch_bytes: 200, ..options() };
    let producer = producer(&broker, options).await;
    let faults = [
        Fault::None,
        Fault::LoseAnswer,
        Fault::Refuse(ErrorCode::NotLeaderOrFollower),
        Fault::None,
        Fault::LoseRequest,
        Fault::None,
        Fault::Refuse(ErrorCode::NotEnoughReplicasAfterAppend),
        Fault::LoseAnswer,
    ];
    broker.fail_produce(faults.into_iter().cycle().take(80));
    let mut sent = Vec::new();
    for number in 0..1000 {
        sent.push(producer.queue(numbered(number)).await.unwrap());
    }
    for (number, sent) in (0..).zip(sent) {
        assert_eq!(sent.delivery().await.unwrap().offset, Some(Offset(number)));
    }
    assert_eq!(broker.values(&at(0)), numbers(0..1000));
    assert!(broker.connections() > 10);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_refused_fails_alone() {
    let broker = FakeBroker::with_topic("orders", 1);
    let options = ProducerOptions { batch_bytes: 1, linger: Duration::ZERO, ..options() };
    let producer = producer(&broker, options).await;
    producer.send(numbered(0)).await.unwrap();
    broker.fail_produce([Fault::Refuse(ErrorCode::MessageTooLarge)]);
    let mut sent = Vec::new();
    for number in 1..20 {
        sent.push(producer.queue(numbered(number)).await.unwrap());
    }
    for (number, sent) in (1..).zip(sent) {
        let result = sent.delivery().await;
        match number {
            1 => assert_eq!(result.unwrap_err().code(), Some(ErrorCode::MessageTooLarge)),
            _ => assert_eq!(result.unwrap().offset, Some(Offset(number - 1)), "{number}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn acks_none_tells_no_offset() {
    let broker = FakeBroker::with_topic("orders", 1);
    let producer = producer(&broker, ProducerOptions { acks: Acks::None, ..options() }).await;
    for number in 0..10 {
        assert_eq!(producer.send(numbered(number)).await.unwrap().offset, None);
    }
    while broker.values(&at(0)).len() < 10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(broker.values(&at(0)), numbers(0..10));
}

#[tokio::test(start_paused = true)]
async fn without_idempotence_batches_carry_no_producer() {
    let broker = FakeBroker::with_topic("orders", 1);
    let producer = producer(&broker, ProducerOptions { acks: Acks::Leader, ..options() }).await;
    producer.send(numbered(0)).await.unwrap();
    assert!(!broker.with_batches(&at(0), |bytes| {
        Decoded::decode(&bytes[0], 1 << 20).unwrap().header().has_producer_id()
    }));
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_makes_the_sender_wait() {
    let broker = FakeBroker::with_topic("orders", 1);
    let options = ProducerOptions {
        buffer_bytes: 500,
        linger: Duration::from_secs(60),
        block_max: Duration::from_millis(20),
        ..options()
    };
    let producer = producer(&broker, options).await;
    let mut sent = Vec::new();
    let error = loop {
        match producer.queue(numbered(sent.len())).await {
            Ok(one) => sent.push(one),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::BufferFull { .. }) && error.is_retriable());
    assert!((2..40).contains(&sent.len()), "{}", sent.len());
    producer.flush().await;
    assert_eq!(broker.values(&at(0)), numbers(0..sent.len()));
    // There is room again.
    let _sent = producer.queue(numbered(0)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_larger_than_a_request_is_refused_at_once() {
    let broker = FakeBroker::with_topic("orders", 1);
    let producer = producer(&broker, options()).await;
    let record = ProducerRecord::new("orders", vec![0; 1 << 20]);
    assert!(matches!(producer.send(record).await, Err(Error::RecordTooLarge { .. })));
    let record = ProducerRecord::new("orders", vec![0; 1_000_000]);
    producer.send(record).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_topic_or_partition_that_does_not_exist_is_waited_for_only_so_long() {
    let broker = FakeBroker::with_topic("orders", 1);
    let options = ProducerOptions { block_max: Duration::from_millis(30), ..options() };
    let producer = producer(&broker, options).await;
    let elsewhere = numbered(0).with_partition(PartitionIndex(1));
    for record in [ProducerRecord::new("nowhere", "x"), elsewhere] {
        let error = producer.send(record).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_in_time_has_failed() {
    let broker = FakeBroker::with_topic("orders", 1);
    let options = ProducerOptions { delivery_timeout: Duration::from_millis(50), ..options() };
    let producer = producer(&broker, options).await;
    producer.send(numbered(0)).await.unwrap();
    broker.set_down(true);
    let error = producer.send(numbered(1)).await.unwrap_err();
    assert!(matches!(error, Error::DeliveryTimedOut { last: Some(_), .. }), "{error}");
    broker.set_down(false);
    assert_eq!(producer.send(numbered(2)).await.unwrap().offset, Some(Offset(1)));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_silent_makes_no_record_wait_longer_than_the_delivery_timeout() {
    let broker = FakeBroker::with_topic("orders", 1);
    let delivery_timeout = Duration::from_secs(3);
    let producer = producer(&broker, ProducerOptions { delivery_timeout, ..options() }).await;
    broker.set_silent(true);
    // The second finds the first one's request under way.
    for _ in 0..2 {
        let queued_at = Instant::now();
        let error = producer.send(numbered(0)).await.unwrap_err();
        assert!(matches!(error, Error::DeliveryTimedOut { .. }), "{error}");
        let waited = queued_at.elapsed();
        assert!(waited < delivery_timeout + Duration::from_millis(10), "{waited:?}");
    }
    producer.flush().await;
    broker.set_silent(false);
    // Once the connection has been given up, all is well again.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(producer.send(numbered(2)).await.unwrap().offset, Some(Offset(0)));
}

#[tokio::test(start_paused = true)]
async fn without_retries_the_first_failure_counts() {
    let broker = FakeBroker::with_topic("orders", 1);
    let producer = producer(&broker, ProducerOptions { retries: 0, ..options() }).await;
    broker.fail_produce([Fault::Refuse(ErrorCode::NotEnoughReplicas)]);
    let error = producer.send(numbered(0)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotEnoughReplicas));
    producer.send(numbered(1)).await.unwrap();
    assert_eq!(broker.values(&at(0)), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn batches_that_the_broker_finds_too_large_arrive_in_parts() {
    for idempotence in [true, false] {
        let broker = FakeBroker::with_topic("orders", 1);
        broker.limit_batches(300);
        let options = ProducerOptions { batch_bytes: 2000, idempotence, ..options() };
        let producer = producer(&broker, options).await;
        let mut sent = Vec::new();
        for number in 0..500 {
            sent.push(producer.queue(numbered(number)).await.unwrap());
        }
        for (number, sent) in (0..).zip(sent) {
            assert_eq!(sent.delivery().await.unwrap().offset, Some(Offset(number)));
        }
        assert_eq!(broker.values(&at(0)), numbers(0..500));
        // One record alone can't be made smaller.
        let large = ProducerRecord::new("orders", vec![b'x'; 400]);
        let error = producer.send(large).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::MessageTooLarge));
        assert_eq!(producer.send(numbered(0)).await.unwrap().offset, Some(Offset(500)));
    }
}

#[derive(Debug)]
struct Always(i32);

impl Partitioner for Always {
    fn partition(&self, _: &Choice<'_>) -> Option<PartitionIndex> {
        Some(PartitionIndex(self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn a_partitioner_chooses_where_the_record_does_not_say() {
    let broker = FakeBroker::with_topic("orders", 3);
    let options_with =
        |partition| ProducerOptions { partitioner: Arc::new(Always(partition)), ..options() };
    let chosen = producer(&broker, options_with(2)).await;
    let record = ProducerRecord::new("orders", "value").with_key("21");
    let delivery = chosen.send(record.clone()).await.unwrap();
    assert_eq!(delivery.partition, PartitionIndex(2));
    let delivery = chosen.send(record.clone().with_partition(PartitionIndex(1))).await.unwrap();
    assert_eq!(delivery.partition, PartitionIndex(1));

    let error = producer(&broker, options_with(3)).await.send(record).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_partitions_share_requests() {
    let broker = FakeBroker::with_topic("orders", 1000);
    let producer = producer(&broker, options()).await;
    let mut sent = Vec::new();
    for number in 0..5000 {
        let record =
            numbered(number).with_partition(PartitionIndex(i32::try_from(number % 1000).unwrap()));
        sent.push(producer.queue(record).await.unwrap());
    }
    for (number, sent) in (0..).zip(sent) {
        assert_eq!(sent.delivery().await.unwrap().offset, Some(Offset(number / 1000)));
    }
    assert!(broker.produce_requests() < 50, "{}", broker.produce_requests());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_producer_fails_what_waits() {
    let broker = FakeBroker::with_topic("orders", 1);
    let options = ProducerOptions { linger: Duration::from_secs(60), ..options() };
    let producer = producer(&broker, options).await;
    let sent = producer.queue(numbered(0)).await.unwrap();
    drop(producer);
    assert!(matches!(sent.delivery().await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_record_is_told_whoever_else_gave_up_on_its_batch() {
    let broker = FakeBroker::with_topic("orders", 1);
    let producer = producer(&broker, options()).await;
    let dropped = producer.queue(numbered(0)).await.unwrap();
    let mut waiting = Vec::new();
    for number in 1..4 {
        let sent = producer.queue(numbered(number)).await.unwrap();
        waiting.push(tokio::spawn(sent.delivery()));
    }
    let given_up = producer.queue(numbered(4)).await.unwrap().delivery();
    assert!(timeout(Duration::ZERO, given_up).await.is_err());
    drop(dropped);
    for (number, waiting) in (1..).zip(waiting) {
        assert_eq!(waiting.await.unwrap().unwrap().offset, Some(Offset(number)));
    }
    assert_eq!(broker.values(&at(0)), numbers(0..5));
}

#[tokio::test(start_paused = true)]
async fn what_is_told_frees_its_room_though_nobody_asks() {
    let broker = FakeBroker::with_topic("orders", 1);
    let options = ProducerOptions { buffer_bytes: 500, batch_bytes: 200, ..options() };
    let producer = producer(&broker, options).await;
    let mut unasked = Vec::new();
    for number in 0..100 {
        unasked.push(producer.queue(numbered(number)).await.unwrap());
    }
    producer.flush().await;
    assert_eq!(producer.shared.room.available_permits(), 500);
    for (number, sent) in (0..).zip(unasked) {
        assert_eq!(sent.delivery().await.unwrap().offset, Some(Offset(number)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_producer_works_from_other_tasks() {
    let broker = FakeBroker::with_topic("orders", 4);
    let producer = Arc::new(producer(&broker, options()).await);
    let tasks: Vec<_> = (0..10)
        .map(|number| {
            let producer = producer.clone();
            tokio::spawn(async move {
                let record = ProducerRecord::new("orders", number.to_string());
                producer.send(record).await.unwrap().offset.unwrap()
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
