//! A new leader has less than the old one: KIP-320.

use protocol::ApiKey;

use super::*;

async fn reader_of_ten(broker: &FakeBroker, reset: OffsetReset) -> Consumer {
    fill(broker, 0, 0..5);
    fill(broker, 0, 5..10);
    let mut consumer = consumer(broker, reset).await;
    consumer.seek(&at(0), Place::Beginning).unwrap();
    assert_eq!(read(&mut consumer).await, Vec::from_iter(0..10));
    consumer
}

#[tokio::test(start_paused = true)]
async fn an_election_without_loss_is_checked_once_and_goes_unnoticed() {
    let broker = FakeBroker::with_topic("orders", 1);
    let mut consumer = reader_of_ten(&broker, OffsetReset::None).await;
    broker.elect(&at(0), 10);
    fill(&broker, 0, 10..12);
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 2);
    assert_eq!(broker.epoch_requests(), 1);
    broker.elect(&at(0), 12);
    fill(&broker, 0, 12..14);
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 2);
    assert_eq!(broker.epoch_requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_appended_nothing_leaves_no_trace() {
    let broker = FakeBroker::with_topic("orders", 1);
    let mut consumer = reader_of_ten(&broker, OffsetReset::None).await;
    broker.elect(&at(0), 10);
    assert!(read(&mut consumer).await.is_empty());
    // The end, as the leader of epoch 4 knows it.
    consumer.seek(&at(0), Place::End).unwrap();
    assert!(read(&mut consumer).await.is_empty());
    broker.elect(&at(0), 10);
    assert!(consumer.poll(SOON).await.unwrap().is_empty());
    fill(&broker, 0, 10..12);
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 2);
}

/// The leader is asked where the epoch ended, or where it doesn't tell consumers, answers so to
/// the next fetch.
#[tokio::test(start_paused = true)]
async fn with_a_reset_policy_reading_goes_on_where_the_logs_part() {
    for version in [4, 2] {
        let broker = FakeBroker::with_topic("orders", 1);
        broker.limit_version(ApiKey::OffsetForLeaderEpoch, version);
        let mut consumer = reader_of_ten(&broker, OffsetReset::Latest).await;
        broker.elect(&at(0), 5);
        fill(&broker, 0, 5..12);
        assert_eq!(read(&mut consumer).await, Vec::from_iter(5..12));
        assert_eq!(broker.epoch_requests() > 0, version == 4);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_reset_policy_a_truncation_is_told_until_somebody_seeks() {
    for version in [4, 2] {
        let broker = FakeBroker::with_topic("orders", 1);
        broker.limit_version(ApiKey::OffsetForLeaderEpoch, version);
        let mut consumer = reader_of_ten(&broker, OffsetReset::None).await;
        broker.elect(&at(0), 5);
        fill(&broker, 0, 5..12);
        for _ in 0..2 {
            let error = consumer.poll(SOON).await.unwrap_err();
            let Error::LogTruncated { partition, offset, leader_epoch, diverging } = &error else {
                panic!("{error}");
            };
            assert_eq!((partition, *offset, *leader_epoch), (&at(0), Offset(10), LeaderEpoch(3)));
            assert_eq!(*diverging, Some((LeaderEpoch(3), Offset(5))));
            assert!(!error.is_retriable());
        }
        consumer.seek(&at(0), Place::At(Offset(5))).unwrap();
        assert_eq!(read(&mut consumer).await, Vec::from_iter(5..12));
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_lost_everything_is_read_as_the_policy_says() {
    let broker = FakeBroker::with_topic("orders", 1);
    let mut consumer = reader_of_ten(&broker, OffsetReset::Earliest).await;
    broker.elect(&at(0), 0);
    fill(&broker, 0, 0..3);
    assert_eq!(read(&mut consumer).await, [0, 1, 2]);

    let broker = FakeBroker::with_topic("orders", 1);
    let mut consumer = reader_of_ten(&broker, OffsetReset::None).await;
    broker.elect(&at(0), 0);
    let error = consumer.poll(SOON).await.unwrap_err();
    assert!(matches!(error, Error::LogTruncated { diverging: None, .. }));
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_before_anybody_saw_it_is_no_truncation() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..10);
    fill(&broker, 0, 10..20);
    let mut consumer = consumer(&broker, OffsetReset::None).await;
    consumer.seek(&at(0), Place::Beginning).unwrap();
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 7);
    consumer.pause([&at(0)]).unwrap();
    broker.elect(&at(0), 10);
    fill(&broker, 0, 10..11);
    assert!(consumer.poll(Duration::from_millis(200)).await.unwrap().is_empty());
    assert_eq!(broker.epoch_requests(), 2, "of what was fetched, then of what was handed out");
    consumer.resume([&at(0)]).unwrap();
    assert_eq!(read(&mut consumer).await, [7, 8, 9, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_position_from_elsewhere_is_checked_by_its_epoch() {
    let broker = FakeBroker::with_topic("orders", 1);
    fill(&broker, 0, 0..5);
    broker.elect(&at(0), 5);
    fill(&broker, 0, 5..10);
    let mut consumer = consumer(&broker, OffsetReset::None).await;
    consumer.seek_behind(&at(0), Offset(7), LeaderEpoch(4)).unwrap();
    assert_eq!(read(&mut consumer).await, [7, 8, 9]);
    consumer.seek_behind(&at(0), Offset(7), LeaderEpoch(3)).unwrap();
    let error = consumer.poll(SOON).await.unwrap_err();
    let Error::LogTruncated { diverging, .. } = error else { panic!("{error}") };
    assert_eq!(diverging, Some((LeaderEpoch(3), Offset(5))));
}
