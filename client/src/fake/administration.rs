//! What an admin client asks of the broker.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::{
    ApiKey, BrokerId, ErrorCode, PartitionIndex, Reader, RequestHeader, TopicPartition,
    api::{
        create_partitions::{
            CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
        },
        create_topics::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse},
        delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse},
        describe_cluster::{
            DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
        },
        describe_configs::{
            DescribeConfigsRequest, DescribeConfigsResourceResult, DescribeConfigsResponse,
            DescribeConfigsResult, RESOURCE_TOPIC,
        },
        incremental_alter_configs::{
            AlterConfigsResourceResponse, DELETE, IncrementalAlterConfigsRequest,
            IncrementalAlterConfigsResponse,
        },
    },
};

use super::{
    FakeBroker, State,
    log::Log,
    quorum::{describe_quorum, update_features},
    wire::respond,
};

impl FakeBroker {
    pub(super) fn administrate(
        &self,
        api: ApiKey,
        header: &RequestHeader,
        from: Reader,
    ) -> Vec<Bytes> {
        match api {
            ApiKey::CreateTopics => respond(header, from, |r| self.create_topics(r)),
            ApiKey::DeleteTopics => respond(header, from, |r| self.state().delete_topics(r)),
            ApiKey::CreatePartitions => respond(header, from, |r| self.create_partitions(r)),
            ApiKey::DescribeConfigs => respond(header, from, |r| self.state().describe_configs(r)),
            ApiKey::IncrementalAlterConfigs => {
                respond(header, from, |r| self.state().alter_configs(r))
            }
            ApiKey::DescribeCluster => respond(header, from, describe_cluster),
            ApiKey::ElectLeaders => respond(header, from, |r| self.state().elect_leaders(r)),
            ApiKey::UpdateFeatures => respond(header, from, update_features),
            ApiKey::DescribeQuorum => respond(header, from, describe_quorum),
            other => panic!("the fake has no {other:?}"),
        }
    }

    fn create_topics(&self, request: CreateTopicsRequest) -> CreateTopicsResponse {
        let topics = request.topics.into_iter().map(|topic| {
            let exists = self.state().topics.contains_key(&topic.name);
            if !exists && !request.validate_only {
                let placed = i32::try_from(topic.assignments.len()).unwrap();
                self.create(&topic.name, topic.num_partitions.max(placed).max(1));
                for assignment in topic.assignments {
                    let (topic, partition) = (topic.name.clone(), assignment.partition_index);
                    let at = TopicPartition { topic, partition };
                    self.state().logs.get_mut(&at).unwrap().replicas = assignment.broker_ids;
                }
            }
            let error_code = if exists { ErrorCode::TopicAlreadyExists } else { ErrorCode::None };
            CreatableTopicResult { name: topic.name, error_code, ..Default::default() }
        });
        CreateTopicsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn create_partitions(&self, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
        let mut state = self.state();
        let results = request.topics.into_iter().map(|wanted| {
            let name = wanted.name;
            let present = state.logs.keys().filter(|at| at.topic == name).count();
            let present = i32::try_from(present).unwrap();
            let new = wanted.count - present;
            let fits = |all: &Vec<_>| i32::try_from(all.len()) == Ok(new);
            let error_code = match wanted.assignments {
                _ if present == 0 => ErrorCode::UnknownTopicOrPartition,
                _ if new <= 0 => ErrorCode::InvalidPartitions,
                Some(assignments) if !fits(&assignments) => ErrorCode::InvalidReplicaAssignment,
                _ => ErrorCode::None,
            };
            if error_code.is_none() && !request.validate_only {
                for partition in (present..wanted.count).map(PartitionIndex) {
                    let at = TopicPartition { topic: name.clone(), partition };
                    state.logs.insert(at, Log::default());
                }
            }
            CreatePartitionsTopicResult { name, error_code, ..Default::default() }
        });
        let results = results.collect();
        CreatePartitionsResponse { results, ..Default::default() }
    }
}

impl State {
    fn delete_topics(&mut self, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
        let responses = request.topics.into_iter().map(|topic| {
            let by_id = || self.topics.iter().find(|(_, id)| **id == topic.topic_id);
            let name = topic.name.or_else(|| Some(by_id()?.0.clone()));
            let deleted = name.as_ref().and_then(|name| self.topics.remove(name));
            self.logs.retain(|at, _| Some(&at.topic) != name.as_ref());
            let error_code = match (deleted, topic.topic_id.0) {
                (Some(_), _) => ErrorCode::None,
                (None, [0, ..]) => ErrorCode::UnknownTopicOrPartition,
                (None, _) => ErrorCode::UnknownTopicId,
            };
            let topic_id = deleted.unwrap_or(topic.topic_id);
            DeletableTopicResult { name, topic_id, error_code, ..Default::default() }
        });
        DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
    }

    /// A topic's configuration, or a broker's, if it exists.
    fn configs(
        &mut self,
        (resource_type, name): (i8, &str),
    ) -> Result<&mut BTreeMap<String, String>, ErrorCode> {
        match resource_type {
            RESOURCE_TOPIC if !self.topics.contains_key(name) => {
                Err(ErrorCode::UnknownTopicOrPartition)
            }
            _ => Ok(self.configs.entry((resource_type, name.to_owned())).or_default()),
        }
    }

    fn describe_configs(&mut self, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
        let results = request.resources.into_iter().map(|resource| {
            let configs = self.configs((resource.resource_type, &resource.resource_name));
            let error_code = configs.as_ref().err().copied().unwrap_or_default();
            let config = |(name, value): (&String, &String)| DescribeConfigsResourceResult {
                name: name.clone(),
                value: Some(value.clone()),
                ..Default::default()
            };
            let configs =
                configs.map_or(Vec::new(), |configs| configs.iter().map(config).collect());
            let (resource_type, resource_name) = (resource.resource_type, resource.resource_name);
            DescribeConfigsResult {
                error_code,
                resource_type,
                resource_name,
                configs,
                ..Default::default()
            }
        });
        DescribeConfigsResponse { results: results.collect(), ..Default::default() }
    }

    fn alter_configs(
        &mut self,
        request: IncrementalAlterConfigsRequest,
    ) -> IncrementalAlterConfigsResponse {
        let responses = request.resources.into_iter().map(|resource| {
            let configs = self.configs((resource.resource_type, &resource.resource_name));
            let error_code = configs.as_ref().err().copied().unwrap_or_default();
            if let (Ok(configs), false) = (configs, request.validate_only) {
                for change in resource.configs {
                    match change.value {
                        None => assert_eq!(change.config_operation, DELETE),
                        Some(_) => assert_ne!(change.config_operation, DELETE),
                    }
                    // What it does to lists is told, not done.
                    let value = change.value.map(|v| format!("{} {v}", change.config_operation));
                    match value {
                        None => _ = configs.remove(&change.name),
                        Some(value) => _ = configs.insert(change.name, value),
                    }
                }
            }
            let (resource_type, resource_name) = (resource.resource_type, resource.resource_name);
            AlterConfigsResourceResponse {
                error_code,
                error_message: None,
                resource_type,
                resource_name,
            }
        });
        IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
    }
}

fn describe_cluster(_: DescribeClusterRequest) -> DescribeClusterResponse {
    let broker = DescribeClusterBroker {
        broker_id: BrokerId(1),
        host: "fake".to_owned(),
        ..Default::default()
    };
    DescribeClusterResponse {
        cluster_id: "fake".to_owned(),
        brokers: vec![broker],
        ..Default::default()
    }
}
