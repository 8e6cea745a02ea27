//! The museum: each planted bug armed in turn, and how soon the simulator notices.
//!
//! `sim museum` of the simulator's program names the bugs, a line each: `R1 A L1 ..`, with the tier
//! and the property that is expected to fire.

use super::campaign::{Campaign, Until};
use super::seed_run::Play;
use anyhow::{Context, Result, bail};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, ExitCode};

/// How many seeds each tier may take. C is for directed scenarios.
const TIERS: [(&str, u64); 3] = [("A", 50), ("B", 500), ("C", 5000)];

/// The canary's share of tier A: if it isn't caught so soon, the simulator is blind.
const CANARY: &str = "R17";
const CANARY_SEEDS: u64 = 5;

/// What CI plays: the canary and those that are noticed soonest, each with the seeds it may take.
pub(crate) const SLICE: [&str; 6] = ["R17", "R1", "R2", "R7", "R10", "T4"];

/// A bug, as the simulator's program names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exhibit {
    pub(crate) name: String,
    pub(crate) tier: String,
}

impl Exhibit {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(Self { name: words.next()?.to_owned(), tier: words.next()?.to_owned() })
    }

    /// The seeds within which it must be caught.
    pub(crate) fn seeds(&self) -> RangeInclusive<u64> {
        let of_tier = TIERS.iter().find(|(tier, _)| *tier == self.tier);
        let limit =
            if self.name == CANARY { CANARY_SEEDS } else { of_tier.map_or(500, |(_, n)| *n) };
        1..=limit
    }
}

/// What came of arming a bug.
#[derive(Debug)]
pub(crate) struct Hunt {
    pub(crate) exhibit: Exhibit,
    pub(crate) caught: Option<Caught>,
}

#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) seed: u64,
    pub(crate) property: String,
    pub(crate) history: Option<String>,
}

/// All bugs that the program knows.
pub(crate) fn exhibits(program: &Path) -> Result<Vec<Exhibit>> {
    let listed = Command::new(program).arg("museum").output().context("listing the museum")?;
    if !listed.status.success() {
        bail!("the museum: {}", String::from_utf8_lossy(&listed.stderr).trim_end());
    }
    let text = String::from_utf8_lossy(&listed.stdout);
    Ok(text.lines().filter_map(Exhibit::read).collect())
}

/// Arms a bug, and plays seeds until one notices.
pub(crate) fn hunt(
    program: &Path,
    logs: &Path,
    exhibit: &Exhibit,
    seeds: RangeInclusive<u64>,
    scenario: Option<String>,
) -> Result<Hunt> {
    let play = Play { scenario, bug: Some(exhibit.name.clone()) };
    let report = Campaign::new(program, logs, play)?.run(seeds, Until::TheFirstViolation)?;
    let caught = report.violations.into_iter().next().map(|(seed, violation)| Caught {
        seed,
        property: violation.property.unwrap_or_else(|| "-".to_owned()),
        history: violation.history,
    });
    Ok(Hunt { exhibit: exhibit.clone(), caught })
}

/// `cargo xtask sim museum`: the whole table, and the same seeds with nothing armed.
pub(crate) fn tour(program: &Path, logs: &Path) -> Result<ExitCode> {
    println!("| bug | tier | first seed | property | the client's history alone |");
    println!("|---|---|---|---|---|");
    let (mut missed, mut seeds_needed) = (Vec::new(), 1);
    for exhibit in exhibits(program)? {
        let hunt = hunt(program, logs, &exhibit, exhibit.seeds(), None)?;
        println!("{}", row(&hunt));
        match &hunt.caught {
            Some(caught) => seeds_needed = seeds_needed.max(caught.seed),
            None => missed.push(exhibit.name),
        }
    }
    let control = Campaign::new(program, logs, Play::default())?;
    let report = control.run(1..=seeds_needed, Until::TheEnd)?;
    println!("\nnothing armed, seeds 1..{seeds_needed}: {} failures", report.violations.len());
    if !missed.is_empty() {
        println!("not caught: {}", missed.join(", "));
    }
    let is_fine = missed.is_empty() && report.violations.is_empty();
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(hunt: &Hunt) -> String {
    let Exhibit { name, tier } = &hunt.exhibit;
    match &hunt.caught {
        Some(Caught { seed, property, history }) => {
            let history = history.as_deref().unwrap_or("shows nothing");
            format!("| {name} | {tier} | {seed} | {property} | {history} |")
        }
        None => {
            let last = *hunt.exhibit.seeds().end();
            format!("| {name} | {tier} | none of {last} | | |")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_says_within_how_many_seeds_a_bug_is_caught() {
        let seeds = |line: &str| *Exhibit::read(line).unwrap().seeds().end();
        assert_eq!(seeds("R1 A L1 acked durable"), 50);
        assert_eq!(seeds("R3 B L1"), 500);
        assert_eq!(seeds("R17 A L1"), 5);
    }

    #[test]
    fn a_row_names_what_caught_it() {
        let exhibit = Exhibit { name: "R1".to_owned(), tier: "A".to_owned() };
        let caught = Caught { seed: 3, property: "L1".to_owned(), history: None };
        let hunt = Hunt { exhibit: exhibit.clone(), caught: Some(caught) };
        assert_eq!(row(&hunt), "| R1 | A | 3 | L1 | shows nothing |");
        assert_eq!(row(&Hunt { exhibit, caught: None }), "| R1 | A | none of 50 | | |");
    }
}
