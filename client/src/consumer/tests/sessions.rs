//! Fetch sessions, against brokers of several ages.

use protocol::{ApiKey, api::fetch::FetchRequest};

use super::*;

/// How many partitions a request names, and how many it forgets.
fn named(request: &FetchRequest) -> (usize, usize) {
    let named = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let forgotten = request.forgotten_topics_data.iter();
    (named, forgotten.map(|topic| topic.partitions.len()).sum())
}

async fn reader_of_three(broker: &FakeBroker) -> Consumer {
    for partition in 0..3 {
        fill(broker, partition, 0..5);
    }
    let mut consumer = consumer(broker, OffsetReset::Earliest).await;
    consumer.assign((0..3).map(at));
    consumer
}

#[tokio::test(start_paused = true)]
async fn a_session_names_only_what_changed() {
    let broker = FakeBroker::with_topic("orders", 3);
    broker.open_fetch_sessions();
    let mut consumer = reader_of_three(&broker).await;
    assert_eq!(read(&mut consumer).await.len(), 15);
    read(&mut consumer).await;
    let requests = broker.take_fetch_requests();
    assert_eq!((requests[0].session_epoch, named(&requests[0])), (0, (3, 0)));
    assert_eq!(requests[1].session_epoch, 1);
    assert_eq!(named(requests.last().unwrap()), (0, 0));

    fill(&broker, 1, 5..7);
    assert_eq!(read(&mut consumer).await, [5, 6]);
    consumer.pause([&at(0)]).unwrap();
    read(&mut consumer).await;
    let requests = broker.take_fetch_requests();
    assert!(requests.iter().any(|request| named(request) == (1, 0)));
    assert!(requests.iter().any(|request| named(request) == (0, 1)));
    assert!(requests.iter().all(|request| request.session_epoch > 1));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_assigned_again_is_told_of_again() {
    let broker = FakeBroker::with_topic("orders", 3);
    broker.open_fetch_sessions();
    let mut consumer = reader_of_three(&broker).await;
    assert_eq!(read(&mut consumer).await.len(), 15);
    consumer.assign([at(0), at(1)]);
    consumer.assign((0..3).map(at));
    assert_eq!(consumer.high_watermark(&at(2)), None);
    consumer.seek(&at(2), Place::End).unwrap();
    assert!(consumer.poll(SOON).await.unwrap().is_empty());
    assert_eq!(consumer.high_watermark(&at(2)), Some(Offset(5)));
    assert_eq!(broker.fetch_sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_broker_forgot_is_replaced() {
    let broker = FakeBroker::with_topic("orders", 3);
    broker.open_fetch_sessions();
    let mut consumer = reader_of_three(&broker).await;
    assert_eq!(read(&mut consumer).await.len(), 15);
    broker.forget_fetch_sessions();
    fill(&broker, 2, 5..6);
    assert_eq!(read(&mut consumer).await, [5]);
    assert_eq!(broker.fetch_sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_costs_the_session_and_no_record() {
    let broker = FakeBroker::with_topic("orders", 3);
    broker.open_fetch_sessions();
    let mut consumer = reader_of_three(&broker).await;
    assert_eq!(read(&mut consumer).await.len(), 15);
    broker.set_down(true);
    assert!(consumer.poll(Duration::from_millis(60)).await.unwrap().is_empty());
    broker.set_down(false);
    fill(&broker, 0, 5..6);
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 1);
    assert_eq!(broker.fetch_sessions(), 1, "the new one took the place of the old one");
}

#[tokio::test(start_paused = true)]
async fn older_brokers_are_read_too() {
    // Without sessions; with sessions, but topics by name; with topics by id.
    for version in [4, 6, 7, 12, 13] {
        let broker = FakeBroker::with_topic("orders", 3);
        broker.open_fetch_sessions();
        broker.limit_version(ApiKey::Fetch, version);
        let mut consumer = reader_of_three(&broker).await;
        assert_eq!(read(&mut consumer).await.len(), 15);
        fill(&broker, 1, 5..7);
        assert_eq!(read(&mut consumer).await, [5, 6]);
        assert_eq!(broker.fetch_sessions(), usize::from(version >= 7));
    }
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_session() {
    let broker = FakeBroker::with_topic("orders", 3);
    broker.open_fetch_sessions();
    let mut consumer = reader_of_three(&broker).await;
    assert_eq!(read(&mut consumer).await.len(), 15);
    assert_eq!(broker.fetch_sessions(), 1);
    // A fetch is under way.
    consumer.poll(Duration::from_millis(1)).await.unwrap();
    consumer.close().await;
    assert_eq!(broker.fetch_sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn closing_takes_no_longer_than_it_may() {
    let broker = FakeBroker::with_topic("orders", 3);
    broker.open_fetch_sessions();
    let mut consumer = reader_of_three(&broker).await;
    assert_eq!(read(&mut consumer).await.len(), 15);
    broker.set_down(true);
    let begun = Instant::now();
    consumer.close().await;
    assert!(begun.elapsed() < SOON);
}
