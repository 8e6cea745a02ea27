//! `ottla topic list`.

use clap::Args;
use client::{Admin, metadata_cache::Topic as Described};
use serde::Serialize;

use crate::cli::{
    Error, Process,
    connect::Connect,
    output::{Output, Table},
};

const EXAMPLES: &str = "\
Examples:
  ottla topic list
  ottla topic list -o json | jq -r '.[].topic'";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
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
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
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
