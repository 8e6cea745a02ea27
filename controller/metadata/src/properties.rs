//! What holds after any sequence of requests: the properties M3, M4 and M6 of the metadata, and
//! that snapshots and differences lose nothing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use protocol::{
    BrokerEpoch, BrokerId, PartitionIndex, TopicId, TopicName,
    api::{
        allocate_producer_ids::AllocateProducerIdsRequest,
        create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::CreateTopicsRequest,
        delete_topics::DeleteTopicsRequest,
        incremental_alter_configs::{
            AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest, SET,
        },
    },
};

use crate::{
    BrokerRegistration, Change, ClusterImage, ConfigResource, Delta, Partition,
    config::Overrides,
    test_cluster::{TestCluster, topic},
};

const BROKERS: i32 = 4;
const TOPICS: [&str; 3] = ["a", "b.c", "b_c"];

/// Something that happens to a cluster. Brokers and topics are drawn from few, so that requests
/// meet often, and often enough meet something that isn't there.
#[derive(Clone, Debug)]
enum Event {
    Restart { broker: i32, clean: bool },
    Heartbeat { broker: i32, want_fence: bool, want_shut_down: bool, stale: bool },
    Fence(i32),
    Unregister(i32),
    Create { topic: usize, partitions: i32, replication_factor: i16, validate_only: bool },
    Grow { topic: usize, partitions: i32 },
    Delete(usize),
    MinInsync { topic: usize, min: i32 },
    Unclean { topic: usize, enable: bool },
    ProducerIds(i32),
}

fn event() -> impl Strategy<Value = Event> {
    let broker = || 1..=BROKERS;
    let which = || 0..TOPICS.len();
    prop_oneof![
        3 => (broker(), any::<bool>()).prop_map(|(broker, clean)| Event::Restart { broker, clean }),
        6 => (broker(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), any::<bool>())
            .prop_map(|(broker, want_fence, want_shut_down, stale)| Event::Heartbeat {
                broker, want_fence, want_shut_down, stale,
            }),
        3 => broker().prop_map(Event::Fence),
        1 => broker().prop_map(Event::Unregister),
        3 => (which(), -1..5_i32, -1..5_i16, prop::bool::weighted(0.2)).prop_map(
            |(topic, partitions, replication_factor, validate_only)| Event::Create {
                topic, partitions, replication_factor, validate_only,
            }
        ),
        1 => (which(), 0..8_i32).prop_map(|(topic, partitions)| Event::Grow { topic, partitions }),
        1 => which().prop_map(Event::Delete),
        1 => (which(), 0..4_i32).prop_map(|(topic, min)| Event::MinInsync { topic, min }),
        1 => (which(), any::<bool>()).prop_map(|(topic, enable)| Event::Unclean { topic, enable }),
        1 => broker().prop_map(Event::ProducerIds),
    ]
}

/// What was seen over a whole run.
#[derive(Default)]
struct Seen {
    epochs: BTreeSet<BrokerEpoch>,
    dead_topics: BTreeSet<TopicId>,
    blocks: BTreeSet<i64>,
}

impl Seen {
    fn apply(&mut self, cluster: &mut TestCluster, event: Event) {
        match event {
            Event::Restart { broker, clean } => {
                let previous = if clean { cluster.epoch(broker) } else { BrokerEpoch(-1) };
                cluster.register(broker, previous).expect("its last session ended");
                assert!(self.epochs.insert(cluster.epoch(broker)), "an epoch is given out once");
                assert_eq!(self.epochs.last(), Some(&cluster.epoch(broker)), "epochs only grow");
            }
            Event::Heartbeat { broker, want_fence, want_shut_down, stale } => {
                cluster.heartbeat(broker, |request| {
                    request.want_fence = want_fence;
                    request.want_shut_down = want_shut_down;
                    if stale {
                        request.current_metadata_offset.0 -= 3;
                    }
                });
            }
            Event::Fence(broker) => cluster.fence(broker),
            Event::Unregister(broker) => {
                let _ = cluster.decide(|image, context| {
                    image.unregister_broker(BrokerId(broker), context.settings)
                });
            }
            Event::Create { topic: which, partitions, replication_factor, validate_only } => {
                let topics = vec![topic(TOPICS[which], partitions, replication_factor, &[])];
                let request = CreateTopicsRequest { topics, validate_only, ..Default::default() };
                cluster.decide(|image, context| {
                    let decision = image.create_topics(&request, context);
                    assert!(!validate_only || decision.records.is_empty());
                    decision
                });
            }
            Event::Grow { topic, partitions } => {
                let name = TOPICS[topic].into();
                let topics =
                    vec![CreatePartitionsTopic { name, count: partitions, assignments: None }];
                let request = CreatePartitionsRequest { topics, ..Default::default() };
                cluster.decide(|image, context| image.create_partitions(&request, context));
            }
            Event::Delete(topic) => {
                self.dead_topics
                    .extend(cluster.image.topics().get(TOPICS[topic]).map(|topic| topic.id));
                let topic_names = vec![TOPICS[topic].into()];
                let request = DeleteTopicsRequest { topic_names, ..Default::default() };
                cluster.decide(|image, context| image.delete_topics(&request, context.settings));
            }
            Event::MinInsync { topic, min } => {
                set(cluster, topic, "min.insync.replicas", min.to_string());
            }
            Event::Unclean { topic, enable } => {
                set(cluster, topic, "unclean.leader.election.enable", enable.to_string());
            }
            Event::ProducerIds(broker) => {
                let request = AllocateProducerIdsRequest {
                    broker_id: BrokerId(broker),
                    broker_epoch: cluster.epoch(broker),
                };
                let block = cluster.decide(|image, _| image.allocate_producer_ids(&request));
                if block.error_code.is_none() {
                    let ids = (0..i64::from(block.producer_id_len))
                        .map(|id| block.producer_id_start.0 + id);
                    ids.for_each(|id| assert!(self.blocks.insert(id), "blocks are disjoint"));
                }
            }
        }
        let topics = cluster.image.topics();
        for id in &self.dead_topics {
            assert_eq!(topics.by_id(*id), None, "a topic id is never used again");
        }
    }
}

fn set(cluster: &mut TestCluster, topic: usize, key: &str, value: String) {
    let change =
        AlterableConfig { name: key.to_owned(), config_operation: SET, value: Some(value) };
    let resource = AlterConfigsResource {
        resource_type: 2,
        resource_name: TOPICS[topic].to_owned(),
        configs: vec![change],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    cluster.decide(|image, context| image.incremental_alter_configs(&request, context.settings));
}

/// Epochs rise by one with each change, and the leader's with each change of the leader.
fn check_epochs(older: &ClusterImage, newer: &ClusterImage) {
    for topic in newer.topics().iter() {
        for (index, after) in topic.partitions() {
            let Some(before) = older.topics().partition(topic.id, index) else { continue };
            let changes = after.partition_epoch.0 - before.partition_epoch.0;
            let elections = after.leader_epoch.0 - before.leader_epoch.0;
            assert_eq!(changes, i32::from(before != after), "one change at a time");
            assert_eq!(elections, i32::from(before.leader != after.leader), "{before:?} {after:?}");
        }
    }
}

/// All that an image says, without its structure.
#[derive(Debug, PartialEq)]
struct Plain {
    brokers: BTreeMap<BrokerId, BrokerRegistration>,
    topics: BTreeMap<TopicId, (TopicName, BTreeMap<PartitionIndex, Partition>)>,
    configs: BTreeMap<ConfigResource, Overrides>,
}

impl Plain {
    fn of(image: &ClusterImage) -> Self {
        let topics = image.topics().iter().map(|topic| {
            let partitions = topic.partitions().map(|(index, p)| (index, p.clone())).collect();
            (topic.id, (topic.name.clone(), partitions))
        });
        let configs = image.configs();
        Self {
            brokers: image.brokers().iter().map(|broker| (broker.id, broker.clone())).collect(),
            topics: topics.collect(),
            configs: configs.resources().map(|r| (r.clone(), configs.of(r).clone())).collect(),
        }
    }

    fn apply(&mut self, delta: Delta) {
        for (id, change) in delta.brokers {
            match change {
                Change::Set(broker) => drop(self.brokers.insert(id, (*broker).clone())),
                Change::Removed => drop(self.brokers.remove(&id)),
            }
        }
        for id in delta.removed_topics.keys() {
            self.topics.remove(id).expect("it was there");
        }
        for (id, change) in delta.topics {
            let topic = self.topics.entry(id);
            let (_, partitions) =
                topic.or_insert_with(|| (change.topic.name.clone(), BTreeMap::new()));
            for (index, change) in change.partitions {
                let before = partitions.insert(index, (*change.newer).clone());
                assert_eq!(before.as_ref(), change.older.as_deref());
            }
        }
        for (resource, values) in delta.configs {
            if values.is_empty() {
                self.configs.remove(&resource);
            } else {
                self.configs.insert(resource, values);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_the_metadata_makes_sense(
        events in proptest::collection::vec(event(), 1..80),
        start in any::<u32>(),
        checkpoint in 0_usize..80,
    ) {
        let mut cluster = TestCluster::of(BROKERS - 1);
        cluster.placement_start = start;
        let mut seen = Seen::default();
        let mut checkpointed = cluster.image.clone();
        for (place, event) in events.into_iter().enumerate() {
            let before = cluster.image.clone();
            if place == checkpoint {
                checkpointed = before.clone();
            }
            seen.apply(&mut cluster, event);
            cluster.check();
            check_epochs(&before, &cluster.image);
        }

        let mut rebuilt = ClusterImage::default();
        cluster.image.to_records().iter().for_each(|record| rebuilt.replay(record));
        prop_assert_eq!(&rebuilt, &cluster.image);
        prop_assert_eq!(rebuilt.digest(), cluster.image.digest());

        // A snapshot's image shares no memory with the older one, and differs by the same.
        let delta = checkpointed.delta(&cluster.image);
        prop_assert_eq!(&delta, &checkpointed.delta(&rebuilt));
        let mut plain = Plain::of(&checkpointed);
        plain.apply(delta);
        prop_assert_eq!(plain, Plain::of(&cluster.image));
    }
}
