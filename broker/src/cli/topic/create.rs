//! `ottla topic create`.

use std::str::FromStr;

use clap::Args;
use client::{Admin, NewTopic};
use protocol::{BrokerId, ErrorCode, TopicName};

use crate::cli::{
    Error, Process,
    advice::{Keys, on_refused_configs},
    connect::{Connect, TopicArguments},
    output::Output,
    setting::{Setting, setting},
};

use super::outcomes::Outcomes;

const EXAMPLES: &str = "\
Examples:
  ottla topic create orders --partitions 10
  ottla topic create orders --if-not-exists --config retention.ms=604800000
  ottla topic create orders --replica-assignment 1:2,2:3,3:1
  ottla topic create --bootstrap-server host:9092 --topic orders --replication-factor 3";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Create {
    #[command(flatten)]
    topics: TopicArguments,
    /// How many partitions; the cluster's num.partitions unless given.
    #[arg(long, short, value_name = "N")]
    partitions: Option<i32>,
    /// How many copies of each; the cluster's default.replication.factor unless given.
    #[arg(long, short, value_name = "N")]
    replication_factor: Option<i16>,
    /// The brokers of each partition's replicas, the preferred leader first: 1:2,2:3 has two
    /// partitions.
    #[arg(
        long,
        value_name = "ID:ID,..",
        value_delimiter = ',',
        conflicts_with_all = ["partitions", "replication_factor"]
    )]
    replica_assignment: Vec<Replicas>,
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
    #[command(flatten)]
    output: Output,
}

impl Create {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let topics: Vec<_> = self.topics.names().into_iter().map(|name| self.topic(name)).collect();
        let mut outcomes = Outcomes::default();
        for (name, result) in admin.create_topics(&topics, self.validate_only).await? {
            match result {
                Ok(()) if self.validate_only => {
                    outcomes.good(&name, format!("topic {name} could be created"), "valid");
                }
                Ok(()) => outcomes.good(&name, format!("topic {name} created"), "created"),
                Err(error) if self.may_exist(&error) => {
                    outcomes.good(&name, format!("topic {name} exists already"), "exists");
                }
                Err(error) => outcomes.bad(&name, self.explain(error)),
            }
        }
        outcomes.conclude(process, &self.output)
    }

    fn topic(&self, name: TopicName) -> NewTopic {
        let mut topic = NewTopic::new(name)
            .partitions(self.partitions)
            .replication_factor(self.replication_factor);
        if !self.replica_assignment.is_empty() {
            topic = topic.assignments(self.replica_assignment.iter().map(|all| all.0.clone()));
        }
        self.config
            .iter()
            .cloned()
            .map(Setting::into_pair)
            .fold(topic, |topic, (key, value)| topic.config(key, value))
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

/// The replicas of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Replicas(Vec<BrokerId>);

impl FromStr for Replicas {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ids = text.split(':').map(|id| id.trim().parse().map(BrokerId));
        let ids = ids.collect::<Result<_, _>>();
        ids.map(Self).map_err(|_| "write brokers' ids with colons between them, such as 1:2:3")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_ids_between_colons() {
        let replicas = |text: &str| text.parse::<Replicas>().ok();
        assert_eq!(replicas("1"), Some(Replicas(vec![BrokerId(1)])));
        assert_eq!(replicas("3: 1"), Some(Replicas(vec![BrokerId(3), BrokerId(1)])));
        for text in ["", ":", "1:", "a", "1;2"] {
            assert_eq!(replicas(text), None, "{text}");
        }
    }
}
