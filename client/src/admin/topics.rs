//! Topics: creates, deletes, grows, lists and describes them.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{
    BrokerId, ErrorCode, Message, PartitionIndex, TopicId, TopicName,
    api::{
        create_partitions::{
            CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
        },
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
        },
        delete_topics::{DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest},
    },
};

use super::{Admin, Answer, operation_timeout_ms};
use crate::{error::Error, metadata_cache::Topic};

/// The first version of DeleteTopics that takes structs in place of names, and ids with them.
const DELETE_BY_STATE_FROM: i16 = 6;

/// A topic to create: whatever isn't said of it is as the cluster has it.
///
/// ```
/// use client::{NewTopic, protocol::BrokerId};
///
/// let positions = NewTopic::new("positions").partitions(10).config("retention.ms", "60000");
/// // Two partitions, saying where their replicas go.
/// let placed = NewTopic::new("trucks")
///     .assignments([vec![BrokerId(1), BrokerId(2)], vec![BrokerId(2), BrokerId(3)]]);
/// # let _ = (positions, placed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; none = the cluster's `num.partitions`, or as many as `assignments` has.
    pub partitions: Option<i32>,
    /// How many copies of each; none = the cluster's `default.replication.factor`, or as many as
    /// `assignments` has.
    pub replication_factor: Option<i16>,
    /// The replicas of each partition, its preferred leader first; none = the controller chooses.
    pub assignments: Option<Vec<Vec<BrokerId>>>,
    /// Its configuration, where it differs from the cluster's.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic of that name, in everything else as the cluster has it.
    #[must_use]
    pub fn new(name: impl Into<TopicName>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication_factor: None,
            assignments: None,
            configs: BTreeMap::new(),
        }
    }

    /// With so many partitions.
    #[must_use]
    pub fn partitions(self, partitions: impl Into<Option<i32>>) -> Self {
        Self { partitions: partitions.into(), ..self }
    }

    /// With so many copies of each partition.
    #[must_use]
    pub fn replication_factor(self, replication_factor: impl Into<Option<i16>>) -> Self {
        Self { replication_factor: replication_factor.into(), ..self }
    }

    /// With the replicas of each partition, its preferred leader first. Brokers refuse a topic of
    /// which the numbers are said besides.
    #[must_use]
    pub fn assignments(self, assignments: impl IntoIterator<Item = Vec<BrokerId>>) -> Self {
        Self { assignments: Some(assignments.into_iter().collect()), ..self }
    }

    /// With one more key of its configuration.
    #[must_use]
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(key.into(), value.into());
        self
    }

    fn creatable(&self) -> CreatableTopic {
        let replicas = self.assignments.iter().flatten();
        let assignments = (0..).map(PartitionIndex).zip(replicas);
        let assignment = |(partition_index, broker_ids): (_, &Vec<_>)| CreatableReplicaAssignment {
            partition_index,
            broker_ids: broker_ids.clone(),
        };
        CreatableTopic {
            name: self.name.clone(),
            num_partitions: self.partitions.unwrap_or(-1),
            replication_factor: self.replication_factor.unwrap_or(-1),
            assignments: assignments.map(assignment).collect(),
            configs: self.configs.iter().map(creatable_config).collect(),
        }
    }
}

/// How many partitions a topic shall have.
///
/// ```
/// use client::{admin::NewPartitions, protocol::BrokerId};
///
/// // Ten in all, placed by the controller.
/// let ten = NewPartitions::from(10);
/// // The same for a topic that has eight, saying where the two new ones go.
/// let placed = NewPartitions {
///     assignments: Some(vec![vec![BrokerId(1), BrokerId(2)], vec![BrokerId(2), BrokerId(3)]]),
///     ..ten
/// };
/// # let _ = placed;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartitions {
    /// All of them, the present ones included.
    pub count: i32,
    /// The replicas of each new partition, its preferred leader first; none = the controller
    /// chooses.
    pub assignments: Option<Vec<Vec<BrokerId>>>,
}

impl From<i32> for NewPartitions {
    fn from(count: i32) -> Self {
        Self { count, assignments: None }
    }
}

/// What became of each of the topics that a request named.
pub type TopicResults = BTreeMap<TopicName, Result<(), Error>>;

impl Admin {
    /// Creates topics, or only checks whether they could be. For an example, see [`Admin`].
    ///
    /// # Errors
    /// No broker that answers. What became of each topic is in the result.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<TopicResults, Error> {
        let all = &CreateTopicsRequest {
            topics: topics.iter().map(NewTopic::creatable).collect(),
            timeout_ms: operation_timeout_ms(),
            validate_only,
        };
        let ask = |remaining: Vec<TopicName>| async move {
            let mut request = all.clone();
            request.topics.retain(|topic| remaining.contains(&topic.name));
            let results = self.call(&request).await?.topics.into_iter();
            Ok(results.map(|r| answer(r.name, r.error_code, r.error_message)).collect())
        };
        self.each(topics.iter().map(|topic| topic.name.clone()), subject, ask).await
    }

    /// Deletes topics and everything in them.
    ///
    /// ```no_run
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let results = admin.delete_topics(&["positions".into()]).await?;
    /// assert!(results.values().all(Result::is_ok));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No broker that answers. What became of each topic is in the result.
    pub async fn delete_topics(&self, topics: &[TopicName]) -> Result<TopicResults, Error> {
        let ask = |remaining: Vec<TopicName>| async move {
            let connection = self.cluster.any().await?;
            let version = connection.version_of::<DeleteTopicsRequest>()?;
            let mut request =
                DeleteTopicsRequest { timeout_ms: operation_timeout_ms(), ..Default::default() };
            if version >= DELETE_BY_STATE_FROM {
                let state = |name| DeleteTopicState { name: Some(name), ..Default::default() };
                request.topics = remaining.into_iter().map(state).collect();
            } else {
                request.topic_names = remaining;
            }
            let results = connection.call_at(&request, version).await?.responses.into_iter();
            let named = results.filter_map(|r| Some((r.name?, r.error_code, r.error_message)));
            Ok(named.map(|(name, code, message)| answer(name, code, message)).collect())
        };
        let results = self.each(topics.iter().cloned(), subject, ask).await?;
        topics.iter().for_each(|topic| self.cluster.invalidate(topic));
        Ok(results)
    }

    /// Deletes topics by their ids: those, and not others that were created under their names since.
    ///
    /// ```no_run
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let positions = admin.describe_topic(&"positions".into()).await?;
    /// let ids: Vec<_> = positions.id.into_iter().collect();
    /// admin.delete_topics_by_id(&ids).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No broker that answers, or one that knows no ids ([`Error::UnsupportedVersion`]). What became
    /// of each topic is in the result.
    pub async fn delete_topics_by_id(
        &self,
        topics: &[TopicId],
    ) -> Result<BTreeMap<TopicId, Result<(), Error>>, Error> {
        let ask = |remaining: Vec<TopicId>| async move {
            let connection = self.cluster.any().await?;
            let versions = DELETE_BY_STATE_FROM..=*DeleteTopicsRequest::VERSIONS.end();
            let version = connection.version_within::<DeleteTopicsRequest>(versions)?;
            let state = |topic_id| DeleteTopicState { topic_id, ..Default::default() };
            let request = DeleteTopicsRequest {
                topics: remaining.into_iter().map(state).collect(),
                timeout_ms: operation_timeout_ms(),
                ..Default::default()
            };
            let results = connection.call_at(&request, version).await?.responses;
            results.iter().filter_map(|r| r.name.as_ref()).for_each(|name| {
                self.cluster.invalidate(name);
            });
            let answer =
                |r: DeletableTopicResult| answer(r.topic_id, r.error_code, r.error_message);
            Ok(results.into_iter().map(answer).collect())
        };
        self.each(topics.iter().copied(), |id| format!("topic id {id}"), ask).await
    }

    /// Gives each of some topics that many partitions, or only checks whether it could: never fewer
    /// than it has. Keys may go to other partitions from then on.
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    ///
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let wanted = BTreeMap::from([("positions".into(), 20)]);
    /// let results = admin.create_partitions(&wanted, false).await?;
    /// assert!(results.values().all(Result::is_ok));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No broker that answers. What became of each topic is in the result.
    pub async fn create_partitions<N>(
        &self,
        topics: &BTreeMap<TopicName, N>,
        validate_only: bool,
    ) -> Result<TopicResults, Error>
    where
        N: Clone + Into<NewPartitions>,
    {
        let wanted = |name: TopicName| {
            let NewPartitions { count, assignments } = topics[&name].clone().into();
            let assignment = |broker_ids| CreatePartitionsAssignment { broker_ids };
            let assignments = assignments.map(|all| all.into_iter().map(assignment).collect());
            CreatePartitionsTopic { name, count, assignments }
        };
        let ask = |remaining: Vec<TopicName>| async move {
            let request = CreatePartitionsRequest {
                topics: remaining.into_iter().map(wanted).collect(),
                timeout_ms: operation_timeout_ms(),
                validate_only,
            };
            let results = self.call(&request).await?.results.into_iter();
            Ok(results.map(|r| answer(r.name, r.error_code, r.error_message)).collect())
        };
        let results = self.each(topics.keys().cloned(), subject, ask).await?;
        topics.keys().for_each(|topic| self.cluster.invalidate(topic));
        Ok(results)
    }

    /// All topics, by name.
    ///
    /// ```no_run
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// for topic in admin.list_topics().await? {
    ///     println!("{} has {} partitions", topic.name, topic.partitions.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No broker that answers.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>, Error> {
        self.cluster.retry(|| self.cluster.all_topics()).await
    }

    /// Some topics as the cluster has them now. None of them is created by being asked for.
    ///
    /// # Errors
    /// No broker that answers. Of each topic, the result says whether it exists.
    pub async fn describe_topics(
        &self,
        names: &[TopicName],
    ) -> Result<BTreeMap<TopicName, Result<Arc<Topic>, Error>>, Error> {
        names.iter().for_each(|name| self.cluster.invalidate(name));
        let ask = |remaining: Vec<TopicName>| async move {
            let errors = self.cluster.ask_topics(&remaining, false).await?;
            let described = |thing: TopicName| {
                let value = self.cluster.known_topic(&thing);
                let unknown = match value {
                    Some(_) => ErrorCode::None,
                    None => ErrorCode::LeaderNotAvailable,
                };
                let code = errors.get(&thing).copied().unwrap_or(unknown);
                Answer { thing, code, message: None, value }
            };
            Ok(remaining.into_iter().map(described).collect())
        };
        let results = self.each(names.iter().cloned(), subject, ask).await?.into_iter();
        let known = |topic: Option<Arc<Topic>>| topic.expect("without error, the topic is known");
        Ok(results.map(|(name, result)| (name, result.map(known))).collect())
    }

    /// One topic as the cluster has it now.
    ///
    /// # Errors
    /// A topic that doesn't exist, no broker that answers.
    pub async fn describe_topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        let mut topics = self.describe_topics(std::slice::from_ref(name)).await?;
        topics.remove(name).expect("each of the topics is answered")
    }
}

fn answer<K>(thing: K, code: ErrorCode, message: Option<String>) -> Answer<K, ()> {
    Answer { thing, code, message, value: () }
}

fn subject(name: &TopicName) -> String {
    format!("topic {name}")
}

fn creatable_config((name, value): (&String, &String)) -> CreatableTopicConfig {
    CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) }
}
