//! The options that name a cluster and a topic in it.

use std::time::Duration;

use clap::Args;
use client::{Cluster, ClusterOptions, Doors, Endpoint};
use protocol::TopicName;

use super::Error;

/// People wait at a terminal: what fails is told sooner than a program would be.
const RETRY_FOR: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Connect {
    /// Brokers to find the cluster through, separated by commas.
    #[arg(
        long,
        short = 'b',
        visible_alias = "bootstrap-server",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:9092"
    )]
    bootstrap: String,
}

impl Connect {
    /// Finds the cluster.
    pub(super) async fn cluster(&self, allow_auto_topic_creation: bool) -> Result<Cluster, Error> {
        let bootstrap = Endpoint::parse_list(&self.bootstrap)
            .map_err(|error| Error::Usage(format!("--bootstrap: {error}")))?;
        let options = ClusterOptions {
            retry_for: RETRY_FOR,
            allow_auto_topic_creation,
            ..Default::default()
        };
        Ok(Cluster::connect(Doors::system(), bootstrap, options).await?)
    }
}

/// One topic, as an argument or, in the habit of Kafka's tools, as an option.
#[derive(Debug, Args)]
pub(super) struct TopicArgument {
    /// The topic.
    #[arg(value_name = "TOPIC", required_unless_present = "named")]
    topic: Option<String>,
    /// The same as an option.
    #[arg(short = 't', long = "topic", value_name = "TOPIC", conflicts_with = "topic")]
    named: Option<String>,
}

impl TopicArgument {
    pub(super) fn name(&self) -> TopicName {
        let name = self.topic.as_ref().or(self.named.as_ref());
        name.expect("the command line requires one of them").as_str().into()
    }
}
