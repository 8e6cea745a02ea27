//! `sim --seed N [--scenario NAME] [--bug ID]` plays a scenario with a seed, and prints the hash of
//! its trace. `sim list` names the scenarios, `sim museum` the bugs that can be planted.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

use std::process::ExitCode;

const USAGE: &str = "usage: sim --seed N [--scenario NAME] [--bug ID] | sim list | sim museum";

#[cfg(not(madsim))]
fn main() -> ExitCode {
    eprintln!("this program needs the simulated world: run `cargo xtask sim --seed 1`");
    eprintln!("{USAGE}");
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
            for scenario in sim::scenario::all() {
                println!("{}", scenario.name);
            }
            ExitCode::SUCCESS
        }
        ["museum"] => {
            for exhibit in sim::museum::ALL {
                let properties = exhibit.properties.join(",");
                let (id, tier) = (exhibit.id(), exhibit.tier);
                let (name, seeds) = (tier.name(), tier.seeds_max());
                println!("{id}\t{name}\t{seeds}\t{properties}\t{}", exhibit.title);
            }
            ExitCode::SUCCESS
        }
        options => match plan(options) {
            Ok(plan) => play(plan),
            Err(complaint) => {
                eprintln!("{complaint}");
                ExitCode::from(2)
            }
        },
    }
}

/// What the options ask for, or what is wrong with them.
#[cfg(madsim)]
fn plan(options: &[&str]) -> Result<sim::run::Plan, String> {
    let (mut seed, mut name, mut bug) = (None, None, None);
    for option in options.chunks(2) {
        match option {
            ["--seed", text] => {
                let number = text.parse::<u64>();
                seed = Some(number.map_err(|_| format!("{text} is no seed: a seed is a number"))?);
            }
            ["--scenario", text] => name = Some(*text),
            ["--bug", id] => {
                let exhibit = sim::museum::find(id);
                let exhibit = exhibit.ok_or_else(|| format!("no bug {id}: see `sim museum`"))?;
                bug = Some(exhibit.bug);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    let seed = seed.ok_or(USAGE)?;
    let swarm = bug.map(|_| sim::scenario::CLUSTER_SWARMS[0].name);
    let scenario = sim::scenario::pick(name.or(swarm), seed).map_err(|error| error.to_string())?;
    Ok(sim::run::Plan { scenario, seed, bug })
}

#[cfg(madsim)]
fn play(plan: sim::run::Plan) -> ExitCode {
    let sim::run::Plan { scenario, seed, bug } = plan;
    match sim::run::run(plan) {
        Ok(outcome) => {
            let simulated = outcome.simulated.as_secs_f64();
            println!("seed {seed} trace {:016x}", outcome.trace);
            println!("seed {seed} simulated {simulated:.1}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            match failure.property() {
                Some(property) => println!("seed {seed} violates {property}: {:#}", failure.error),
                None => println!("seed {seed} failed: {:#}", failure.error),
            }
            let mut again = format!("cargo xtask sim --scenario {} --seed {seed}", scenario.name);
            if let Some(bug) = bug {
                println!("bug {bug:?} was met {} times", failure.times_met);
                again = format!("{again} --bug {bug:?}");
            }
            println!("reproduce: {again}");
            ExitCode::FAILURE
        }
    }
}
