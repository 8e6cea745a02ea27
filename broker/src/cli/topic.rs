//! `ottla topic`: what topics there are, and how they are cut.

mod alter;
mod create;
mod delete;
mod describe;
mod list;
mod outcomes;

use clap::{Args, Subcommand};

use super::{Error, Process, output::unless_closed};

#[derive(Debug, Args)]
pub(super) struct Topic {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create topics.
    Create(create::Create),
    /// List the topics.
    List(list::List),
    /// Show topics: partitions, leaders, replicas, configuration.
    Describe(describe::Describe),
    /// Give a topic more partitions, or another configuration.
    Alter(alter::Alter),
    /// Delete topics and everything in them.
    Delete(delete::Delete),
}

impl Topic {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        unless_closed(match self.action {
            Action::Create(create) => create.run(process).await,
            Action::List(list) => list.run(process).await,
            Action::Describe(describe) => describe.run(process).await,
            Action::Alter(alter) => alter.run(process).await,
            Action::Delete(delete) => delete.run(process).await,
        })
    }
}
