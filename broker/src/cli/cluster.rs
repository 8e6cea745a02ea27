//! `ottla cluster`: its id, its brokers, and what it can do.

mod events;
mod quorum;
mod status;

use clap::{Args, Subcommand};
use client::{Admin, Cluster as Connected};
use protocol::{
    BrokerId,
    api::{
        api_versions::{ApiVersionsRequest, ApiVersionsResponse},
        describe_cluster::DescribeClusterResponse,
    },
};
use serde::Serialize;

use super::{
    Error, Process,
    connect::Connect,
    output::{Format, Output, Table, unless_closed},
};

const EXAMPLES: &str = "\
Examples:
  ottla cluster
  ottla cluster --bootstrap host:9092 -o json
  ottla cluster status
  ottla cluster events --follow
  ottla cluster quorum";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Cluster {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

/// What is shown instead of the whole.
#[derive(Debug, Subcommand)]
enum Part {
    /// Show how the cluster is: its brokers, its quorum, and what is wrong with which partitions.
    Status(status::Status),
    /// Show what happened: who went down, who came back, which leader moved, and why.
    Events(events::Events),
    /// Show the controllers' quorum: who leads, who votes, who lags.
    Quorum(quorum::Quorum),
}

#[derive(Serialize)]
struct Shown {
    cluster_id: String,
    /// The broker that requests to the controller go to.
    controller: Option<i32>,
    brokers: Vec<ShownBroker>,
    /// What all nodes have agreed to do.
    features: Vec<ShownFeature>,
}

#[derive(Serialize)]
struct ShownBroker {
    id: i32,
    host: String,
    port: i32,
    rack: Option<String>,
    controller: bool,
}

#[derive(Serialize)]
struct ShownFeature {
    name: String,
    level: i16,
}

impl Cluster {
    /// Whether it only ends when it's interrupted.
    pub(super) fn is_endless(&self) -> bool {
        matches!(&self.part, Some(Part::Events(events)) if events.is_endless())
    }

    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        match self.part {
            Some(Part::Quorum(quorum)) => return quorum.run(process).await,
            Some(Part::Status(status)) => return Box::pin(status.run(process)).await,
            Some(Part::Events(events)) => return events.run(process).await,
            None => {}
        }
        let cluster = self.connect.cluster(false).await?;
        let described = Admin::new(cluster.clone()).describe_cluster().await?;
        let versions = versions(&cluster).await?;
        let shown = Shown::of(described, versions);
        if self.output.format == Format::Table {
            unless_closed(shown.print_heading(&mut *process.output))?;
        }
        unless_closed(self.output.print(&mut *process.output, &shown, Shown::table))
    }
}

async fn versions(cluster: &Connected) -> Result<ApiVersionsResponse, client::Error> {
    let request = ApiVersionsRequest {
        client_software_name: "ottla".to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    cluster.any().await?.call(&request).await
}

fn features(versions: ApiVersionsResponse) -> Vec<ShownFeature> {
    let features = versions.finalized_features.into_iter();
    features
        .map(|feature| ShownFeature { name: feature.name, level: feature.max_version_level })
        .collect()
}

impl Shown {
    fn of(cluster: DescribeClusterResponse, versions: ApiVersionsResponse) -> Self {
        let controller = Some(cluster.controller_id).filter(|id| id.0 >= 0);
        let is_controller = |id: BrokerId| controller == Some(id);
        let brokers = cluster.brokers.into_iter().map(|broker| ShownBroker {
            id: broker.broker_id.0,
            host: broker.host,
            port: broker.port,
            rack: broker.rack,
            controller: is_controller(broker.broker_id),
        });
        Self {
            cluster_id: cluster.cluster_id,
            controller: controller.map(|id| id.0),
            brokers: brokers.collect(),
            features: features(versions),
        }
    }

    fn print_heading(&self, out: &mut dyn std::io::Write) -> Result<(), Error> {
        writeln!(out, "cluster {}", self.cluster_id)?;
        for ShownFeature { name, level } in &self.features {
            writeln!(out, "{name} {level}")?;
        }
        Ok(writeln!(out)?)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["BROKER", "ADDRESS", "RACK", "CONTROLLER"]);
        for broker in &self.brokers {
            table.row([
                broker.id.to_string(),
                format!("{}:{}", broker.host, broker.port),
                broker.rack.clone().unwrap_or_else(|| "-".to_owned()),
                if broker.controller { "yes" } else { "-" }.to_owned(),
            ]);
        }
        table
    }
}
