//! `sim --seed N [--scenario NAME]` plays a scenario with a seed, and prints the hash of its trace.
//! `sim list` names the scenarios.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

use std::process::ExitCode;

#[cfg(not(madsim))]
fn main() -> ExitCode {
    eprintln!("this program needs the simulated world: run `cargo xtask sim --seed 1`");
    ExitCode::from(2)
}

#[cfg(madsim)]
fn main() -> ExitCode {
    use std::io::stderr;

    use tracing_subscriber::EnvFilter;

    // Silent unless asked: a node that is killed complains a lot.
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "off".to_owned());
    let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter));
    logs.with_writer(stderr).without_time().with_ansi(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => {
            for scenario in sim::scenario::ALL {
                println!("{}", scenario.name);
            }
            ExitCode::SUCCESS
        }
        ["--seed", seed] => play(seed, None),
        ["--seed", seed, "--scenario", name] | ["--scenario", name, "--seed", seed] => {
            play(seed, Some(name))
        }
        _ => {
            eprintln!("usage: sim --seed N [--scenario NAME] | sim list");
            ExitCode::from(2)
        }
    }
}

#[cfg(madsim)]
fn play(seed: &str, scenario: Option<&str>) -> ExitCode {
    let Ok(seed) = seed.parse() else {
        eprintln!("{seed} is no seed: a seed is a number");
        return ExitCode::from(2);
    };
    let scenario = match sim::scenario::pick(scenario, seed) {
        Ok(scenario) => scenario,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match sim::run::run(scenario, seed) {
        Ok(outcome) => {
            println!("seed {seed} trace {:016x}", outcome.trace);
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("seed {seed} failed: {error:#}");
            println!("reproduce: cargo xtask sim --scenario {} --seed {seed}", scenario.name);
            ExitCode::FAILURE
        }
    }
}
