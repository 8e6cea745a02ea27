//! Measures a node of Ottla beside the ceiling of the machine it runs on.
//!
//! The ceiling is a stub broker that does the least a broker can do, under the same load in the
//! same run. `cargo xtask bench` builds everything and calls `bench run`; the other commands are
//! its parts, for whoever profiles a node.

// A developer's command is not simulated: it starts processes, reads files, and prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod cell;
mod cells;
mod cluster;
mod command_line;
mod connection;
mod control;
mod failover;
mod fetcher;
mod frame;
mod load;
mod machine;
mod measure;
mod payload;
mod prepared;
mod report;
mod schedule;
mod server;
mod stub;
mod topics;
mod usage;

use anyhow::{Result, bail};
use command_line::CommandLine;
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
bench COMMAND

  run --ottla PROGRAM --dir DIR --results FILE [--rdkafka PROGRAM] [--sim PROGRAM] [--quick]
      [cluster] [WORD..]
      every cell of a single node, or of a cluster, or those of them whose names contain a word;
      prints a table
  list
      the cells
  touch --dir DIR [--megabytes N]
      uses free memory once, all of it or as much as a load will need: right before the load
  stub --dir DIR [--partitions N] [--wrap-mib N] [--sync] [--copy-to HOST:PORT,..]
      the stub broker; prints its port, and ends when its input does; what it's sent at acks=all
      it copies to other stubs first
  produce --bootstrap HOST:PORT [--topic T] [--partitions N] [--record-bytes N] [--batch-bytes N]
          [--batches-per-request N] [--compression CODEC] [--acks N] [--connections N] [--depth N]
          [--megabytes N] [--replicas N] [--pid N]
      as fast as the broker takes it; creates the topic; with --pid, the broker's CPU seconds
  paced --bootstrap HOST:PORT [--rate N] [--seconds N] and the options of produce
      requests at a fixed rate; latencies count from when each was due
  fetch --bootstrap HOST:PORT [--topic T] [--partitions N] [--consumers N] [--pid N]
      reads a topic from its start to its end
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(ExitCode::FAILURE);
    };
    if command == server::GUARDED {
        match server::guarded(rest)? {}
    }
    let line = CommandLine::parse(rest)?;
    match command.as_str() {
        "run" => return bench::run(line),
        "list" => cells::list(),
        "stub" => stub::run(line)?,
        "touch" => touch(line)?,
        "produce" => load::by_hand::produce(line)?,
        "paced" => load::by_hand::paced(line)?,
        "fetch" => load::by_hand::fetch(line)?,
        "help" | "--help" | "-h" => print!("{HELP}"),
        unknown => bail!("there is no command {unknown:?}; `bench help` lists them"),
    }
    Ok(ExitCode::SUCCESS)
}

fn touch(mut line: CommandLine) -> Result<()> {
    let directory = PathBuf::from(line.required("dir")?);
    let megabytes: u64 = line.number("megabytes", 0)?;
    line.finish()?;
    let touched = match megabytes {
        0 => control::touch_free_memory(&directory)?,
        some => control::touch_memory(&directory, some * 1_000_000)?,
    };
    println!("{:.1} GB touched", touched as f64 / 1e9);
    Ok(())
}
