//! `ottla topic delete`.

use clap::Args;
use client::Admin;
use protocol::ErrorCode;

use crate::cli::{
    Error, Process,
    advice::on_unknown_topic,
    connect::{Connect, TopicArguments},
    output::Output,
};

use super::outcomes::Outcomes;

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
    #[command(flatten)]
    output: Output,
}

impl Delete {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        let admin = Admin::new(self.connect.cluster(false).await?);
        let mut outcomes = Outcomes::default();
        for (name, result) in admin.delete_topics(&self.topics.names()).await? {
            match result {
                Ok(()) => outcomes.good(&name, format!("topic {name} deleted"), "deleted"),
                Err(error) if self.may_be_missing(&error) => {
                    outcomes.good(&name, format!("there is no topic {name}"), "missing");
                }
                Err(error) => outcomes.bad(&name, on_unknown_topic(&admin, &name, error).await),
            }
        }
        outcomes.conclude(process, &self.output)
    }

    fn may_be_missing(&self, error: &client::Error) -> bool {
        self.if_exists && error.code() == Some(ErrorCode::UnknownTopicOrPartition)
    }
}
