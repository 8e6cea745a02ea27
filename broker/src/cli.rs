//! The command line: `ottla start`, `ottla format` and the rest.
//!
//! Each command has a file of its own. None of them knows a rule of the cluster: they read the
//! configuration, open the doors, call the library, and say in one line what went wrong. What only
//! a process has (its signals, runtimes and exit codes) is `main.rs`'s and comes in as [`Process`].

mod advice;
mod attached;
mod cluster;
mod completions;
mod config;
mod configuration;
mod connect;
mod consume;
mod dev;
mod error;
mod escape;
mod exit;
mod format;
mod output;
mod perf;
mod produce;
mod progress;
mod sending;
mod setting;
mod start;
mod time;
mod topic;

use std::{fmt, future, io};

use clap::{Parser, Subcommand};
use client::door::{Entropy as _, SystemEntropy};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

pub use error::Error;
pub use exit::Exit;

/// A Kafka-compatible, replicated log broker.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, propagate_version = true, after_help = exit::HELP)]
pub struct Cli {
    /// What to log, as RUST_LOG has it: error, warn, info, debug, or broker=debug,info.
    #[arg(long, global = true, value_name = "FILTER", env = "RUST_LOG", hide_env_values = true)]
    #[arg(display_order = 900)]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a node.
    Start(start::Start),
    /// Run a cluster of several nodes on this machine.
    Dev(dev::Dev),
    /// Prepare a node's directories for a cluster.
    Format(format::Format),
    /// Draw an id, as for `ottla format --cluster-id`.
    RandomUuid,
    /// Create, list, describe, alter and delete topics.
    Topic(topic::Topic),
    /// Send records: lines of the input, or whole files.
    Produce(produce::Produce),
    /// Print records, as they come or a range of them.
    Consume(consume::Consume),
    /// Measure a cluster, or compare codecs on your own data.
    Perf(perf::Perf),
    /// Describe, set and unset configurations of topics and brokers.
    Config(config::Config),
    /// Show the cluster: its id, its brokers, what it can do.
    Cluster(cluster::Cluster),
    /// Print what makes a shell complete this command's words.
    Completions(completions::Completions),
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
    /// Ends when it's asked again: what was begun isn't waited for. A command that isn't interested
    /// drops it, and the process ends on the spot.
    pub stop_at_once: BoxFuture<'static, ()>,
    /// What people and other programs read.
    pub output: Box<dyn io::Write + Send>,
    /// Whether it's people.
    pub output_is_terminal: bool,
    /// What people are told besides.
    pub warnings: Box<dyn io::Write + Send>,
}

impl Process {
    /// Warns of what is going to happen. It happens whether anybody can read it or not.
    fn warn(&mut self, warning: impl fmt::Display) {
        let style = anstyle::AnsiColor::Yellow.on_default().bold();
        let _ = writeln!(self.warnings, "{style}warning:{style:#} {warning}");
    }

    /// Tells what may be good to know.
    fn note(&mut self, note: impl fmt::Display) {
        let style = anstyle::Style::new().bold();
        let _ = writeln!(self.warnings, "{style}note:{style:#} {note}");
    }

    /// Ends with the first of some failures. The others are told before.
    fn conclude(&mut self, failures: Vec<Error>) -> Result<(), Error> {
        let mut failures = failures.into_iter();
        let Some(first) = failures.next() else { return Ok(()) };
        for other in failures {
            self.warn(other);
        }
        Err(first)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Cli {
    /// What to log, in `RUST_LOG`'s notation: a node tells its story, the others only what is wrong.
    #[must_use]
    pub fn log_filter(&self) -> &str {
        let default = match self.command {
            // What openraft warns of, several times a second while a voter is away, we tell once.
            Command::Start(_) => "info,openraft=error",
            _ => "warn",
        };
        self.log.as_deref().unwrap_or(default)
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub async fn run(self, mut process: Process) -> Result<(), Error> {
        if !matches!(self.command, Command::Dev(_)) {
            process.stop_at_once = Box::pin(future::pending());
        }
        match self.command {
            Command::Start(start) => Box::pin(start.run(process)).await,
            Command::Dev(dev) => Box::pin(dev.run(process, self.log)).await,
            Command::Format(format) => format.run(process),
            Command::RandomUuid => Ok(writeln!(process.output, "{}", SystemEntropy.uuid())?),
            Command::Completions(completions) => completions.run(process),
            Command::Topic(topic) => until_stopped(process, |process| topic.run(process)).await,
            Command::Config(config) => until_stopped(process, |process| config.run(process)).await,
            Command::Cluster(cluster) => {
                let is_endless = cluster.is_endless();
                match until_stopped(process, |process| cluster.run(process)).await {
                    Err(Error::Interrupted) if is_endless => Ok(()),
                    done => done,
                }
            }
            Command::Produce(produce) => Box::pin(produce.run(process)).await,
            Command::Consume(consume) => Box::pin(consume.run(process)).await,
            Command::Perf(perf) => Box::pin(perf.run(process)).await,
        }
    }
}

/// Runs a command that knows nothing of signals: it ends where it is when one comes.
async fn until_stopped<F>(mut process: Process, run: impl FnOnce(Process) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let mut stop = std::mem::replace(&mut process.stop, Box::pin(future::pending()));
    tokio::select! {
        biased;
        () = &mut stop => Err(Error::Interrupted),
        done = Box::pin(run(process)) => done,
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
