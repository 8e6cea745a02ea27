use protocol::{BrokerId, Offset, PartitionIndex, TopicName, TopicPartition, Uuid};

use super::*;
use crate::{
    fake::FakeBroker,
    offsets::{Isolation, Place},
};

#[tokio::test(start_paused = true)]
async fn topics_are_created_listed_described_and_deleted() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    let topics = ["orders", "trucks"].map(|name| NewTopic::new(name).partitions(3));
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
async fn a_topic_is_placed_where_its_assignments_say() {
    let broker = FakeBroker::default();
    let admin = Admin::new(broker.cluster().await);
    let assignments = [vec![BrokerId(2), BrokerId(1)], vec![BrokerId(1), BrokerId(3)]];
    let topic = NewTopic::new("orders").assignments(assignments.clone());
    let results = admin.create_topics(&[topic], false).await.unwrap();
    assert!(results.values().all(Result::is_ok));
    let described = admin.describe_topic(&"orders".into()).await.unwrap();
    let replicas = described.partitions.values().map(|partition| partition.replicas.clone());
    assert_eq!(replicas.collect::<Vec<_>>(), assignments);
}

#[tokio::test(start_paused = true)]
async fn each_topic_is_described_or_said_to_be_missing() {
    let broker = FakeBroker::with_topic("orders", 2);
    let admin = Admin::new(broker.cluster().await);
    let both = ["orders".into(), "nowhere".into()];
    let topics = admin.describe_topics(&both).await.unwrap();
    assert_eq!(topics[&both[0]].as_ref().unwrap().partitions.len(), 2);
    let error = topics[&both[1]].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(error.to_string(), "topic nowhere: UNKNOWN_TOPIC_OR_PARTITION");
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_deleted_by_the_id_that_it_has() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    let id = admin.describe_topic(&"orders".into()).await.unwrap().id.unwrap();
    let other = Uuid([9; 16]);
    let results = admin.delete_topics_by_id(&[id, other]).await.unwrap();
    assert!(results[&id].is_ok());
    let error = results[&other].as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicId));
    assert!(admin.list_topics().await.unwrap().is_empty());

    broker.limit_version(protocol::ApiKey::DeleteTopics, 5);
    let admin = Admin::new(broker.cluster().await);
    let error = admin.delete_topics_by_id(&[other]).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn topics_grow_where_it_is_said_and_only_when_it_is_meant() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    let name = TopicName::from("orders");
    let grow = async |wanted: NewPartitions, validate_only| {
        let wanted = BTreeMap::from([(name.clone(), wanted)]);
        let mut results = admin.create_partitions(&wanted, validate_only).await.unwrap();
        let count = admin.describe_topic(&name).await.unwrap().partitions.len();
        (results.remove(&name).unwrap().map_err(|error| error.code().unwrap()), count)
    };
    assert_eq!(grow(3.into(), true).await, (Ok(()), 1));
    assert_eq!(grow(3.into(), false).await, (Ok(()), 3));
    assert_eq!(grow(2.into(), false).await, (Err(ErrorCode::InvalidPartitions), 3));
    let here = vec![BrokerId(1)];
    let placed = NewPartitions { count: 5, assignments: Some(vec![here.clone()]) };
    assert_eq!(grow(placed, false).await, (Err(ErrorCode::InvalidReplicaAssignment), 3));
    let placed = NewPartitions { count: 5, assignments: Some(vec![here.clone(), here]) };
    assert_eq!(grow(placed, false).await, (Ok(()), 5));
}

#[tokio::test(start_paused = true)]
async fn configurations_are_changed_and_described_each_on_its_own() {
    let broker = FakeBroker::with_topic("orders", 1);
    let admin = Admin::new(broker.cluster().await);
    let [orders, nowhere] = ["orders", "nowhere"].map(|name| ConfigResource::Topic(name.into()));
    let all = [orders, nowhere, ConfigResource::Broker(BrokerId(1)), ConfigResource::EveryBroker];
    let changes = [
        vec![ConfigChange::set("a", "1"), ConfigChange::append("b", "x")],
        vec![ConfigChange::set("a", "1")],
        vec![ConfigChange::subtract("a", "y"), ConfigChange::set("b", "gone")],
        Vec::new(),
    ];
    let changes: BTreeMap<_, _> = all.iter().cloned().zip(changes).collect();
    for validate_only in [true, false] {
        let results = admin.incremental_alter_configs(&changes, validate_only).await.unwrap();
        let codes = all.each_ref().map(|it| results[it].as_ref().err().and_then(Error::code));
        assert_eq!(codes, [None, Some(ErrorCode::UnknownTopicOrPartition), None, None]);
    }
    let gone = vec![ConfigChange::delete("b")];
    let changes = BTreeMap::from([(all[2].clone(), gone)]);
    admin.incremental_alter_configs(&changes, false).await.unwrap();

    let described = admin.describe_resources(&all).await.unwrap();
    let values = all.each_ref().map(|resource| {
        let configs = described[resource].as_ref().ok()?.iter();
        Some(configs.map(|c| (c.name.as_str(), c.value.as_deref().unwrap())).collect::<Vec<_>>())
    });
    let orders = vec![("a", "0 1"), ("b", "2 x")];
    assert_eq!(values, [Some(orders), None, Some(vec![("a", "3 y")]), Some(vec![])]);
    let error = admin.describe_configs(&all[1]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
}

#[tokio::test(start_paused = true)]
async fn the_cluster_tells_its_id_and_brokers() {
    let broker = FakeBroker::with_topic("orders", 1);
    let cluster = Admin::new(broker.cluster().await).describe_cluster().await.unwrap();
    assert_eq!((cluster.cluster_id.as_str(), cluster.brokers.len()), ("fake", 1));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_asked_of_the_leader() {
    let broker = FakeBroker::with_topic("orders", 3);
    let admin = Admin::new(broker.cluster().await);
    let at = |partition| TopicPartition { topic: "orders".into(), partition };
    let places = [Place::Beginning, Place::End, Place::At(Offset(7))];
    let places: BTreeMap<_, _> = (0..).map(PartitionIndex).map(at).zip(places).collect();
    let found = admin.list_offsets(&places, Isolation::default()).await.unwrap();
    let offsets: Vec<_> = found.values().map(|found| found.offset.unwrap().0).collect();
    assert_eq!(offsets, [0, 0, 7]);
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
        let counts = BTreeMap::<TopicName, i32>::new();
        let configs = BTreeMap::from([(ConfigResource::EveryBroker, Vec::new())]);
        admin.incremental_alter_configs(&configs, true).await?;
        admin.describe_configs(&ConfigResource::EveryBroker).await?;
        admin.delete_topics(&[]).await?;
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

#[tokio::test(start_paused = true)]
async fn elections_are_answered_one_by_one() {
    let broker = FakeBroker::with_topic("orders", 2);
    let admin = Admin::new(broker.cluster().await);
    let at = |partition| TopicPartition { topic: "orders".into(), partition };
    let both = [at(PartitionIndex(0)), at(PartitionIndex(1))];
    let codes = async |election| {
        let results = admin.elect_leaders(election, Some(&both)).await.unwrap();
        both.each_ref().map(|at| results[at].as_ref().err().and_then(Error::code))
    };
    let not_needed = Some(ErrorCode::ElectionNotNeeded);
    assert_eq!(codes(Election::Preferred).await, [not_needed, None]);
    let not_available = Some(ErrorCode::EligibleLeadersNotAvailable);
    assert_eq!(codes(Election::Unclean).await, [not_available; 2]);
    assert!(admin.elect_leaders(Election::Preferred, None).await.unwrap().is_empty());

    // The first version knows preferred leaders only.
    broker.limit_version(protocol::ApiKey::ElectLeaders, 0);
    let admin = Admin::new(broker.cluster().await);
    assert!(admin.elect_leaders(Election::Preferred, Some(&both)).await.is_ok());
    let error = admin.elect_leaders(Election::Unclean, Some(&both)).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn features_are_checked_before_they_are_changed() {
    let broker = FakeBroker::default();
    let admin = Admin::new(broker.cluster().await);
    let levels = |level| BTreeMap::from([("metadata.version".to_owned(), level)]);
    admin.update_features(&levels(NewLevel::Upgrade(2)), true).await.unwrap();
    let error =
        admin.update_features(&levels(NewLevel::SafeDowngrade(1)), false).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidUpdateVersion));

    // The first version would change what it's asked to check.
    broker.limit_version(protocol::ApiKey::UpdateFeatures, 0);
    let admin = Admin::new(broker.cluster().await);
    admin.update_features(&levels(NewLevel::Upgrade(2)), false).await.unwrap();
    let error = admin.update_features(&levels(NewLevel::Upgrade(2)), true).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_quorum_says_who_leads_and_who_lags() {
    let broker = FakeBroker::default();
    let quorum = Admin::new(broker.cluster().await).describe_quorum().await.unwrap();
    assert_eq!(
        (quorum.leader, quorum.leader_epoch.0, quorum.high_watermark.0),
        (BrokerId(1), 7, 9)
    );
    let lags: Vec<_> = quorum.voters.iter().map(|voter| quorum.lag(voter)).collect();
    assert_eq!(lags, [Some(0), Some(2), None]);
}
