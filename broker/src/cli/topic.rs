//! `ottla topic`: what topics there are, and how they are cut.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use client::{
    Admin, NewTopic,
    admin::{ConfigResource, TopicResults},
    metadata_cache::Topic as Described,
};
use protocol::{BrokerId, TopicName, api::describe_configs::SOURCE_TOPIC};
use serde::Serialize;

use super::{
    Error, Process,
    connect::Connect,
    output::{Output, Table, unless_closed},
};

#[derive(Debug, Args)]
pub(super) struct Topic {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a topic.
    Create(Create),
    /// List the topics.
    List(List),
    /// Show topics: partitions, leaders, replicas, configuration.
    Describe(Describe),
    /// Delete topics and everything in them.
    Delete(Delete),
}

#[derive(Debug, Args)]
struct Create {
    /// The topic.
    name: String,
    /// How many partitions; the cluster's num.partitions unless given.
    #[arg(long, short)]
    partitions: Option<i32>,
    /// How many copies of each; the cluster's default.replication.factor unless given.
    #[arg(long, short)]
    replication_factor: Option<i16>,
    /// Configure the topic. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// Only check whether it could be created.
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Describe {
    /// The topics.
    #[arg(required = true)]
    names: Vec<String>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Delete {
    /// The topics.
    #[arg(required = true)]
    names: Vec<String>,
    #[command(flatten)]
    connect: Connect,
}

impl Topic {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        unless_closed(match self.action {
            Action::Create(create) => create.run(process).await,
            Action::List(list) => list.run(process).await,
            Action::Describe(describe) => describe.run(process).await,
            Action::Delete(delete) => delete.run(process).await,
        })
    }
}

impl Create {
    async fn run(self, mut process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let topic = NewTopic {
            name: self.name.into(),
            partition_count: self.partitions,
            replication_factor: self.replication_factor,
            configs: self.config.into_iter().collect(),
        };
        first_failure(
            admin.create_topics(std::slice::from_ref(&topic), self.validate_only).await?,
        )?;
        let done = if self.validate_only { "could be created" } else { "created" };
        Ok(writeln!(process.output, "topic {} {done}", topic.name)?)
    }
}

impl Delete {
    async fn run(self, mut process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let names: Vec<TopicName> = self.names.into_iter().map(TopicName::from).collect();
        let results = admin.delete_topics(&names).await?;
        for (name, _) in results.iter().filter(|(_, result)| result.is_ok()) {
            writeln!(process.output, "topic {name} deleted")?;
        }
        first_failure(results)
    }
}

fn first_failure(results: TopicResults) -> Result<(), Error> {
    Ok(results.into_values().collect::<Result<(), _>>()?)
}

/// One line of the list.
#[derive(Serialize)]
struct Listed {
    topic: String,
    partitions: usize,
    replication_factor: usize,
    internal: bool,
}

impl List {
    async fn run(self, mut process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let topics = admin.list_topics().await?;
        let topics: Vec<_> = topics.iter().map(|topic| Listed::from(&**topic)).collect();
        self.output.print(&mut *process.output, &topics, |topics| {
            let mut table = Table::new(["TOPIC", "PARTITIONS", "REPLICATION"]);
            for topic in topics {
                let counts = [topic.partitions, topic.replication_factor].map(|n| n.to_string());
                let [partitions, replication] = counts;
                table.row([topic.topic.clone(), partitions, replication]);
            }
            table
        })
    }
}

impl From<&Described> for Listed {
    fn from(topic: &Described) -> Self {
        let replicas = topic.partitions.values().map(|partition| partition.replicas.len());
        Self {
            topic: topic.name.to_string(),
            partitions: topic.partitions.len(),
            replication_factor: replicas.max().unwrap_or(0),
            internal: topic.is_internal,
        }
    }
}

/// A topic with all that is known of it.
#[derive(Serialize)]
struct Shown {
    topic: String,
    id: Option<String>,
    partitions: Vec<ShownPartition>,
    /// What is configured for this topic; the rest is the cluster's.
    configs: BTreeMap<String, Option<String>>,
}

#[derive(Serialize)]
struct ShownPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    offline_replicas: Vec<i32>,
}

impl Describe {
    async fn run(self, mut process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let mut topics = Vec::new();
        for name in self.names {
            let topic = admin.describe_topic(&name.into()).await?;
            let resource = ConfigResource::Topic(topic.name.clone());
            let configs = admin.describe_configs(&resource).await?;
            let own = configs.into_iter().filter(|config| config.config_source == SOURCE_TOPIC);
            topics.push(Shown {
                topic: topic.name.to_string(),
                id: topic.id.map(|id| id.to_string()),
                partitions: partitions(&topic),
                configs: own.map(|config| (config.name, config.value)).collect(),
            });
        }
        self.output.print(&mut *process.output, &topics, |topics| {
            let headings =
                ["TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "OFFLINE", "CONFIGS"];
            let mut table = Table::new(headings);
            for topic in topics {
                for (index, partition) in topic.partitions.iter().enumerate() {
                    let configs = if index == 0 { configs(topic) } else { String::new() };
                    table.row(partition.cells(&topic.topic, configs));
                }
            }
            table
        })
    }
}

fn partitions(topic: &Described) -> Vec<ShownPartition> {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect();
    let shown =
        |(index, partition): (&protocol::PartitionIndex, &client::metadata_cache::Partition)| {
            ShownPartition {
                partition: index.0,
                leader: partition.leader.map(|id| id.0),
                leader_epoch: partition.leader_epoch.0,
                replicas: ids(&partition.replicas),
                isr: ids(&partition.isr),
                offline_replicas: ids(&partition.offline_replicas),
            }
        };
    topic.partitions.iter().map(shown).collect()
}

fn configs(topic: &Shown) -> String {
    let set = |(key, value): (&String, &Option<String>)| {
        format!("{key}={}", value.as_deref().unwrap_or("(hidden)"))
    };
    topic.configs.iter().map(set).collect::<Vec<_>>().join(" ")
}

impl ShownPartition {
    fn cells(&self, topic: &str, configs: String) -> [String; 8] {
        let list = |ids: &[i32]| {
            if ids.is_empty() {
                return "-".to_owned();
            }
            ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
        };
        [
            topic.to_owned(),
            self.partition.to_string(),
            self.leader.map_or_else(|| "none".to_owned(), |id| id.to_string()),
            self.leader_epoch.to_string(),
            list(&self.replicas),
            list(&self.isr),
            list(&self.offline_replicas),
            configs,
        ]
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}
