use protocol::{Offset, PartitionIndex};

use super::*;
use crate::fake::FakeBroker;

#[tokio::test(start_paused = true)]
async fn topics_are_created_listed_described_and_deleted() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    let topics = ["orders", "trucks"].map(|name| NewTopic {
        name: name.into(),
        partition_count: Some(3),
        ..Default::default()
    });
    let results = admin.create_topics(&topics, false).await.unwrap();
    let code = |name: &str| results[&TopicName::from(name)].as_ref().err().and_then(Error::code);
    assert_eq!(code("orders"), Some(ErrorCode::TopicAlreadyExists));
    assert_eq!(code("trucks"), None);

    let names = admin.list_topics().await.unwrap().into_iter().map(|topic| topic.name.clone());
    assert_eq!(names.collect::<Vec<_>>(), ["orders".into(), "trucks".into()]);
    assert_eq!(admin.describe_topic(&"trucks".into()).await.unwrap().partitions.len(), 3);

    let both = ["trucks".into(), "nowhere".into()];
    let results = admin.delete_topics(&both).await.unwrap();
    assert!(results[&both[0]].is_ok());
    let error = results[&both[1]].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
    let error = admin.describe_topic(&"trucks".into()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_asked_of_the_leader() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    let partition = TopicPartition { topic: "orders".into(), partition: PartitionIndex(0) };
    for place in [Place::Beginning, Place::End, Place::At(Offset(0))] {
        let places = BTreeMap::from([(partition.clone(), place)]);
        let found = admin.list_offsets(&places, Isolation::default()).await.unwrap();
        assert_eq!(found[&partition].offset, Some(Offset(0)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_is_waited_for() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    broker.set_down(true);
    let back = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        broker.set_down(false);
    };
    let (topics, ()) = tokio::join!(admin.list_topics(), back);
    assert_eq!(topics.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_admin_works_from_other_tasks() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    let task = tokio::spawn(async move {
        let counts = BTreeMap::new();
        admin.describe_topic(&"orders".into()).await?;
        admin.create_topics(&[], true).await?;
        admin.list_offsets(&BTreeMap::new(), Isolation::default()).await?;
        if counts.is_empty() {
            Ok(())
        } else {
            admin.create_partitions(&counts, true).await.map(drop)
        }
    });
    task.await.unwrap().unwrap();
}
