//! Creates, changes and describes topics, and describes the cluster.
//!
//! Any broker takes these requests and passes on to the controller what is the controller's. What
//! fails in passing is tried again; so a topic may turn out to exist because the first attempt
//! created it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use protocol::{
    BrokerId, ErrorCode, Request, TopicName, TopicPartition,
    api::{
        create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
        delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        describe_cluster::{DescribeClusterRequest, DescribeClusterResponse},
        describe_configs::{
            DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
            RESOURCE_BROKER, RESOURCE_TOPIC,
        },
    },
};

use crate::{
    cluster::{Cluster, Pool},
    error::Error,
    metadata_cache::Topic,
    offsets::{self, Found, Isolation, Place, Question},
};

/// How long the controller may take to do what it's asked.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The first version of DeleteTopics that takes structs in place of names.
const DELETE_BY_STATE_FROM: i16 = 6;

/// A topic to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; none = the cluster's `num.partitions`.
    pub partition_count: Option<i32>,
    /// How many copies of each; none = the cluster's `default.replication.factor`.
    pub replication_factor: Option<i16>,
    /// Its configuration, where it differs from the cluster's.
    pub configs: BTreeMap<String, String>,
}

/// What has a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// A broker.
    Broker(BrokerId),
}

/// What became of each of the topics that a request named.
pub type TopicResults = BTreeMap<TopicName, Result<(), Error>>;

/// Administers one cluster.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Shares the cluster's connection for questions.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// Creates topics, or only checks whether they could be.
    ///
    /// # Errors
    /// No broker that answers. What became of each topic is in the result.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<TopicResults, Error> {
        let creatable = |topic: &NewTopic| CreatableTopic {
            name: topic.name.clone(),
            num_partitions: topic.partition_count.unwrap_or(-1),
            replication_factor: topic.replication_factor.unwrap_or(-1),
            assignments: Vec::new(),
            configs: topic.configs.iter().map(creatable_config).collect(),
        };
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: operation_timeout_ms(),
            validate_only,
        };
        let names = topics.iter().map(|topic| topic.name.clone());
        self.each_topic(names, |remaining| self.ask_to_create(&request, remaining)).await
    }

    async fn ask_to_create(
        &self,
        all: &CreateTopicsRequest,
        remaining: Vec<TopicName>,
    ) -> Result<Vec<Answer>, Error> {
        let mut request = all.clone();
        request.topics.retain(|topic| remaining.contains(&topic.name));
        let results = self.call(&request).await?.topics.into_iter();
        Ok(results.map(|r| (Some(r.name), r.error_code, r.error_message)).collect())
    }

    /// Deletes topics and everything in them.
    ///
    /// # Errors
    /// No broker that answers. What became of each topic is in the result.
    pub async fn delete_topics(&self, topics: &[TopicName]) -> Result<TopicResults, Error> {
        let names = topics.iter().cloned();
        let results = self.each_topic(names, |remaining| self.ask_to_delete(remaining)).await?;
        for topic in topics {
            self.cluster.invalidate(topic);
        }
        Ok(results)
    }

    async fn ask_to_delete(&self, topics: Vec<TopicName>) -> Result<Vec<Answer>, Error> {
        let connection = self.cluster.any().await?;
        let version = connection.version_of::<DeleteTopicsRequest>()?;
        let mut request =
            DeleteTopicsRequest { timeout_ms: operation_timeout_ms(), ..Default::default() };
        if version >= DELETE_BY_STATE_FROM {
            let state = |name| DeleteTopicState { name: Some(name), ..Default::default() };
            request.topics = topics.into_iter().map(state).collect();
        } else {
            request.topic_names = topics;
        }
        let results = connection.call_at(&request, version).await?.responses.into_iter();
        Ok(results.map(|r| (r.name, r.error_code, r.error_message)).collect())
    }

    /// Gives each of some topics that many partitions: never fewer than it has. Keys may go to other
    /// partitions from then on.
    ///
    /// # Errors
    /// No broker that answers. What became of each topic is in the result.
    pub async fn create_partitions(
        &self,
        counts: &BTreeMap<TopicName, i32>,
        validate_only: bool,
    ) -> Result<TopicResults, Error> {
        let ask = |remaining| self.ask_for_partitions(counts, validate_only, remaining);
        let results = self.each_topic(counts.keys().cloned(), ask).await?;
        for topic in counts.keys() {
            self.cluster.invalidate(topic);
        }
        Ok(results)
    }

    async fn ask_for_partitions(
        &self,
        counts: &BTreeMap<TopicName, i32>,
        validate_only: bool,
        remaining: Vec<TopicName>,
    ) -> Result<Vec<Answer>, Error> {
        let topic = |name: TopicName| CreatePartitionsTopic {
            count: counts[&name],
            name,
            assignments: None,
        };
        let request = CreatePartitionsRequest {
            topics: remaining.into_iter().map(topic).collect(),
            timeout_ms: operation_timeout_ms(),
            validate_only,
        };
        let results = self.call(&request).await?.results.into_iter();
        Ok(results.map(|r| (Some(r.name), r.error_code, r.error_message)).collect())
    }

    /// All topics, by name.
    ///
    /// # Errors
    /// No broker that answers.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>, Error> {
        self.cluster.retry(|| self.cluster.all_topics()).await
    }

    /// One topic as the cluster has it now.
    ///
    /// # Errors
    /// A topic that doesn't exist, no broker that answers.
    pub async fn describe_topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        self.cluster
            .retry(|| async {
                self.cluster.invalidate(name);
                match self.cluster.ask_topic(name, false).await {
                    // It may be about to come, but somebody who asks wants to know now.
                    Err(e) if e.code() == Some(ErrorCode::UnknownTopicOrPartition) => Ok(Err(e)),
                    other => other.map(Ok),
                }
            })
            .await?
    }

    /// The configuration of something, all keys of it.
    ///
    /// # Errors
    /// Something that doesn't exist, no broker that answers.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
    ) -> Result<Vec<DescribeConfigsResourceResult>, Error> {
        let (resource_type, resource_name) = match resource {
            ConfigResource::Topic(name) => (RESOURCE_TOPIC, name.to_string()),
            ConfigResource::Broker(id) => (RESOURCE_BROKER, id.to_string()),
        };
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type,
                resource_name: resource_name.clone(),
                configuration_keys: None,
            }],
            include_synonyms: true,
            include_documentation: false,
        };
        self.cluster
            .retry(|| async {
                // A broker knows its own configuration and no other's.
                let response = match resource {
                    ConfigResource::Topic(_) => self.call(&request).await?,
                    ConfigResource::Broker(id) => {
                        Pool::new(self.cluster.clone())
                            .connection(*id)
                            .await?
                            .call(&request)
                            .await?
                    }
                };
                let Some(result) = response.results.into_iter().next() else {
                    return Err(left_out(&resource_name));
                };
                Error::check(result.error_code, &resource_name, result.error_message.as_deref())?;
                Ok(result.configs)
            })
            .await
    }

    /// The cluster's id and its nodes.
    ///
    /// # Errors
    /// No broker that answers.
    pub async fn describe_cluster(&self) -> Result<DescribeClusterResponse, Error> {
        let request = DescribeClusterRequest::default();
        self.cluster
            .retry(|| async {
                let response = self.call(&request).await?;
                let message = response.error_message.as_deref();
                Error::check(response.error_code, "DescribeCluster", message)?;
                Ok(response)
            })
            .await
    }

    /// Where places are, asked of the partitions' leaders.
    ///
    /// # Errors
    /// A partition that doesn't exist, no leader that answers.
    pub async fn list_offsets(
        &self,
        places: &BTreeMap<TopicPartition, Place>,
        isolation: Isolation,
    ) -> Result<BTreeMap<TopicPartition, Found>, Error> {
        let pool = Pool::new(self.cluster.clone());
        let mut found = BTreeMap::new();
        for (partition, place) in places {
            let one = self.cluster.retry(|| async {
                let leader = self.cluster.leader(partition).await?;
                let Some(question) = Question::new(*place, leader.epoch) else {
                    let Place::At(offset) = *place else { return Err(left_out(partition)) };
                    return Ok(Found { offset: Some(offset), timestamp: None });
                };
                let connection = pool.connection(leader.id).await?;
                let questions = BTreeMap::from([(partition.clone(), question)]);
                let mut answers = offsets::list(&connection, isolation, &questions).await?;
                let answer = answers.remove(partition).unwrap_or_else(|| Err(left_out(partition)));
                answer.inspect_err(|error| {
                    if error.is_of_stale_metadata() {
                        self.cluster.invalidate(&partition.topic);
                    }
                })
            });
            found.insert(partition.clone(), one.await?);
        }
        Ok(found)
    }

    async fn call<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        self.cluster.any().await?.call(request).await
    }

    /// Asks for each of some topics, and again for those that fail in passing.
    async fn each_topic<F>(
        &self,
        topics: impl Iterator<Item = TopicName>,
        ask: impl Fn(Vec<TopicName>) -> F,
    ) -> Result<TopicResults, Error>
    where
        F: Future<Output = Result<Vec<Answer>, Error>>,
    {
        let mut results: TopicResults =
            topics.map(|name| (name.clone(), Err(left_out(&name)))).collect();
        let mut remaining: Vec<_> = results.keys().cloned().collect();
        let mut attempts = self.cluster.attempts(self.cluster.options().retry_for);
        loop {
            let answers = match ask(remaining.clone()).await {
                Ok(answers) => answers,
                Err(error) => {
                    attempts.after(error).await?;
                    continue;
                }
            };
            let mut passing = None;
            for (name, code, message) in answers {
                let Some(name) = name else { continue };
                let result = Error::check(code, format_args!("topic {name}"), message.as_deref());
                match &result {
                    Err(error) if is_worth_another_try(error) => passing = Some(error.clone()),
                    _ => remaining.retain(|other| *other != name),
                }
                results.insert(name, result);
            }
            let Some(error) = passing else { return Ok(results) };
            if attempts.after(error).await.is_err() {
                return Ok(results);
            }
        }
    }
}

/// A topic, its error, and what the broker says besides.
type Answer = (Option<TopicName>, ErrorCode, Option<String>);

/// A topic that isn't there won't come to be deleted or changed by waiting.
fn is_worth_another_try(error: &Error) -> bool {
    error.is_retriable() && error.code() != Some(ErrorCode::UnknownTopicOrPartition)
}

fn creatable_config((name, value): (&String, &String)) -> CreatableTopicConfig {
    CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) }
}

fn left_out(subject: impl std::fmt::Display) -> Error {
    let message = "the broker's answer leaves it out";
    Error::answer(ErrorCode::UnknownServerError, subject, Some(message))
}

fn operation_timeout_ms() -> i32 {
    i32::try_from(OPERATION_TIMEOUT.as_millis()).expect("half a minute")
}

#[cfg(test)]
mod tests;
