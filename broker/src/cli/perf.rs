//! `ottla perf`: loads that measure a cluster, and the codecs on the user's own data.
//!
//! Every load ends by itself, and tells what it has when it's interrupted. When records are due, how
//! payloads are laid out, what is counted and how it's printed are rules, each in a file of its own;
//! `produce`, `consume` and `e2e` only bring them together with the client.

mod codecs;
mod consume;
mod cpu;
mod e2e;
mod files;
mod generator;
mod latencies;
mod measured;
mod options;
mod payload;
mod produce;
mod report;
mod schedule;
mod tally;
mod turns;
mod watch;

use clap::{Args, Subcommand};

use super::{Error, Process, output::unless_closed};

#[derive(Debug, Args)]
pub(super) struct Perf {
    #[command(subcommand)]
    load: Load,
}

#[derive(Debug, Subcommand)]
enum Load {
    /// How fast records are taken, or how soon at a given rate.
    Produce(produce::Produce),
    /// How fast records are read.
    Consume(consume::Consume),
    /// How long a record takes from a producer to a consumer.
    E2e(e2e::E2e),
    /// What each codec makes of your own data.
    Codecs(codecs::Codecs),
}

impl Perf {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        unless_closed(match self.load {
            Load::Produce(produce) => Box::pin(produce.run(process)).await,
            Load::Consume(consume) => Box::pin(consume.run(process)).await,
            Load::E2e(e2e) => Box::pin(e2e.run(process)).await,
            Load::Codecs(codecs) => Box::pin(codecs.run(process)).await,
        })
    }
}
