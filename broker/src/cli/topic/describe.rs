//! `ottla topic describe`.

use std::{collections::BTreeMap, sync::Arc};

use clap::Args;
use client::{
    Admin,
    admin::ConfigResource,
    metadata_cache::{Partition, Topic as Described},
};
use protocol::{BrokerId, PartitionIndex, TopicName, api::describe_configs::SOURCE_TOPIC};
use serde::Serialize;

use crate::cli::{
    Error, Process,
    advice::on_unknown_topic,
    connect::Connect,
    output::{Output, Table},
};

const EXAMPLES: &str = "\
Examples:
  ottla topic describe orders
  ottla topic describe -o json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Describe {
    /// The topics; all of them unless given.
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// The topics as an option, with commas between them.
    #[arg(
        short = 't',
        long = "topic",
        value_name = "TOPIC",
        value_delimiter = ',',
        conflicts_with = "topics"
    )]
    named: Vec<String>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
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
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let mut shown = Vec::new();
        for topic in self.described(&admin).await? {
            let resource = ConfigResource::Topic(topic.name.clone());
            let configs = admin.describe_configs(&resource).await?;
            let own = configs.into_iter().filter(|config| config.config_source == SOURCE_TOPIC);
            shown.push(Shown {
                topic: topic.name.to_string(),
                id: topic.id.map(|id| id.to_string()),
                partitions: topic.partitions.iter().map(ShownPartition::of).collect(),
                configs: own.map(|config| (config.name, config.value)).collect(),
            });
        }
        self.output.print(&mut *process.output, &shown, |topics| table(topics))
    }

    async fn described(&self, admin: &Admin) -> Result<Vec<Arc<Described>>, Error> {
        let names = if self.topics.is_empty() { &self.named } else { &self.topics };
        if names.is_empty() {
            return Ok(admin.list_topics().await?);
        }
        let mut described = Vec::new();
        for name in names {
            let name = TopicName::from(name.as_str());
            match admin.describe_topic(&name).await {
                Ok(topic) => described.push(topic),
                Err(error) => return Err(on_unknown_topic(admin, &name, error).await),
            }
        }
        Ok(described)
    }
}

fn table(topics: &[Shown]) -> Table {
    let headings =
        ["TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "OFFLINE", "CONFIGS"];
    let mut table = Table::new(headings);
    for topic in topics {
        for (index, partition) in topic.partitions.iter().enumerate() {
            let configs = if index == 0 { topic.configs() } else { String::new() };
            table.row(partition.cells(&topic.topic, configs));
        }
    }
    table
}

impl Shown {
    fn configs(&self) -> String {
        let set = |(key, value): (&String, &Option<String>)| {
            format!("{key}={}", value.as_deref().unwrap_or("(hidden)"))
        };
        self.configs.iter().map(set).collect::<Vec<_>>().join(" ")
    }
}

impl ShownPartition {
    fn of((index, partition): (&PartitionIndex, &Partition)) -> Self {
        let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect();
        Self {
            partition: index.0,
            leader: partition.leader.map(|id| id.0),
            leader_epoch: partition.leader_epoch.0,
            replicas: ids(&partition.replicas),
            isr: ids(&partition.isr),
            offline_replicas: ids(&partition.offline_replicas),
        }
    }

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
