//! `ottla config set` and `ottla config unset`.

use clap::Args;
use client::{Admin, ConfigResource, admin::ConfigChange};

use crate::cli::{
    Error, Process,
    advice::on_unknown_topic,
    connect::Connect,
    output::Output,
    setting::{Setting, setting, settings},
};

use super::{
    change::{Changed, alter, in_words},
    resource::Target,
};

const SET_EXAMPLES: &str = "\
Examples:
  ottla config set topic orders retention.ms=60000 cleanup.policy=compact,delete
  ottla config set broker 1 log.cleaner.threads=2
  ottla config set cluster log.retention.ms=86400000
  ottla config set --entity-type topics --entity-name orders --add-config retention.ms=60000";

const UNSET_EXAMPLES: &str = "\
Examples:
  ottla config unset topic orders retention.ms
  ottla config unset --entity-type topics --entity-name orders --delete-config retention.ms";

#[derive(Debug, Args)]
#[command(
    after_help = SET_EXAMPLES,
    override_usage = "ottla config set [OPTIONS] <topic NAME|broker ID|cluster> KEY=VALUE..."
)]
pub(super) struct Set {
    #[command(flatten)]
    target: Target,
    /// Settings between commas, as Kafka's tool has it; brackets around a value with commas.
    #[arg(long, value_name = "KEY=VALUE", hide_short_help = true)]
    add_config: Vec<String>,
    /// Keys to unset in the same request.
    #[arg(long, value_name = "KEY", value_delimiter = ',', hide_short_help = true)]
    delete_config: Vec<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
#[command(
    after_help = UNSET_EXAMPLES,
    override_usage = "ottla config unset [OPTIONS] <topic NAME|broker ID|cluster> KEY..."
)]
pub(super) struct Unset {
    #[command(flatten)]
    target: Target,
    /// Keys, as Kafka's tool has it.
    #[arg(long, value_name = "KEY", value_delimiter = ',', hide_short_help = true)]
    delete_config: Vec<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Only check whether it could be done.
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

impl Set {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        let (resource, words) = self.target.read()?;
        let usage = |word: &str, error: String| Error::Usage(format!("{word}: {error}"));
        let mut set: Vec<Setting> = Vec::new();
        for word in words {
            set.push(setting(word).map_err(|error| usage(word, error))?);
        }
        for word in &self.add_config {
            set.extend(settings(word).map_err(|error| usage(word, error))?);
        }
        let set = set.into_iter().map(|Setting { key, value }| ConfigChange::set(key, value));
        let changes: Vec<_> =
            set.chain(self.delete_config.iter().map(ConfigChange::delete)).collect();
        self.how.change(process, &resource, &changes, "KEY=VALUE").await
    }
}

impl Unset {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        let (resource, words) = self.target.read()?;
        let keys = words.iter().chain(&self.delete_config);
        let changes: Vec<_> = keys.map(ConfigChange::delete).collect();
        self.how.change(process, &resource, &changes, "KEY").await
    }
}

impl How {
    async fn change(
        &self,
        mut process: Process,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        missing: &str,
    ) -> Result<(), Error> {
        if changes.is_empty() {
            let tip = format!("write {missing} behind the resource");
            return Err(Error::Usage(format!("nothing to change for {resource}")).with_tip(tip));
        }
        let admin = Admin::new(self.connect.cluster(false).await?);
        require(&admin, resource).await?;
        alter(&admin, resource, changes, self.validate_only).await?;
        let not_yet = if self.validate_only { " (only checked)" } else { "" };
        let line = |change| format!("{resource}: {}{not_yet}\n", in_words(change));
        let changed = changes.iter().map(|change| Changed::new(change, self.validate_only));
        let changed: Vec<_> = changed.collect();
        let out = &mut *process.output;
        self.output.print_text(out, &changed, |_| changes.iter().map(line).collect())
    }
}

/// Explains at once that a topic doesn't exist.
pub(super) async fn require(admin: &Admin, resource: &ConfigResource) -> Result<(), Error> {
    let ConfigResource::Topic(name) = resource else { return Ok(()) };
    match admin.describe_topic(name).await {
        Ok(_) => Ok(()),
        Err(error) => Err(on_unknown_topic(admin, name, error).await),
    }
}
