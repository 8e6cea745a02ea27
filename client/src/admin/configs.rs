//! Configurations of topics and brokers: describes and changes them.

use std::{collections::BTreeMap, fmt};

use protocol::{
    BrokerId, TopicName,
    api::{
        describe_configs::{
            DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
            DescribeConfigsResult, RESOURCE_BROKER, RESOURCE_TOPIC,
        },
        incremental_alter_configs::{
            APPEND, AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, DELETE,
            IncrementalAlterConfigsRequest, SET, SUBTRACT,
        },
    },
};

use super::{Admin, Answer};
use crate::{cluster::Pool, error::Error};

/// What has a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// A broker. What was set for all of them applies to it too.
    Broker(BrokerId),
    /// All brokers: what applies to those that have nothing else set.
    EveryBroker,
}

impl ConfigResource {
    /// Kafka's number for its kind, and its name.
    fn key(&self) -> (i8, String) {
        match self {
            Self::Topic(name) => (RESOURCE_TOPIC, name.to_string()),
            Self::Broker(id) => (RESOURCE_BROKER, id.to_string()),
            Self::EveryBroker => (RESOURCE_BROKER, String::new()),
        }
    }

    /// The broker to ask; none where all of them know.
    fn broker(&self) -> Option<BrokerId> {
        match self {
            // A broker knows its own configuration and no other's.
            Self::Broker(id) => Some(*id),
            Self::Topic(_) | Self::EveryBroker => None,
        }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::EveryBroker => f.write_str("every broker"),
        }
    }
}

/// A change of one key.
///
/// ```
/// use client::admin::ConfigChange;
///
/// let changes = [
///     ConfigChange::set("retention.ms", "86400000"),
///     ConfigChange::append("cleanup.policy", "compact"),
///     ConfigChange::delete("segment.bytes"),
/// ];
/// # let _ = changes;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// Kafka's name of the key.
    pub key: String,
    /// What happens to its value.
    pub operation: Operation,
}

/// What happens to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It's replaced by this one.
    Set(String),
    /// It's dropped: what applies without it is in force again.
    Delete,
    /// These elements, with commas between them, join the list that it is.
    Append(String),
    /// These elements leave the list that it is.
    Subtract(String),
}

impl ConfigChange {
    /// Sets a value.
    pub fn set(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), operation: Operation::Set(value.into()) }
    }

    /// Drops what was set.
    pub fn delete(key: impl Into<String>) -> Self {
        Self { key: key.into(), operation: Operation::Delete }
    }

    /// Adds elements to a list.
    pub fn append(key: impl Into<String>, elements: impl Into<String>) -> Self {
        Self { key: key.into(), operation: Operation::Append(elements.into()) }
    }

    /// Takes elements from a list.
    pub fn subtract(key: impl Into<String>, elements: impl Into<String>) -> Self {
        Self { key: key.into(), operation: Operation::Subtract(elements.into()) }
    }

    fn alterable(&self) -> AlterableConfig {
        let (config_operation, value) = match &self.operation {
            Operation::Set(value) => (SET, Some(value)),
            Operation::Delete => (DELETE, None),
            Operation::Append(elements) => (APPEND, Some(elements)),
            Operation::Subtract(elements) => (SUBTRACT, Some(elements)),
        };
        AlterableConfig { name: self.key.clone(), config_operation, value: value.cloned() }
    }
}

/// A configuration: its keys, with their values and where these come from.
type Configs = Vec<DescribeConfigsResourceResult>;

impl Admin {
    /// The configuration of something, all keys of it, documentation included where the broker has
    /// it.
    ///
    /// ```no_run
    /// use client::{admin::ConfigResource, protocol::api::describe_configs::SOURCE_TOPIC};
    ///
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let positions = ConfigResource::Topic("positions".into());
    /// for config in admin.describe_configs(&positions).await? {
    ///     if config.config_source == SOURCE_TOPIC {
    ///         println!("{} = {:?}", config.name, config.value);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Something that doesn't exist, no broker that answers.
    pub async fn describe_configs(&self, resource: &ConfigResource) -> Result<Configs, Error> {
        let mut configs = self.describe_resources(std::slice::from_ref(resource)).await?;
        configs.remove(resource).expect("each of the resources is answered")
    }

    /// [`Admin::describe_configs`] of several things at once.
    ///
    /// # Errors
    /// No broker that answers. Of each resource, the result says whether it exists.
    pub async fn describe_resources(
        &self,
        resources: &[ConfigResource],
    ) -> Result<BTreeMap<ConfigResource, Result<Configs, Error>>, Error> {
        let mut by_broker: BTreeMap<Option<BrokerId>, Vec<ConfigResource>> = BTreeMap::new();
        for resource in resources {
            by_broker.entry(resource.broker()).or_default().push(resource.clone());
        }
        let pool = Pool::new(self.cluster.clone());
        let mut results = BTreeMap::new();
        for (broker, resources) in by_broker {
            let ask = |remaining| self.ask_configs(&pool, broker, remaining);
            results.extend(self.each(resources, ToString::to_string, ask).await?);
        }
        Ok(results)
    }

    async fn ask_configs(
        &self,
        pool: &Pool,
        broker: Option<BrokerId>,
        resources: Vec<ConfigResource>,
    ) -> Result<Vec<Answer<ConfigResource, Configs>>, Error> {
        let resource = |resource: &ConfigResource| {
            let (resource_type, resource_name) = resource.key();
            DescribeConfigsResource { resource_type, resource_name, configuration_keys: None }
        };
        let request = DescribeConfigsRequest {
            resources: resources.iter().map(resource).collect(),
            include_synonyms: true,
            include_documentation: true,
        };
        let connection = match broker {
            Some(id) => pool.connection(id).await?,
            None => self.cluster.any().await?,
        };
        let results = connection.call(&request).await?.results.into_iter();
        let answer = |result: DescribeConfigsResult| {
            let key = (result.resource_type, result.resource_name);
            let thing = resources.iter().find(|resource| resource.key() == key)?.clone();
            let (code, message) = (result.error_code, result.error_message);
            Some(Answer { thing, code, message, value: result.configs })
        };
        Ok(results.filter_map(answer).collect())
    }

    /// Changes some keys of configurations and leaves the others as they are, or only checks whether
    /// it could. Of each resource, all changes are made or none.
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    ///
    /// use client::admin::{ConfigChange, ConfigResource};
    ///
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let a_day = ConfigChange::set("retention.ms", "86400000");
    /// let changes = BTreeMap::from([(ConfigResource::Topic("positions".into()), vec![a_day])]);
    /// let results = admin.incremental_alter_configs(&changes, false).await?;
    /// assert!(results.values().all(Result::is_ok));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No broker that answers. What became of each resource is in the result. An append or a
    /// subtraction whose answer is lost is made again, which does no harm to a list.
    pub async fn incremental_alter_configs(
        &self,
        changes: &BTreeMap<ConfigResource, Vec<ConfigChange>>,
        validate_only: bool,
    ) -> Result<BTreeMap<ConfigResource, Result<(), Error>>, Error> {
        let ask = |remaining: Vec<ConfigResource>| async move {
            let resource = |resource: &ConfigResource| {
                let (resource_type, resource_name) = resource.key();
                let configs = changes[resource].iter().map(ConfigChange::alterable).collect();
                AlterConfigsResource { resource_type, resource_name, configs }
            };
            let resources = remaining.iter().map(resource).collect();
            let request = IncrementalAlterConfigsRequest { resources, validate_only };
            let results = self.call(&request).await?.responses.into_iter();
            let answer = |result: AlterConfigsResourceResponse| {
                let key = (result.resource_type, result.resource_name);
                let thing = remaining.iter().find(|resource| resource.key() == key)?.clone();
                let (code, message) = (result.error_code, result.error_message);
                Some(Answer { thing, code, message, value: () })
            };
            Ok(results.filter_map(answer).collect())
        };
        self.each(changes.keys().cloned(), ToString::to_string, ask).await
    }
}
