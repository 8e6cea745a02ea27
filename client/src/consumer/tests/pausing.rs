//! Partitions that rest, and those that go on meanwhile.

use super::*;

#[tokio::test(start_paused = true)]
async fn nothing_of_a_paused_partition_is_handed_out() {
    let broker = FakeBroker::with_topic("orders", 2);
    fill(&broker, 0, 0..5);
    fill(&broker, 1, 0..5);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    consumer.assign([at(0), at(1)]);
    consumer.pause([&at(1)]).unwrap();
    assert_eq!(consumer.paused().collect::<Vec<_>>(), [&at(1)]);
    assert_eq!(read(&mut consumer).await.len(), 5);
    assert_eq!(consumer.position(&at(1)).await.unwrap(), Offset(0));
    consumer.resume([&at(1)]).unwrap();
    assert_eq!(consumer.paused().count(), 0);
    assert_eq!(read(&mut consumer).await.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_before_a_pause_is_not_fetched_again() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..20);
    let mut consumer = consumer(&broker, OffsetReset::Earliest).await;
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 7);
    consumer.pause([&at(0)]).unwrap();
    assert!(read(&mut consumer).await.is_empty());
    consumer.resume([&at(0)]).unwrap();
    assert_eq!(read(&mut consumer).await, Vec::from_iter(7..20));
    let requests = broker.take_fetch_requests();
    let mut partitions = requests.iter().flat_map(|r| &r.topics).flat_map(|t| &t.partitions);
    assert!(partitions.all(|partition| [0, 20].contains(&partition.fetch_offset.0)));
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_gives_its_memory_to_others() {
    let broker = FakeBroker::with_topic("orders", 2);
    for partition in 0..2 {
        for batch in 0..20 {
            fill(&broker, partition, batch * 10..batch * 10 + 10);
        }
    }
    let options = ConsumerOptions { read_ahead_bytes: 1000, ..options(OffsetReset::Earliest) };
    let mut consumer = Consumer::new(broker.cluster().await, options);
    consumer.assign([at(0)]);
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 7);
    sleep(AT_ONCE).await;
    consumer.assign([at(0), at(1)]);
    consumer.pause([&at(0)]).unwrap();
    assert_eq!(read(&mut consumer).await.len(), 200);
    consumer.resume([&at(0)]).unwrap();
    assert_eq!(read(&mut consumer).await, Vec::from_iter(7..200));
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_can_be_sent_elsewhere() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..10);
    let mut consumer = consumer(&broker, OffsetReset::None).await;
    consumer.pause([&at(0)]).unwrap();
    consumer.seek(&at(0), Place::Time(Timestamp(75))).unwrap();
    assert!(read(&mut consumer).await.is_empty());
    assert_eq!(consumer.position(&at(0)).await.unwrap(), Offset(8));
    consumer.resume([&at(0)]).unwrap();
    assert_eq!(read(&mut consumer).await, [8, 9]);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_assigned_can_be_paused() {
    let broker = FakeBroker::with_topic("orders", 1);
    let mut consumer = consumer(&broker, OffsetReset::None).await;
    let error = consumer.pause([&at(0), &at(1)]).unwrap_err();
    assert!(matches!(error, Error::NotAssigned { partition } if partition == at(1)));
    assert_eq!(consumer.paused().count(), 0, "all or none");
}
