//! The options that name a cluster and a topic in it.

use std::time::Duration;

use clap::Args;
use client::{Cluster, ClusterOptions, Doors, Endpoint};
use protocol::TopicName;
use tokio::time::sleep;

use super::{Error, progress::Progress};

/// Who waits longer than that wants to know what for.
const SILENCE_MAX: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Connect {
    /// Brokers to find the cluster through, separated by commas.
    #[arg(
        long,
        short = 'b',
        visible_alias = "bootstrap-server",
        alias = "brokers",
        value_name = "HOST:PORT",
        env = "OTTLA_BOOTSTRAP",
        hide_env_values = true,
        default_value = "127.0.0.1:9092"
    )]
    bootstrap: String,
    /// How many seconds to go on trying before giving up.
    // People wait at a terminal: what fails is told sooner than a program would be.
    #[arg(long = "timeout", value_name = "SECONDS", default_value_t = 10)]
    retry_for_seconds: u32,
}

impl Connect {
    /// Finds the cluster.
    pub(super) async fn cluster(&self, allow_auto_topic_creation: bool) -> Result<Cluster, Error> {
        let bootstrap = Endpoint::parse_list(&self.bootstrap)
            .map_err(|error| Error::Usage(format!("--bootstrap: {error}")))?;
        let options = ClusterOptions {
            retry_for: Duration::from_secs(self.retry_for_seconds.into()),
            allow_auto_topic_creation,
            ..Default::default()
        };
        let connecting = Cluster::connect(Doors::system(), bootstrap, options);
        let waiting = async {
            sleep(SILENCE_MAX).await;
            let _shown = Progress::spinner(format!("waiting for a broker at {}", self.bootstrap));
            std::future::pending().await
        };
        tokio::select! {
            biased;
            connected = connecting => connected.map_err(|error| self.explain(error)),
            never = waiting => never,
        }
    }

    /// Says what may help where no broker is reached.
    fn explain(&self, error: client::Error) -> Error {
        let address = &self.bootstrap;
        let tip = match &error {
            client::Error::Connect { .. } => {
                "is a node running there? `ottla start` starts one on \
                 127.0.0.1:9092, --bootstrap HOST:PORT looks elsewhere"
                    .to_owned()
            }
            client::Error::Disconnected { .. } | client::Error::Malformed { .. } => format!(
                "something listens at {address}, but doesn't speak Kafka's protocol in plain text: \
                 is it a listener for clients, without TLS?"
            ),
            _ => return error.into(),
        };
        Error::from(error).with_tip(tip)
    }
}

/// One topic, as an argument or, in the habit of Kafka's tools, as an option.
#[derive(Debug, Args)]
pub(super) struct TopicArgument {
    /// The topic.
    #[arg(value_name = "TOPIC", required_unless_present = "named")]
    topic: Option<String>,
    /// The topic as an option.
    #[arg(short = 't', long = "topic", value_name = "TOPIC", conflicts_with = "topic")]
    named: Option<String>,
}

impl TopicArgument {
    pub(super) fn name(&self) -> TopicName {
        let name = self.topic.as_ref().or(self.named.as_ref());
        name.expect("the command line requires one of them").as_str().into()
    }
}

/// Several topics, likewise.
#[derive(Debug, Args)]
pub(super) struct TopicArguments {
    /// The topics.
    #[arg(value_name = "TOPIC", required_unless_present = "named")]
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
}

impl TopicArguments {
    pub(super) fn names(&self) -> Vec<TopicName> {
        let names = if self.topics.is_empty() { &self.named } else { &self.topics };
        names.iter().map(|name| name.as_str().into()).collect()
    }
}
