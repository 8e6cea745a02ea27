//! `ottla cluster status`: how the cluster is, on one screen.
//!
//! Kafka's own requests tell all of it, so it works with Apache Kafka too.

mod health;

use clap::Args;
use client::{Admin, Cluster, admin::Quorum};
use protocol::{
    BrokerId, ErrorCode,
    api::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest},
};
use serde::Serialize;

use self::health::{Health, Sick};
use super::{
    super::{
        Error, Process,
        connect::Connect,
        output::{Output, Table, unless_closed},
    },
    ShownFeature, features, versions,
};

const EXAMPLES: &str = "\
Examples:
  ottla cluster status
  ottla cluster status --limit 1000 -o json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    /// How many of the partitions that something is wrong with are listed, the worst first.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Shown {
    cluster_id: String,
    features: Vec<ShownFeature>,
    /// None from a cluster that has no quorum.
    controller: Option<ShownController>,
    topics: usize,
    partitions: usize,
    under_replicated_partitions: usize,
    under_min_isr_partitions: usize,
    offline_partitions: usize,
    brokers: Vec<ShownBroker>,
    /// The first of the partitions that something is wrong with.
    worst: Vec<Sick>,
}

#[derive(Serialize)]
struct ShownController {
    id: i32,
    epoch: i32,
    voters: Vec<ShownVoter>,
}

#[derive(Serialize)]
struct ShownVoter {
    id: i32,
    /// How many entries of the metadata log it lacks; none = not known.
    lag: Option<i64>,
}

#[derive(Serialize)]
struct ShownBroker {
    id: i32,
    state: &'static str,
    host: Option<String>,
    port: Option<i32>,
    rack: Option<String>,
    /// How many partitions it leads.
    leaders: usize,
    replicas: usize,
    /// How many of its replicas aren't in sync.
    out_of_sync: usize,
}

impl Status {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let cluster = self.connect.cluster(false).await?;
        let admin = Admin::new(cluster.clone());
        let quorum = match admin.describe_quorum().await {
            Ok(quorum) => Some(quorum),
            Err(client::Error::UnsupportedVersion { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let request = DescribeClusterRequest { include_fenced_brokers: true, ..Default::default() };
        let described = cluster.any().await?.call(&request).await?;
        if !described.error_code.is_none() {
            return Err(refused("DescribeCluster", described.error_code));
        }
        let topics = admin.list_topics().await?;
        let health = Health::of(&topics, &minimums(&cluster, &topics).await?);
        let shown = Shown {
            cluster_id: described.cluster_id,
            features: features(versions(&cluster).await?),
            controller: quorum.as_ref().map(ShownController::of),
            topics: topics.len(),
            partitions: health.partitions,
            under_replicated_partitions: health.under_replicated,
            under_min_isr_partitions: health.under_min_isr,
            offline_partitions: health.offline,
            brokers: brokers(&described.brokers, &health),
            worst: health.worst(self.limit),
        };
        let sick = health.sick.len();
        let text = |shown: &Shown| shown.text(sick);
        unless_closed(self.output.print_text(&mut *process.output, &shown, text))
    }
}

/// `min.insync.replicas` of each topic.
async fn minimums(
    cluster: &Cluster,
    topics: &[std::sync::Arc<client::metadata_cache::Topic>],
) -> Result<health::Minimums, Error> {
    let mut minimums = health::Minimums::new();
    for some in topics.chunks(health::TOPICS_PER_REQUEST) {
        let request = health::request(some);
        let response = cluster.any().await?.call(&request).await?;
        minimums.extend(health::minimums(response));
    }
    Ok(minimums)
}

fn refused(subject: &str, code: ErrorCode) -> Error {
    client::Error::Answer { subject: subject.into(), code, message: None }.into()
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Those that are registered, and those that hold replicas and are not.
fn brokers(described: &[DescribeClusterBroker], health: &Health) -> Vec<ShownBroker> {
    let mut ids: Vec<BrokerId> = described.iter().map(|broker| broker.broker_id).collect();
    ids.extend(health.by_broker.keys());
    ids.sort();
    ids.dedup();
    let shown = ids.into_iter().map(|id| {
        let known = described.iter().find(|broker| broker.broker_id == id);
        let load = health.by_broker.get(&id).copied().unwrap_or_default();
        ShownBroker {
            id: id.0,
            state: match known {
                Some(broker) if broker.is_fenced => "fenced",
                Some(_) => "up",
                None => "away",
            },
            host: known.map(|broker| broker.host.clone()),
            port: known.map(|broker| broker.port),
            rack: known.and_then(|broker| broker.rack.clone()),
            leaders: load.leaders,
            replicas: load.replicas,
            out_of_sync: load.out_of_sync,
        }
    });
    shown.collect()
}

impl ShownController {
    fn of(quorum: &Quorum) -> Self {
        let voters = quorum.voters.iter();
        Self {
            id: quorum.leader.0,
            epoch: quorum.leader_epoch.0,
            voters: voters
                .map(|voter| ShownVoter { id: voter.replica_id.0, lag: quorum.lag(voter) })
                .collect(),
        }
    }

    fn line(&self) -> String {
        let lag = |voter: &ShownVoter| match voter.lag {
            Some(0) => voter.id.to_string(),
            Some(lag) => format!("{} (lags by {lag})", voter.id),
            None => format!("{} (not heard of)", voter.id),
        };
        let voters: Vec<_> = self.voters.iter().map(lag).collect();
        let Self { id, epoch, .. } = self;
        format!("controller {id} is active in epoch {epoch}, voters are {}", voters.join(", "))
    }
}

impl Shown {
    fn text(&self, sick: usize) -> String {
        let features = self.features.iter().map(|own| format!(", {} {}", own.name, own.level));
        let mut text = format!("cluster {}{}\n", self.cluster_id, features.collect::<String>());
        if let Some(controller) = &self.controller {
            text.push_str(&format!("{}\n", controller.line()));
        }
        text.push_str(&format!(
            "{}, {}: {} under-replicated, {} under min.insync.replicas, {} offline\n\n",
            counted(self.topics, "topic"),
            counted(self.partitions, "partition"),
            self.under_replicated_partitions,
            self.under_min_isr_partitions,
            self.offline_partitions
        ));
        text.push_str(&self.brokers_table().to_string());
        if !self.worst.is_empty() {
            text.push_str(&format!("\n{}", health::table(&self.worst)));
        }
        let more = sick - self.worst.len();
        if more > 0 {
            text.push_str(&format!("and {more} more: --limit shows them\n"));
        }
        text
    }

    fn brokers_table(&self) -> Table {
        let headings = ["BROKER", "STATE", "ADDRESS", "RACK", "LEADS", "REPLICAS", "OUT OF SYNC"];
        let mut table = Table::new(headings);
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        for broker in &self.brokers {
            let address = broker.host.as_ref().zip(broker.port);
            table.row([
                broker.id.to_string(),
                broker.state.to_owned(),
                or_none(address.map(|(host, port)| format!("{host}:{port}"))),
                or_none(broker.rack.clone()),
                broker.leaders.to_string(),
                broker.replicas.to_string(),
                broker.out_of_sync.to_string(),
            ]);
        }
        table
    }
}
