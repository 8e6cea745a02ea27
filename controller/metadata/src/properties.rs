//! What holds after any sequence of requests: the properties M3, M4 and M6 of the metadata, who is
//! ever elected, and that snapshots and differences lose nothing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use protocol::{
    BrokerEpoch, BrokerId, DirectoryId, ErrorCode, PartitionEpoch, PartitionIndex, TopicId,
    TopicName,
    api::{
        allocate_producer_ids::AllocateProducerIdsRequest,
        alter_partition::{
            AlterPartitionPartition, AlterPartitionRequest, AlterPartitionTopic, BrokerState,
        },
        broker_registration::BrokerRegistrationRequest,
        create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::CreateTopicsRequest,
        delete_topics::DeleteTopicsRequest,
        elect_leaders::{ElectLeadersRequest, ElectLeadersTopic},
        incremental_alter_configs::{
            AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest, SET,
        },
    },
};

use crate::{
    BrokerRegistration, Change, ClusterImage, ConfigResource, Delta, FeatureUpdate,
    LeaderRecoveryState, MetadataVersion, Partition, Topic, UpgradeType,
    config::Overrides,
    test_cluster::{TestCluster, directory, topic},
};

const BROKERS: i32 = 4;
/// How many log directories a broker may have.
const DIRECTORIES: u8 = 3;
const TOPICS: [&str; 3] = ["a", "b.c", "b_c"];
const FIRST: PartitionIndex = PartitionIndex(0);

/// Something that happens to a cluster. Brokers and topics are drawn from few, so that requests
/// meet often, and often enough meet something that isn't there.
#[derive(Clone, Debug)]
enum Event {
    Restart {
        broker: i32,
        clean: bool,
        directories: Vec<u8>,
    },
    Heartbeat {
        broker: i32,
        want_fence: bool,
        want_shut_down: bool,
        stale: bool,
    },
    Fence(i32),
    /// A log directory fails, if the broker has it.
    Fail {
        broker: i32,
        directory: u8,
    },
    /// A replica of partition 0 is in this directory, which the broker may no longer have.
    Assign {
        broker: i32,
        topic: usize,
        directory: u8,
    },
    Unregister(i32),
    Create {
        topic: usize,
        partitions: i32,
        replication_factor: i16,
        validate_only: bool,
    },
    Grow {
        topic: usize,
        partitions: i32,
    },
    Delete(usize),
    MinInsync {
        topic: usize,
        min: i32,
    },
    Unclean {
        topic: usize,
        enable: bool,
    },
    /// Partition 0's leader wants these replicas in sync: a bit for each broker.
    Alter {
        topic: usize,
        members: u8,
        stale: bool,
        recovered: bool,
    },
    Elect {
        topic: usize,
        unclean: bool,
    },
    Balance,
    /// `metadata.version` goes up or down.
    Level(i16),
    ProducerIds(i32),
}

fn event() -> impl Strategy<Value = Event> {
    let broker = || 1..=BROKERS;
    let which = || 0..TOPICS.len();
    let directory = || 1..=DIRECTORIES;
    let directories = || {
        let numbers = (1..=DIRECTORIES).collect::<Vec<_>>();
        prop::sample::subsequence(numbers, 1..=usize::from(DIRECTORIES))
    };
    prop_oneof![
        3 => (broker(), any::<bool>(), directories()).prop_map(
            |(broker, clean, directories)| Event::Restart { broker, clean, directories }
        ),
        6 => (broker(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), any::<bool>())
            .prop_map(|(broker, want_fence, want_shut_down, stale)| Event::Heartbeat {
                broker, want_fence, want_shut_down, stale,
            }),
        3 => broker().prop_map(Event::Fence),
        1 => (broker(), directory())
            .prop_map(|(broker, directory)| Event::Fail { broker, directory }),
        4 => (broker(), which(), directory()).prop_map(
            |(broker, topic, directory)| Event::Assign { broker, topic, directory }
        ),
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
        6 => (which(), any::<u8>(), prop::bool::weighted(0.1), any::<bool>()).prop_map(
            |(topic, members, stale, recovered)| Event::Alter { topic, members, stale, recovered }
        ),
        2 => (which(), any::<bool>()).prop_map(|(topic, unclean)| Event::Elect { topic, unclean }),
        1 => Just(Event::Balance),
        1 => (1..3_i16).prop_map(Event::Level),
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
            Event::Restart { broker, clean, directories } => {
                let previous = if clean { cluster.epoch(broker) } else { BrokerEpoch(-1) };
                let log_dirs = directories.iter().map(|number| directory(broker, *number));
                let request = BrokerRegistrationRequest {
                    previous_broker_epoch: previous,
                    log_dirs: log_dirs.collect(),
                    ..cluster.registration(broker)
                };
                let response = cluster
                    .decide(|image, context| image.register_broker(&request, false, context));
                assert_eq!(response.error_code, ErrorCode::None, "its last session ended");
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
            Event::Fail { broker, directory: number } => {
                let failed = directory(broker, number);
                cluster.heartbeat(broker, |request| request.offline_log_dirs = vec![failed]);
            }
            Event::Assign { broker, topic, directory: number } => {
                assign(cluster, broker, TOPICS[topic], directory(broker, number));
            }
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
                cluster.decide(|image, _| image.create_partitions(&request));
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
            Event::Alter { topic, members, stale, recovered } => {
                alter(cluster, TOPICS[topic], members, stale, recovered);
            }
            Event::Elect { topic, unclean } => {
                let topic =
                    ElectLeadersTopic { topic: TOPICS[topic].into(), partitions: vec![FIRST] };
                let request = ElectLeadersRequest {
                    election_type: i8::from(unclean),
                    topic_partitions: Some(vec![topic]),
                    ..Default::default()
                };
                cluster.decide(|image, context| image.elect_leaders(&request, context.settings));
            }
            Event::Balance => {
                cluster.decide(|image, context| image.balance_leaders(context.settings));
            }
            Event::Level(level) => {
                let name = MetadataVersion::FEATURE.to_owned();
                let upgrade_type = if level < cluster.image.metadata_version().level() {
                    UpgradeType::UnsafeDowngrade
                } else {
                    UpgradeType::Upgrade
                };
                let update = FeatureUpdate { name, level, upgrade_type };
                cluster.decide(|image, _| image.finalise_features(&[update], false)).unwrap();
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

/// A broker says where its replica of partition 0 is.
fn assign(cluster: &mut TestCluster, broker: i32, name: &str, directory: DirectoryId) {
    let Some(topic) = cluster.image.topics().get(name) else { return };
    let places = BTreeMap::from([((topic.id, FIRST), directory)]);
    let (id, epoch) = (BrokerId(broker), cluster.epoch(broker));
    let answers = cluster
        .decide(|image, context| image.assign_directories(id, epoch, &places, context.settings));
    if answers == Ok(vec![ErrorCode::None]) {
        assert_eq!(cluster.partition(name, FIRST.0).directory(id), Some(directory));
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

/// Partition 0's leader asks for other in-sync replicas, by what holds now or, if stale, by what held
/// before the last change.
fn alter(cluster: &mut TestCluster, name: &str, members: u8, stale: bool, recovered: bool) {
    let Some(topic) = cluster.image.topics().get(name) else { return };
    let topic_id = topic.id;
    let partition = topic.partition(FIRST).expect("a topic has a partition").clone();
    let Some(leader) = partition.leader else { return };
    let is_member = |id: &BrokerId| *id == leader || members & (1 << id.0) != 0;
    let state = |id: &BrokerId| BrokerState { broker_id: *id, broker_epoch: cluster.epoch(id.0) };
    let was = i8::from(partition.leader_recovery_state);
    let wanted = AlterPartitionPartition {
        partition_index: FIRST,
        leader_epoch: partition.leader_epoch,
        partition_epoch: PartitionEpoch(partition.partition_epoch.0 - i32::from(stale)),
        leader_recovery_state: if recovered { 0 } else { was },
        new_isr_with_epochs: partition
            .replicas
            .iter()
            .filter(|id| is_member(id))
            .map(state)
            .collect(),
        ..Default::default()
    };
    let request = AlterPartitionRequest {
        broker_id: leader,
        broker_epoch: cluster.epoch(leader.0),
        topics: vec![AlterPartitionTopic { topic_id, partitions: vec![wanted] }],
    };
    let response =
        cluster.decide(|image, context| image.alter_partition(&request, 3, context.settings));
    let result = &response.topics[0].partitions[0];
    assert!(!stale || result.error_code == ErrorCode::InvalidUpdateVersion);
    if result.error_code.is_none() {
        let after = cluster.partition(name, FIRST.0);
        assert_eq!(
            (result.leader_epoch, result.partition_epoch, &result.isr),
            (after.leader_epoch, after.partition_epoch, &after.isr),
            "what's answered holds"
        );
    }
}

/// Nobody leads who may lack acknowledged records, unless that was allowed: by the topic's
/// configuration, by the event, or (KIP-966) because nobody can have more than the last leader.
fn check_elections(older: &ClusterImage, newer: &ClusterImage, event: &Event) {
    for topic in newer.topics().iter() {
        // A change of the configuration is felt at once.
        let key = "unclean.leader.election.enable";
        let configs = newer.configs().of(&ConfigResource::topic(topic.name.as_str()));
        let is_allowed = configs.get(key).is_some_and(|value| value == "true")
            || matches!(event, Event::Elect { unclean: true, .. });
        for (index, after) in topic.partitions() {
            let Some(before) = older.topics().partition(topic.id, index) else { continue };
            let Some(leader) = after.leader.filter(|_| after.leader_epoch > before.leader_epoch)
            else {
                continue;
            };
            let is_whole = before.isr.contains(&leader) || before.elr.contains(&leader);
            let nobody_has_more = before.isr.is_empty() && before.elr.is_empty();
            let led_last = before.last_known_elr.contains(&leader);
            assert!(
                is_whole || is_allowed || (nobody_has_more && led_last),
                "{event:?} elects {leader}: {before:?} {after:?}"
            );
            if !is_whole {
                let recovering = LeaderRecoveryState::Recovering;
                assert_eq!(after.leader_recovery_state, recovering, "{before:?} {after:?}");
                assert_eq!(after.isr, [leader], "{before:?} {after:?}");
            }
        }
    }
}

/// Whoever leads or is in sync is in a directory that works, as far as is known.
fn check_directories(image: &ClusterImage) {
    for (index, partition) in image.topics().iter().flat_map(Topic::partitions) {
        for id in &partition.isr {
            let directory = partition.directory(*id).expect("it's a replica");
            let broker = image.brokers().get(*id).expect("it's registered");
            assert!(broker.has_online(directory), "{index} is in sync nowhere: {partition:?}");
        }
    }
}

/// Epochs rise by one with each change, and the leader's with each change of the leader. What
/// follows from a replica's move to another directory is a change of its own.
fn check_epochs(older: &ClusterImage, newer: &ClusterImage) {
    for topic in newer.topics().iter() {
        for (index, after) in topic.partitions() {
            let Some(before) = older.topics().partition(topic.id, index) else { continue };
            let changes = after.partition_epoch.0 - before.partition_epoch.0;
            let elections = after.leader_epoch.0 - before.leader_epoch.0;
            let moves = i32::from(before.directories != after.directories);
            let others = i32::from(after_without_moves(before, after) != *before);
            assert_eq!(changes, moves + others, "one change at a time");
            assert_eq!(elections, i32::from(before.leader != after.leader), "{before:?} {after:?}");
        }
    }
}

/// A partition as it would be if no replica had moved.
fn after_without_moves(before: &Partition, after: &Partition) -> Partition {
    Partition {
        directories: before.directories.clone(),
        partition_epoch: before.partition_epoch,
        ..after.clone()
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
        checkpoint in 0_usize..80,
    ) {
        let mut cluster = TestCluster::of(BROKERS - 1);
        let mut seen = Seen::default();
        let mut checkpointed = cluster.image.clone();
        for (place, event) in events.into_iter().enumerate() {
            let before = cluster.image.clone();
            if place == checkpoint {
                checkpointed = before.clone();
            }
            seen.apply(&mut cluster, event.clone());
            cluster.check();
            check_directories(&cluster.image);
            check_epochs(&before, &cluster.image);
            check_elections(&before, &cluster.image, &event);
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
