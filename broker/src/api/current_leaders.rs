//! Who leads a partition that a client asked the wrong broker for (KIP-951): told with the error, it
//! saves the client a Metadata request.

use std::collections::BTreeMap;

use ::metadata::{BrokerRegistration, ClusterImage, record::BrokerEndpoint};
use protocol::{BrokerId, ErrorCode, LeaderEpoch, PartitionIndex, TopicId, TopicName};

/// The leaders that one response names.
pub(super) struct CurrentLeaders<'a> {
    image: &'a ClusterImage,
    listener: &'a str,
    named: BTreeMap<BrokerId, Node<'a>>,
}

/// Where a leader is reached.
pub(super) type Node<'a> = (&'a BrokerRegistration, &'a BrokerEndpoint);

impl<'a> CurrentLeaders<'a> {
    /// For a client of that listener.
    pub(super) fn new(image: &'a ClusterImage, listener: &'a str) -> Self {
        Self { image, listener, named: BTreeMap::new() }
    }

    /// The leader to tell with an error, where another broker is worth a try and is known. The
    /// topic is given by the one that isn't empty.
    pub(super) fn of(
        &mut self,
        error: ErrorCode,
        (name, id): (&TopicName, TopicId),
        index: PartitionIndex,
    ) -> Option<(BrokerId, LeaderEpoch)> {
        if !matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
            return None;
        }
        let topics = self.image.topics();
        let topic = if id == TopicId::ZERO { topics.get(name.as_str()) } else { topics.by_id(id) };
        let partition = topic?.partition(index)?;
        let leader = self.image.brokers().get(partition.leader?)?;
        self.named.insert(leader.id, (leader, leader.endpoint(self.listener)?));
        Some((leader.id, partition.leader_epoch))
    }

    /// Where those are reached that were named.
    pub(super) fn nodes(self) -> impl Iterator<Item = Node<'a>> {
        self.named.into_values()
    }
}

#[cfg(test)]
mod tests {
    use ::metadata::{
        MetadataRecord,
        record::{PartitionRecord, RegisterBrokerRecord, TopicRecord},
    };

    use super::*;

    /// A topic that broker 1 leads in epoch 7, reached at the listener PLAINTEXT only.
    fn image(id: TopicId) -> ClusterImage {
        let endpoint = BrokerEndpoint { name: "PLAINTEXT".to_owned(), ..Default::default() };
        let records = [
            MetadataRecord::RegisterBroker(RegisterBrokerRecord {
                broker_id: BrokerId(1),
                endpoints: vec![endpoint],
                ..Default::default()
            }),
            MetadataRecord::Topic(TopicRecord { name: "t".into(), topic_id: id }),
            MetadataRecord::Partition(PartitionRecord {
                topic_id: id,
                replicas: vec![BrokerId(1)],
                directories: vec![Default::default()],
                isr: vec![BrokerId(1)],
                leader: BrokerId(1),
                leader_epoch: LeaderEpoch(7),
                ..Default::default()
            }),
        ];
        let mut image = ClusterImage::default();
        records.iter().for_each(|record| image.replay(record));
        image
    }

    #[test]
    fn a_leader_is_told_with_the_errors_that_send_a_client_elsewhere() {
        let id = protocol::Uuid([9; 16]);
        let (image, name, empty) = (image(id), TopicName::from("t"), TopicName::default());
        let mut leaders = CurrentLeaders::new(&image, "PLAINTEXT");
        let mut told = |error, topic| leaders.of(error, topic, PartitionIndex(0));
        let leader = Some((BrokerId(1), LeaderEpoch(7)));
        assert_eq!(told(ErrorCode::NotLeaderOrFollower, (&name, TopicId::ZERO)), leader);
        assert_eq!(told(ErrorCode::FencedLeaderEpoch, (&empty, id)), leader);
        assert_eq!(told(ErrorCode::None, (&empty, id)), None);
        assert_eq!(told(ErrorCode::UnknownTopicId, (&empty, id)), None);
        assert_eq!(leaders.nodes().map(|(broker, _)| broker.id).collect::<Vec<_>>(), [BrokerId(1)]);
    }

    #[test]
    fn a_leader_that_the_client_cannot_reach_is_not_told() {
        let id = protocol::Uuid([9; 16]);
        let image = image(id);
        let mut leaders = CurrentLeaders::new(&image, "OTHER");
        let topic = (&TopicName::default(), id);
        assert_eq!(leaders.of(ErrorCode::NotLeaderOrFollower, topic, PartitionIndex(0)), None);
        assert_eq!(leaders.nodes().count(), 0);
    }
}
