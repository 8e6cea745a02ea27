//! `cargo xtask sim`: seeds of the simulation, one process each, on all cores.
//!
//! The simulator's program takes `--seed N [--scenario NAME]`, prints a line `seed N trace HASH`,
//! and ends with an exit code other than zero when something promised was broken.

use crate::journal::wait;
use crate::project::{Project, cores};
use crate::step::{Outcome, Stage};
use crate::toolchain::{Toolchain, World};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A run that takes longer hangs: simulated time costs nearly nothing.
const RUN: Duration = Duration::from_secs(300);

/// Each of these runs twice, in two processes, and must leave the same trace.
const TWICE_EVERY: u64 = 50;

const SEEDS: RangeInclusive<u64> = 1..=50;
const SEEDS_QUICK: RangeInclusive<u64> = 1..=5;

/// What the client library promises is promised over this many seeds.
const CLIENT_LIBRARY: &str = "our_client_rides_through_kills_and_power_loss";
const CLIENT_LIBRARY_SEEDS: RangeInclusive<u64> = 1..=200;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let request = Request::parse(arguments)?;
    let project = Project::locate()?;
    let toolchain = Toolchain::prepare(&project)?;
    if !build(&toolchain).status().context("running cargo build")?.success() {
        bail!("the simulation does not build");
    }
    let program = program(&project);
    match request {
        Request::List => show(Command::new(program).arg("list")),
        Request::One(seed, scenario) => {
            let code =
                show(command(&program, seed, scenario.as_deref()).env("RUST_BACKTRACE", "1"))?;
            if code != ExitCode::SUCCESS {
                println!("{}", reproduce(seed, scenario.as_deref()));
            }
            Ok(code)
        }
        Request::Campaign(seeds, scenario) => {
            let begun = Instant::now();
            let campaign = Campaign::new(program, project.target.join("xtask-logs"), scenario)?;
            let count = seeds.clone().count();
            let failures = campaign.run(seeds)?;
            for failure in &failures {
                println!("{failure}\n");
            }
            let took = begun.elapsed().as_secs_f64();
            println!("{count} seeds, {} failures, {took:.1} s", failures.len());
            Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// A step of `cargo xtask test`: seeds of whichever scenarios they pick.
pub(crate) fn check_seeds(stage: &mut Stage<'_>) -> Result<Outcome> {
    let seeds = if stage.quick { SEEDS_QUICK } else { SEEDS };
    check(stage, seeds, None)
}

/// A step of `cargo xtask test`: our client library against a node that dies again and again.
pub(crate) fn check_client_library(stage: &mut Stage<'_>) -> Result<Outcome> {
    let seeds = if stage.quick { SEEDS_QUICK } else { CLIENT_LIBRARY_SEEDS };
    check(stage, seeds, Some(CLIENT_LIBRARY))
}

fn check(
    stage: &mut Stage<'_>,
    seeds: RangeInclusive<u64>,
    scenario: Option<&str>,
) -> Result<Outcome> {
    stage.build(build(stage.toolchain).arg("--quiet"))?;
    let logs = stage.project.target.join("xtask-logs");
    let campaign = Campaign::new(program(stage.project), logs, scenario.map(str::to_owned))?;
    let failures = campaign.run(seeds.clone())?;
    for failure in &failures {
        stage.journal.note(failure)?;
    }
    let count = seeds.count();
    if !failures.is_empty() {
        bail!("{} of {count} seeds failed", failures.len());
    }
    Ok(Outcome::Passed(format!("{count} seeds")))
}

#[derive(Debug, PartialEq, Eq)]
enum Request {
    List,
    One(u64, Option<String>),
    Campaign(RangeInclusive<u64>, Option<String>),
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self> {
        if matches!(arguments, [only] if only == "list") {
            return Ok(Self::List);
        }
        let (mut seeds, mut scenario) = (None, None);
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let value = rest.next().with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--seed" => {
                    let seed = number(value)?;
                    seeds = Some(seed..=seed);
                }
                "--seeds" => {
                    let (from, to) = value.split_once("..").context("seeds are written A..B")?;
                    seeds = Some(number(from)?..=number(to)?);
                }
                "--scenario" => scenario = Some(value.clone()),
                unknown => bail!("sim has no option {unknown}"),
            }
        }
        let seeds = seeds.context("sim needs --seed N or --seeds A..B")?;
        if seeds.is_empty() {
            bail!("there is no seed from {} to {}", seeds.start(), seeds.end());
        }
        if seeds.start() == seeds.end() {
            return Ok(Self::One(*seeds.start(), scenario));
        }
        Ok(Self::Campaign(seeds, scenario))
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("{text:?} is not a seed"))
}

/// Many seeds of one scenario, or of the scenario that each seed picks.
struct Campaign {
    program: PathBuf,
    logs: PathBuf,
    scenario: Option<String>,
}

impl Campaign {
    fn new(program: PathBuf, logs: PathBuf, scenario: Option<String>) -> Result<Self> {
        let logs = logs.join("seeds").join(scenario.as_deref().unwrap_or_default());
        std::fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        Ok(Self { program, logs, scenario })
    }

    /// Runs all seeds and returns what failed, each with the line that reproduces it.
    fn run(&self, seeds: RangeInclusive<u64>) -> Result<Vec<String>> {
        let first = *seeds.start();
        let next = AtomicU64::new(first);
        let failures = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..cores() {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !seeds.contains(&seed) {
                            return;
                        }
                        let twice = seed == first || seed.is_multiple_of(TWICE_EVERY);
                        if let Err(error) = self.check(seed, twice) {
                            let line = reproduce(seed, self.scenario.as_deref());
                            let failure = format!("seed {seed}: {error:#}\n{line}");
                            failures.lock().expect("no holder panics").push((seed, failure));
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner().expect("no holder panics");
        failures.sort();
        Ok(failures.into_iter().map(|(_, failure)| failure).collect())
    }

    fn check(&self, seed: u64, twice: bool) -> Result<()> {
        let trace = self.trace(seed)?;
        if twice {
            let again = self.trace(seed)?;
            if trace != again {
                bail!("two runs of the seed differ: trace {trace}, then {again}");
            }
        }
        Ok(())
    }

    /// Runs one seed in a process of its own, and returns the hash of what happened.
    fn trace(&self, seed: u64) -> Result<String> {
        let log = self.logs.join(format!("{seed}.log"));
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut child = command(&self.program, seed, self.scenario.as_deref())
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("sharing the log")?)
            .stderr(output)
            .spawn()
            .context("starting the simulation")?;
        let status = wait(&mut child, RUN)?;
        let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        match status {
            Some(status) if status.success() => trace_in(&text, seed)
                .map(str::to_owned)
                .with_context(|| format!("it printed no trace; see {}", log.display())),
            Some(status) => bail!("{status}: {}\nall of it: {}", tail(&text), log.display()),
            None => bail!("it did not end within {RUN:?}; see {}", log.display()),
        }
    }
}

/// Reads the hash out of `seed N trace HASH`.
fn trace_in(text: &str, seed: u64) -> Option<&str> {
    let prefix = format!("seed {seed} trace ");
    text.lines().rev().find_map(|line| line.strip_prefix(&prefix)).map(str::trim)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

fn reproduce(seed: u64, scenario: Option<&str>) -> String {
    let mut line = format!("reproduce: cargo xtask sim --seed {seed}");
    if let Some(scenario) = scenario {
        line.push_str(" --scenario ");
        line.push_str(scenario);
    }
    line
}

fn build(toolchain: &Toolchain) -> Command {
    let mut build = toolchain.cargo(World::Simulation, "build");
    build.args(["--package", "sim", "--bin", "sim"]);
    build
}

fn program(project: &Project) -> PathBuf {
    // The target folder of that world, then the profile, then the program: all are called so.
    project.target.join("sim/sim/sim")
}

fn command(program: &Path, seed: u64, scenario: Option<&str>) -> Command {
    let mut command = Command::new(program);
    command.args(["--seed", &seed.to_string()]);
    if let Some(scenario) = scenario {
        command.args(["--scenario", scenario]);
    }
    command
}

fn show(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().context("starting the simulation")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::{Request, reproduce, trace_in};

    fn parse(line: &str) -> Option<Request> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Request::parse(&arguments).ok()
    }

    #[test]
    fn a_request_is_one_seed_or_a_range_with_both_ends() {
        assert_eq!(parse("--seed 42"), Some(Request::One(42, None)));
        assert_eq!(parse("--seeds 1..500"), Some(Request::Campaign(1..=500, None)));
        let scenario = Some("crash".to_owned());
        assert_eq!(parse("--scenario crash --seed 7"), Some(Request::One(7, scenario)));
        for wrong in ["", "--seeds 5..1", "--seed", "--seed x", "--bug y"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_trace_is_the_last_line_of_its_seed() {
        let text = "starting\nseed 7 trace 00ff\n";
        assert_eq!(trace_in(text, 7), Some("00ff"));
        assert_eq!(trace_in(text, 8), None);
    }

    #[test]
    fn a_failure_is_reproduced_by_one_line() {
        let line = reproduce(3, Some("crash"));
        assert_eq!(line, "reproduce: cargo xtask sim --seed 3 --scenario crash");
    }
}
