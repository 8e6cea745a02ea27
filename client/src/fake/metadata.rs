//! What the broker tells of itself: its versions, its topics.

use protocol::{
    BrokerId, ErrorCode, TopicName, TopicPartition,
    api::{
        api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse},
        metadata::{
            MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
            MetadataResponseTopic,
        },
    },
};

use super::FakeBroker;

impl FakeBroker {
    pub(super) fn versions(&self, _: ApiVersionsRequest) -> ApiVersionsResponse {
        let state = self.state();
        let keys = [0, 1, 2, 3, 18, 19, 20, 22, 23, 32, 37, 43, 44, 55, 57, 60].map(|api_key| {
            ApiVersion {
                api_key,
                min_version: 0,
                max_version: state.versions_max.get(&api_key).copied().unwrap_or(99),
            }
        });
        ApiVersionsResponse { api_keys: keys.into(), ..Default::default() }
    }

    pub(super) fn metadata(&self, request: MetadataRequest) -> MetadataResponse {
        let state = self.state();
        let names = match request.topics {
            None => state.topics.keys().cloned().collect::<Vec<_>>(),
            Some(topics) => topics.into_iter().filter_map(|topic| topic.name).collect(),
        };
        let topic = |name: TopicName| {
            let Some(id) = state.topics.get(&name) else {
                let error_code = ErrorCode::UnknownTopicOrPartition;
                return MetadataResponseTopic {
                    error_code,
                    name: Some(name),
                    ..Default::default()
                };
            };
            let of_topic = state.logs.keys().filter(|at| at.topic == name);
            let partition = |at: &TopicPartition| MetadataResponsePartition {
                partition_index: at.partition,
                leader_id: BrokerId(1),
                leader_epoch: state.logs[at].leader_epoch(),
                replica_nodes: state.logs[at].replicas.clone(),
                ..Default::default()
            };
            let partitions = of_topic.map(partition).collect();
            let topic_id = *id;
            MetadataResponseTopic { name: Some(name), topic_id, partitions, ..Default::default() }
        };
        let broker = MetadataResponseBroker {
            node_id: BrokerId(1),
            host: "fake".to_owned(),
            port: 9092,
            ..Default::default()
        };
        MetadataResponse {
            brokers: vec![broker],
            cluster_id: Some("fake".to_owned()),
            controller_id: BrokerId(1),
            topics: names.into_iter().map(topic).collect(),
            ..Default::default()
        }
    }
}
