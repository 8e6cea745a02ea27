//! `cargo xtask sim`: seeds of the simulation, one process each, on all cores; and the museum.

mod campaign;
mod museum;
mod seed_run;

use crate::project::Project;
use crate::step::{Outcome, Stage};
use crate::toolchain::{Toolchain, World};
use anyhow::{Context, Result, bail};
use campaign::{Campaign, Report, Until};
use seed_run::Play;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const SEEDS: RangeInclusive<u64> = 1..=200;
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
    let (program, logs) = (program(&project), logs(&project));
    match request {
        Request::List => show(Command::new(program).arg("list")),
        Request::Museum => museum::tour(&program, &logs),
        Request::One(seed, play) => {
            let code = show(play.command(&program, seed).env("RUST_BACKTRACE", "1"))?;
            if code != ExitCode::SUCCESS {
                println!("{}", play.reproduce(seed));
            }
            Ok(code)
        }
        Request::Campaign(seeds, play) => {
            let until = match play.bug {
                Some(_) => Until::TheFirstViolation,
                None => Until::TheEnd,
            };
            let campaign = Campaign::new(&program, &logs, play)?;
            let report = campaign.run(seeds, until)?;
            tell(&campaign, &report);
            Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn tell(campaign: &Campaign, report: &Report) {
    for failure in failures(campaign, report) {
        println!("{failure}\n");
    }
    println!(
        "{} seeds, {} failures, {:.1} s; {:.0} simulated s, {:.1} for each second of a core",
        report.seeds,
        report.violations.len(),
        report.took.as_secs_f64(),
        report.simulated,
        report.speed()
    );
}

fn failures(campaign: &Campaign, report: &Report) -> Vec<String> {
    let failure = |(seed, violation): &(u64, seed_run::Violation)| {
        format!("seed {seed}: {violation}\n{}", campaign.reproduce(*seed))
    };
    report.violations.iter().map(failure).collect()
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

/// A step of `cargo xtask test`: some of the museum's bugs are noticed as soon as they must be.
pub(crate) fn check_museum(stage: &mut Stage<'_>) -> Result<Outcome> {
    stage.build(build(stage.toolchain).arg("--quiet"))?;
    let (program, logs) = (program(stage.project), logs(stage.project));
    let exhibits = museum::exhibits(&program)?;
    let mut slow = Vec::new();
    for name in museum::SLICE {
        let exhibit = exhibits.iter().find(|exhibit| exhibit.name == name);
        let exhibit = exhibit.with_context(|| format!("the museum has no {name}"))?;
        let hunt = museum::hunt(&program, &logs, exhibit)?;
        stage.journal.note(&format!("{hunt:?}"))?;
        if hunt.caught.is_none() {
            slow.push(name);
        }
    }
    if !slow.is_empty() {
        bail!("not caught: {}", slow.join(", "));
    }
    Ok(Outcome::Passed(format!("{} bugs", museum::SLICE.len())))
}

fn check(
    stage: &mut Stage<'_>,
    seeds: RangeInclusive<u64>,
    scenario: Option<&str>,
) -> Result<Outcome> {
    stage.build(build(stage.toolchain).arg("--quiet"))?;
    let play = Play { scenario: scenario.map(str::to_owned), ..Play::default() };
    let campaign = Campaign::new(&program(stage.project), &logs(stage.project), play)?;
    let report = campaign.run(seeds, Until::TheEnd)?;
    for failure in failures(&campaign, &report) {
        stage.journal.note(&failure)?;
    }
    if !report.violations.is_empty() {
        bail!("{} of {} seeds failed", report.violations.len(), report.seeds);
    }
    Ok(Outcome::Passed(format!("{} seeds", report.seeds)))
}

#[derive(Debug, PartialEq, Eq)]
enum Request {
    List,
    Museum,
    One(u64, Play),
    Campaign(RangeInclusive<u64>, Play),
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self> {
        match arguments {
            [only] if only == "list" => return Ok(Self::List),
            [only] if only == "museum" => return Ok(Self::Museum),
            _ => {}
        }
        let (mut seeds, mut play) = (None, Play::default());
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            if name == "--blind" {
                play.is_blind = true;
                continue;
            }
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
                "--scenario" => play.scenario = Some(value.clone()),
                "--bug" => play.bug = Some(value.clone()),
                "--history" => play.history = Some(value.clone()),
                unknown => bail!("sim has no option {unknown}"),
            }
        }
        let seeds = seeds.context("sim needs --seed N or --seeds A..B")?;
        if seeds.is_empty() {
            bail!("there is no seed from {} to {}", seeds.start(), seeds.end());
        }
        if seeds.start() == seeds.end() {
            return Ok(Self::One(*seeds.start(), play));
        }
        if play.history.is_some() {
            bail!("--history is for one seed");
        }
        Ok(Self::Campaign(seeds, play))
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("{text:?} is not a seed"))
}

/// Builds the program, when it's run.
pub(crate) fn build(toolchain: &Toolchain) -> Command {
    let mut build = toolchain.cargo(World::Simulation, "build");
    build.args(["--package", "sim", "--bin", "sim"]);
    build
}

pub(crate) fn program(project: &Project) -> PathBuf {
    // The target folder of that world, then the profile, then the program: all are called so.
    project.target.join("sim/sim/sim")
}

fn logs(project: &Project) -> PathBuf {
    project.target.join("xtask-logs")
}

fn show(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().context("starting the simulation")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Request> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Request::parse(&arguments).ok()
    }

    #[test]
    fn a_request_is_one_seed_or_a_range_with_both_ends() {
        assert_eq!(parse("--seed 42"), Some(Request::One(42, Play::default())));
        assert_eq!(parse("--seeds 1..500"), Some(Request::Campaign(1..=500, Play::default())));
        let play = Play {
            scenario: Some("crash".to_owned()),
            bug: Some("R1".to_owned()),
            history: Some("h.edn".to_owned()),
            is_blind: true,
        };
        let line = "--scenario crash --bug R1 --seed 7 --blind --history h.edn";
        assert_eq!(parse(line), Some(Request::One(7, play)));
        let wrong = ["", "--seeds 5..1", "--seed", "--seed x", "--beast y"];
        for wrong in wrong.into_iter().chain(["--seeds 1..2 --history h.edn"]) {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
