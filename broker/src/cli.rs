//! The command line: `ottla start`, `ottla format` and the rest.
//!
//! Each command has a file of its own. None of them knows a rule of the cluster: they read the
//! configuration, open the doors, call the library, and say in one line what went wrong. What only
//! a process has (its signals, runtimes and exit codes) is `main.rs`'s and comes in as [`Process`].

mod configuration;
mod connect;
mod consume;
mod format;
mod output;
mod produce;
mod start;
mod topic;

use std::{fmt, io};

use clap::{Parser, Subcommand};
use client::door::{Entropy as _, SystemEntropy};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use crate::config;

/// A Kafka-compatible, replicated log broker.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, propagate_version = true)]
pub struct Cli {
    /// What to log, as RUST_LOG has it: error, warn, info, debug, or broker=debug,info.
    #[arg(long, global = true, value_name = "FILTER", env = "RUST_LOG")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a node.
    Start(start::Start),
    /// Prepare a node's directories for a cluster.
    Format(format::Format),
    /// Draw an id, as for `ottla format --cluster-id`.
    RandomUuid,
    /// Create, list, describe and delete topics.
    Topic(topic::Topic),
    /// Write records: one for each line of the input.
    Produce(produce::Produce),
    /// Read records: a line for each.
    Consume(consume::Consume),
}

/// What a command is given by the process that it runs in.
pub struct Process {
    /// Where the quorum and the heartbeats run.
    pub quorum_runtime: Handle,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
    /// The machine's name.
    pub hostname: String,
    /// How the process was called: what to write to call it again.
    pub program: String,
    /// Ends when the process is asked to stop.
    pub stop: BoxFuture<'static, ()>,
    /// What people and other programs read.
    pub output: Box<dyn io::Write + Send>,
    /// Whether it's people.
    pub output_is_terminal: bool,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Why a command failed, in one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The node can't start, or had to stop.
    #[error(transparent)]
    Node(#[from] crate::Error),
    /// The cluster can't be reached, or refuses.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The input can't be read.
    #[error("can't read the input: {0}")]
    Input(io::Error),
    /// The output can't be written.
    #[error("can't write the output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Whether the caller has to write something else, rather than the machine to be mended.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::Usage(_) | Self::Node(crate::Error::Config(_)) => true,
            Self::Node(_) | Self::Client(_) | Self::Input(_) | Self::Output(_) => false,
        }
    }
}

impl Cli {
    /// What to log, in `RUST_LOG`'s notation: a node tells its story, the others only what is wrong.
    #[must_use]
    pub fn log_filter(&self) -> &str {
        let default = match self.command {
            Command::Start(_) => "info,openraft=warn",
            _ => "warn",
        };
        self.log.as_deref().unwrap_or(default)
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub async fn run(self, mut process: Process) -> Result<(), Error> {
        match self.command {
            Command::Start(start) => Box::pin(start.run(process)).await,
            Command::Format(format) => format.run(process),
            Command::RandomUuid => Ok(writeln!(process.output, "{}", SystemEntropy.uuid())?),
            Command::Topic(topic) => topic.run(process).await,
            Command::Produce(produce) => Box::pin(produce.run(process)).await,
            Command::Consume(consume) => Box::pin(consume.run(process)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn start_takes_settings() {
        let cli = Cli::try_parse_from([
            "ottla",
            "start",
            "--config",
            "server.properties",
            "--set",
            "a=1",
            "--set",
            "b=2",
            "--strict",
        ]);
        let Command::Start(start) = cli.unwrap().command else { panic!("it was start") };
        assert_eq!(start.configuration.sets, ["a=1", "b=2"]);
        assert!(start.configuration.strict && start.configuration.config.is_some());
    }

    #[test]
    fn format_needs_a_cluster() {
        assert!(Cli::try_parse_from(["ottla", "format"]).is_err());
        assert!(Cli::try_parse_from(["ottla", "format", "-t", "x", "-c", "f"]).is_ok());
    }
}
