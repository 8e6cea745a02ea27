//! `ottla topic create`.

use clap::Args;
use client::{Admin, NewTopic};
use protocol::ErrorCode;

use crate::cli::{
    Error, Process,
    advice::{Keys, on_refused_configs},
    connect::{Connect, TopicArguments},
    setting::{Setting, setting},
};

const EXAMPLES: &str = "\
Examples:
  ottla topic create orders --partitions 10
  ottla topic create orders --if-not-exists --config retention.ms=604800000
  ottla topic create --bootstrap-server host:9092 --topic orders --replication-factor 3";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Create {
    #[command(flatten)]
    topics: TopicArguments,
    /// How many partitions; the cluster's num.partitions unless given.
    #[arg(long, short)]
    partitions: Option<i32>,
    /// How many copies of each; the cluster's default.replication.factor unless given.
    #[arg(long, short)]
    replication_factor: Option<i16>,
    /// Configure the topics. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<Setting>,
    /// Leave topics as they are that exist already.
    #[arg(long)]
    if_not_exists: bool,
    /// Only check whether they could be created.
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    connect: Connect,
}

impl Create {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let topic = |name| NewTopic {
            name,
            partition_count: self.partitions,
            replication_factor: self.replication_factor,
            configs: self.config.iter().cloned().map(Setting::into_pair).collect(),
        };
        let topics: Vec<_> = self.topics.names().into_iter().map(topic).collect();
        let done = if self.validate_only { "could be created" } else { "created" };
        let mut failures = Vec::new();
        for (name, result) in admin.create_topics(&topics, self.validate_only).await? {
            match result {
                Ok(()) => writeln!(process.output, "topic {name} {done}")?,
                Err(error) if self.may_exist(&error) => {
                    writeln!(process.output, "topic {name} exists already")?;
                }
                Err(error) => failures.push(self.explain(error)),
            }
        }
        process.conclude(failures)
    }

    fn may_exist(&self, error: &client::Error) -> bool {
        self.if_not_exists && error.code() == Some(ErrorCode::TopicAlreadyExists)
    }

    fn explain(&self, error: client::Error) -> Error {
        if error.code() == Some(ErrorCode::TopicAlreadyExists) {
            return Error::from(error).with_tip("--if-not-exists leaves it as it is");
        }
        let settings = self.config.iter().map(Setting::as_pair);
        on_refused_configs(Keys::OfTopics, settings, error)
    }
}
