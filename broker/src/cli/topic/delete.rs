//! `ottla topic delete`.

use clap::Args;
use client::Admin;
use protocol::ErrorCode;

use crate::cli::{
    Error, Process,
    advice::on_unknown_topic,
    connect::{Connect, TopicArguments},
};

const EXAMPLES: &str = "\
Examples:
  ottla topic delete orders
  ottla topic delete orders returns --if-exists";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Delete {
    #[command(flatten)]
    topics: TopicArguments,
    /// Pass over topics that don't exist.
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    connect: Connect,
}

impl Delete {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let mut failures = Vec::new();
        for (name, result) in admin.delete_topics(&self.topics.names()).await? {
            match result {
                Ok(()) => writeln!(process.output, "topic {name} deleted")?,
                Err(error) if self.may_be_missing(&error) => {
                    writeln!(process.output, "there is no topic {name}")?;
                }
                Err(error) => failures.push(on_unknown_topic(&admin, &name, error).await),
            }
        }
        process.conclude(failures)
    }

    fn may_be_missing(&self, error: &client::Error) -> bool {
        self.if_exists && error.code() == Some(ErrorCode::UnknownTopicOrPartition)
    }
}
