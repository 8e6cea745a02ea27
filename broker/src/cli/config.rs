//! `ottla config`: what topics and brokers are configured with, and where each value comes from.

pub(super) mod change;
mod describe;
mod resource;
mod set;

use clap::{Args, Subcommand};

use super::{Error, Process, output::unless_closed};

#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a configuration.
    Describe(describe::Describe),
    /// Set keys of a topic, of a broker, or of all brokers.
    #[command(alias = "alter")]
    Set(set::Set),
    /// Leave keys to their defaults again.
    Unset(set::Unset),
}

impl Config {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        unless_closed(match self.action {
            Action::Describe(describe) => describe.run(process).await,
            Action::Set(set) => set.run(process).await,
            Action::Unset(unset) => unset.run(process).await,
        })
    }
}
