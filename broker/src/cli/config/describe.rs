//! `ottla config describe`.

use clap::Args;
use client::{Admin, ConfigResource};
use protocol::api::describe_configs::{
    DescribeConfigsResourceResult, DescribeConfigsSynonym, SOURCE_DEFAULT, SOURCE_DYNAMIC_BROKER,
    SOURCE_DYNAMIC_DEFAULT_BROKER, SOURCE_STATIC_BROKER, SOURCE_TOPIC,
};
use serde::Serialize;

use crate::cli::{
    Error, Process,
    connect::Connect,
    output::{Output, Table},
};

use super::{
    change,
    resource::{self, Target},
    set::require,
};

const EXAMPLES: &str = "\
Examples:
  ottla config describe topic orders
  ottla config describe topic orders --all
  ottla config describe topic orders retention.ms -o json
  ottla config describe broker 1
  ottla config describe --entity-type topics --entity-name orders";

#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "ottla config describe [OPTIONS] <topic NAME|broker ID|cluster> [KEY]..."
)]
pub(super) struct Describe {
    #[command(flatten)]
    target: Target,
    /// Show the keys that nobody has set, too.
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

/// A key, for programs.
#[derive(Serialize)]
struct Shown {
    key: String,
    /// Null where there is none, or where it is a secret.
    value: Option<String>,
    source: &'static str,
    read_only: bool,
    sensitive: bool,
    /// Where the value comes from, and what would apply without it: the strongest first.
    synonyms: Vec<ShownSynonym>,
    documentation: Option<String>,
}

#[derive(Serialize)]
struct ShownSynonym {
    key: String,
    value: Option<String>,
    source: &'static str,
}

impl Describe {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let (resource, keys) = self.target.read()?;
        let cluster = self.connect.cluster(false).await?;
        let admin = Admin::new(cluster.clone());
        require(&admin, &resource).await?;
        if let ConfigResource::Broker(id) = resource
            && !cluster.brokers().iter().any(|broker| broker.id == id)
        {
            return Err(Error::NotFound(format!("there is no broker {id} in service"))
                .with_tip("`ottla cluster` shows the brokers there are"));
        }
        let described = change::describe(&admin, &resource).await?;
        for key in keys {
            if !described.iter().any(|config| config.name == *key) {
                return Err(missing(&resource, key));
            }
        }
        let is_wanted = |config: &DescribeConfigsResourceResult| match keys {
            [] => self.all || is_set(&resource, config),
            keys => keys.contains(&config.name),
        };
        let shown: Vec<_> = described.into_iter().filter(is_wanted).map(Shown::from).collect();
        self.output.print(&mut *process.output, &shown, |shown| {
            let mut table = Table::new(["KEY", "VALUE", "SOURCE"]);
            for config in shown {
                let value = match &config.value {
                    Some(value) => value.clone(),
                    None if config.sensitive => "(hidden)".to_owned(),
                    None => "-".to_owned(),
                };
                table.row([config.key.clone(), value, config.source.to_owned()]);
            }
            table
        })?;
        if process.output_is_terminal && keys.is_empty() && !self.all {
            process.note("--all shows the defaults, too");
        }
        Ok(())
    }
}

fn missing(resource: &ConfigResource, key: &str) -> Error {
    let error = Error::NotFound(format!("{resource} has no key {key}"));
    match resource::keys(resource).instead_of(key) {
        Some(tip) => error.with_tip(tip),
        // A key of brokers that isn't set for all of them.
        None => error.with_tip(format!("{key} is not set")),
    }
}

/// Whether somebody has set it: for a topic, for this very topic.
fn is_set(resource: &ConfigResource, config: &DescribeConfigsResourceResult) -> bool {
    match resource {
        ConfigResource::Topic(_) => config.config_source == SOURCE_TOPIC,
        ConfigResource::Broker(_) | ConfigResource::EveryBroker => {
            config.config_source != SOURCE_DEFAULT
        }
    }
}

impl From<DescribeConfigsResourceResult> for Shown {
    fn from(config: DescribeConfigsResourceResult) -> Self {
        Self {
            key: config.name,
            value: config.value,
            source: source(config.config_source),
            read_only: config.read_only,
            sensitive: config.is_sensitive,
            synonyms: config.synonyms.into_iter().map(ShownSynonym::from).collect(),
            documentation: config.documentation,
        }
    }
}

impl From<DescribeConfigsSynonym> for ShownSynonym {
    fn from(synonym: DescribeConfigsSynonym) -> Self {
        Self { key: synonym.name, value: synonym.value, source: source(synonym.source) }
    }
}

/// Where a value comes from, in a word or two.
fn source(source: i8) -> &'static str {
    match source {
        SOURCE_TOPIC => "topic",
        SOURCE_DYNAMIC_BROKER => "broker",
        SOURCE_DYNAMIC_DEFAULT_BROKER => "cluster",
        SOURCE_STATIC_BROKER => "file",
        SOURCE_DEFAULT => "default",
        _ => "unknown",
    }
}
