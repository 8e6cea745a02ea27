//! Every developer command of Ottla. Light on purpose: it builds in seconds, and prepares what the
//! heavy builds need. It holds no logic of the product.

// A developer's command is not simulated: it starts processes, reads files, and prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod clients;
mod cluster;
mod fix;
mod journal;
mod libclang;
mod node;
mod project;
mod purity;
mod python;
mod rocksdb;
mod run;
mod sim;
mod soak;
mod step;
mod test;
mod tidy;
mod toolchain;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  run [-- ARGS]            build in release and start a node on 127.0.0.1:9092, data under ./data;
                           ARGS go to `ottla start`, for example: -- --set key=value
  test [--quick] [WORD..]  everything CI runs; --quick leaves out what takes minutes;
                           words pick the steps whose names contain one of them
  bench [--quick] [WORD..] measures a release node beside the machine's own ceiling; words pick the
                           cells whose names contain one of them; `bench list` names them
  bench cluster [--quick] [WORD..]
                           the same of three nodes as one cluster: throughput, failover, idling
  sim --seed N             one run of the simulation, its output shown
  sim --seeds A..B         a campaign over the seeds A to B, both included
      [--scenario NAME]    one scenario instead of the seed's own choice
      [--bug NAME]         with a bug of the museum planted: up to the first seed that notices
  sim list                 the scenarios
  sim museum               plants every bug in turn, and tells how soon each is noticed
  soak [--minutes N] [--seed N] [--ottla FILE] [--base-port PORT]
                           a cluster of three under real clients, its processes killed at random;
                           for ten minutes unless told otherwise, and of a fresh build unless of
                           a binary that is named
  fix                      format, and apply what the lints suggest
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(ExitCode::FAILURE);
    };
    match command.as_str() {
        "run" => run::run(rest),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "sim" => sim::run(rest),
        "soak" => soak::run(rest),
        "fix" => fix::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        unknown => bail!("there is no command {unknown:?}; `cargo xtask help` lists them"),
    }
}
