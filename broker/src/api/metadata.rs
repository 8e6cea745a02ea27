//! Metadata: brokers, topics, and who leads each partition, from one image of the cluster.

use std::{collections::BTreeSet, sync::Arc};

use ::metadata::{ClusterImage, Partition, Topic};
use protocol::{
    BrokerId, ErrorCode, PartitionIndex, TopicId, TopicName,
    api::metadata::{
        MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
        MetadataResponseTopic,
    },
};

use crate::{
    auto_creation,
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

/// The first version that can ask for a topic by its id alone.
const BY_ID_FROM: i16 = 12;

/// The first version that knows LISTENER_NOT_FOUND.
const LISTENER_NOT_FOUND_FROM: i16 = 6;

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: MetadataRequest,
) -> MetadataResponse {
    let wanted = Wanted::new(&request, context.api_version);
    if let Wanted::Named(names) = &wanted
        && request.allow_auto_topic_creation
        && broker.config.auto_create_topics_enable
    {
        auto_creation::create_missing(&broker, &context, names).await;
    }
    let image = broker.image.load();
    let view = View { broker: &broker, context: &context, image: &image, request: &request };
    let brokers = view.brokers();
    MetadataResponse {
        cluster_id: Some(broker.cluster_id.clone()),
        controller_id: one_for_the_controller(&broker, brokers.iter().map(|b| b.node_id)),
        brokers,
        topics: view.topics(wanted),
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            false => i32::MIN,
            true if !broker.authorize(&context, Operation::Describe, Resource::Cluster) => 0,
            true => broker.authorized_operations(&context, Resource::Cluster),
        },
        ..MetadataResponse::default()
    }
}

/// Which broker clients are told to be the controller: the active one, if it's a live broker. Each
/// forwards to it, so otherwise any that is live will do; -1 where none is.
pub(super) fn one_for_the_controller(
    broker: &Broker,
    live: impl Iterator<Item = BrokerId> + Clone,
) -> BrokerId {
    preferred([broker.active_controller.leader(), Some(broker.id())], live)
}

fn preferred(
    wanted: [Option<BrokerId>; 2],
    mut live: impl Iterator<Item = BrokerId> + Clone,
) -> BrokerId {
    let is_live = |id: &BrokerId| live.clone().any(|live| live == *id);
    let wanted = wanted.into_iter().flatten().find(is_live);
    wanted.or_else(|| live.next()).unwrap_or(BrokerId(-1))
}

/// What a request asks for, nothing twice.
enum Wanted {
    All,
    Named(Vec<TopicName>),
    ById(Vec<TopicId>),
    /// Ids in a version that can't ask by them, or neither id nor name.
    Invalid(Vec<TopicId>),
}

impl Wanted {
    fn new(request: &MetadataRequest, version: i16) -> Self {
        let Some(topics) = &request.topics else { return Self::All };
        if version == 0 && topics.is_empty() {
            return Self::All;
        }
        let names = once(topics.iter().filter_map(|topic| topic.name.clone()));
        if topics.iter().all(|topic| topic.name.is_some()) {
            return Self::Named(names);
        }
        let ids = once(topics.iter().map(|topic| topic.topic_id));
        if version >= BY_ID_FROM && names.is_empty() { Self::ById(ids) } else { Self::Invalid(ids) }
    }
}

/// Each item where it comes first.
fn once<T: Ord + Clone>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}

struct View<'a> {
    broker: &'a Broker,
    context: &'a RequestContext,
    image: &'a ClusterImage,
    request: &'a MetadataRequest,
}

impl View<'_> {
    fn brokers(&self) -> Vec<MetadataResponseBroker> {
        let listener = &self.context.connection.listener;
        self.image
            .brokers()
            .unfenced()
            .filter_map(|registration| {
                let endpoint = registration.endpoint(listener)?;
                Some(MetadataResponseBroker {
                    node_id: registration.id,
                    host: endpoint.host.clone(),
                    port: i32::from(endpoint.port),
                    rack: registration.rack.clone(),
                })
            })
            .collect()
    }

    fn topics(&self, wanted: Wanted) -> Vec<MetadataResponseTopic> {
        match wanted {
            Wanted::All => {
                let topics = self.image.topics().iter();
                topics
                    .filter(|topic| self.may_describe(&topic.name))
                    .map(|t| self.topic(t))
                    .collect()
            }
            Wanted::Named(names) => names.into_iter().map(|name| self.named(name)).collect(),
            Wanted::ById(ids) => ids.into_iter().map(|id| self.by_id(id)).collect(),
            Wanted::Invalid(ids) => ids
                .into_iter()
                .map(|topic_id| MetadataResponseTopic {
                    error_code: ErrorCode::InvalidRequest,
                    name: Some(TopicName::default()),
                    topic_id,
                    ..MetadataResponseTopic::default()
                })
                .collect(),
        }
    }

    fn named(&self, name: TopicName) -> MetadataResponseTopic {
        let error_code = if !self.may_describe(&name) {
            ErrorCode::TopicAuthorizationFailed
        } else if let Some(topic) = self.image.topics().get(name.as_str()) {
            return self.topic(topic);
        } else if ::metadata::validate_topic_name(name.as_str()).is_err() {
            ErrorCode::InvalidTopicException
        } else {
            ErrorCode::UnknownTopicOrPartition
        };
        MetadataResponseTopic { error_code, name: Some(name), ..MetadataResponseTopic::default() }
    }

    fn by_id(&self, topic_id: TopicId) -> MetadataResponseTopic {
        match self.image.topics().by_id(topic_id) {
            Some(topic) if self.may_describe(&topic.name) => self.topic(topic),
            // Whoever may not describe it doesn't learn its name.
            found => MetadataResponseTopic {
                error_code: if found.is_some() {
                    ErrorCode::TopicAuthorizationFailed
                } else {
                    ErrorCode::UnknownTopicId
                },
                topic_id,
                ..MetadataResponseTopic::default()
            },
        }
    }

    fn topic(&self, topic: &Topic) -> MetadataResponseTopic {
        let operations = if self.request.include_topic_authorized_operations {
            self.broker.authorized_operations(self.context, Resource::Topic(&topic.name))
        } else {
            i32::MIN
        };
        MetadataResponseTopic {
            error_code: ErrorCode::None,
            name: Some(topic.name.clone()),
            topic_id: topic.id,
            is_internal: is_internal(&topic.name),
            partitions: topic.partitions().map(|(index, p)| self.partition(index, p)).collect(),
            topic_authorized_operations: operations,
        }
    }

    fn partition(&self, index: PartitionIndex, partition: &Partition) -> MetadataResponsePartition {
        let brokers = self.image.brokers();
        let leader = self.leader(partition);
        let is_offline = |replica: &BrokerId| {
            let directory = partition.directory(*replica).unwrap_or_default();
            brokers.get(*replica).is_none_or(|b| b.fenced || !b.has_online(directory))
        };
        MetadataResponsePartition {
            error_code: leader.err().unwrap_or(ErrorCode::None),
            partition_index: index,
            leader_id: leader.unwrap_or(BrokerId(-1)),
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            offline_replicas: partition.replicas.iter().copied().filter(is_offline).collect(),
        }
    }

    /// The leader, if this client can reach it.
    fn leader(&self, partition: &Partition) -> Result<BrokerId, ErrorCode> {
        let leader = partition.leader.and_then(|leader| self.image.brokers().get(leader));
        match leader.filter(|leader| !leader.fenced) {
            None => Err(ErrorCode::LeaderNotAvailable),
            Some(leader) if leader.endpoint(&self.context.connection.listener).is_some() => {
                Ok(leader.id)
            }
            Some(_) if self.context.api_version >= LISTENER_NOT_FOUND_FROM => {
                Err(ErrorCode::ListenerNotFound)
            }
            Some(_) => Err(ErrorCode::LeaderNotAvailable),
        }
    }

    fn may_describe(&self, topic: &TopicName) -> bool {
        self.broker.authorize(self.context, Operation::Describe, Resource::Topic(topic))
    }
}

/// The topics that belong to the brokers themselves.
fn is_internal(topic: &TopicName) -> bool {
    matches!(topic.as_str(), "__consumer_offsets" | "__transaction_state")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_twice_comes_once_and_in_its_place() {
        assert_eq!(once([3, 1, 3, 2, 1].into_iter()), [3, 1, 2]);
    }

    #[test]
    fn the_controller_that_clients_are_told_is_a_live_broker() {
        let told = |active: Option<i32>, own, live: &[i32]| {
            let wanted = [active.map(BrokerId), Some(BrokerId(own))];
            preferred(wanted, live.iter().copied().map(BrokerId)).0
        };
        assert_eq!(told(Some(1), 2, &[1, 2]), 1);
        assert_eq!(told(Some(100), 2, &[1, 2]), 2);
        assert_eq!(told(None, 3, &[1, 2]), 1);
        assert_eq!(told(None, 3, &[]), -1);
    }
}
