//! `ottla topic alter`: more partitions, another configuration.

use std::collections::BTreeMap;

use clap::Args;
use client::{Admin, ConfigResource, admin::ConfigChange};
use protocol::{ErrorCode, TopicName};
use serde::Serialize;

use crate::cli::{
    Error, Process,
    advice::on_unknown_topic,
    config::change::{Changed, alter, in_words},
    connect::{Connect, TopicArgument},
    output::Output,
    setting::{Setting, setting},
};

const EXAMPLES: &str = "\
Examples:
  ottla topic alter orders --partitions 20
  ottla topic alter orders --config retention.ms=60000 --delete-config segment.bytes";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Alter {
    #[command(flatten)]
    topic: TopicArgument,
    /// How many partitions the topic shall have: more than it has. Keys move to other partitions.
    #[arg(long, short, value_name = "N")]
    partitions: Option<i32>,
    /// Configure the topic. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<Setting>,
    /// Leave a key to the cluster's default again. May be given several times.
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    delete_config: Vec<String>,
    /// Only check whether it could be altered.
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

/// What was altered, for programs.
#[derive(Serialize)]
struct Altered<'a> {
    topic: &'a str,
    outcome: &'static str,
    /// How many there are to be, if that was asked for.
    partitions: Option<i32>,
    configs: Vec<Changed<'a>>,
}

impl Alter {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let changes = self.changes();
        if changes.is_empty() && self.partitions.is_none() {
            return Err(Error::Usage("nothing to alter".to_owned())
                .with_tip("write --partitions, --config or --delete-config"));
        }
        let admin = Admin::new(self.connect.cluster(false).await?);
        let name = self.topic.name();
        let topic = match admin.describe_topic(&name).await {
            Ok(topic) => topic,
            Err(error) => return Err(on_unknown_topic(&admin, &name, error).await),
        };
        // All is checked before anything is done: half of it would be neither the old nor the new.
        self.alter_configs(&admin, &name, &changes, true).await?;
        if let Some(count) = self.partitions {
            self.create_partitions(&admin, &name, count, true).await?;
            process.warn(format_args!(
                "records with the same key may go to another partition than before: a key's \
                 partition depends on how many there are ({} so far, {count} then)",
                topic.partitions.len()
            ));
        }
        if !self.validate_only {
            self.alter_configs(&admin, &name, &changes, false).await?;
            if let Some(count) = self.partitions {
                self.create_partitions(&admin, &name, count, false).await?;
            }
        }
        let altered = Altered {
            topic: name.as_str(),
            outcome: if self.validate_only { "valid" } else { "altered" },
            partitions: self.partitions,
            configs: changes.iter().map(|c| Changed::new(c, self.validate_only)).collect(),
        };
        self.output.print_text(&mut *process.output, &altered, |_| self.in_words(&name, &changes))
    }

    /// What was done: a line for each.
    fn in_words(&self, name: &TopicName, changes: &[ConfigChange]) -> String {
        if self.validate_only {
            return format!("topic {name} could be altered\n");
        }
        let partitions =
            self.partitions.map(|count| format!("topic {name} has {count} partitions\n"));
        let configs = changes.iter().map(|change| format!("topic {name}: {}\n", in_words(change)));
        partitions.into_iter().chain(configs).collect()
    }

    fn changes(&self) -> Vec<ConfigChange> {
        let set = self.config.iter().map(|Setting { key, value }| ConfigChange::set(key, value));
        let unset = self.delete_config.iter().map(ConfigChange::delete);
        set.chain(unset).collect()
    }

    async fn alter_configs(
        &self,
        admin: &Admin,
        name: &TopicName,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        alter(admin, &ConfigResource::Topic(name.clone()), changes, validate_only).await
    }

    async fn create_partitions(
        &self,
        admin: &Admin,
        name: &TopicName,
        count: i32,
        validate_only: bool,
    ) -> Result<(), Error> {
        let counts = BTreeMap::from([(name.clone(), count)]);
        let results = admin.create_partitions(&counts, validate_only).await?;
        match results.into_values().collect::<Result<(), _>>() {
            Err(error) if error.code() == Some(ErrorCode::InvalidPartitions) => {
                let tip = "partitions are only ever added: fewer of them need another topic";
                Err(Error::from(error).with_tip(tip))
            }
            other => Ok(other?),
        }
    }
}
