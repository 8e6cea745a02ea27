//! The museum: each planted bug armed in turn, and how soon the simulator notices; whether what clients
//! saw alone shows it; and the same seeds with nothing armed.

use super::campaign::{Campaign, Until};
use super::seed_run::Play;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// In how many seeds, from the one on that caught a bug, clients are asked whether they saw it.
const BLIND_SEEDS: u64 = 20;

/// What CI plays: the canary and those that are noticed soonest, each with the seeds it may take.
pub(crate) const SLICE: [&str; 6] = ["R17", "R1", "R2", "R7", "R10", "T4"];

/// A bug, as `sim museum` of the simulator's program names it: a line each, with tabs between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exhibit {
    pub(crate) name: String,
    tier: String,
    /// Within how many seeds it must be caught.
    seeds: u64,
    /// In which scenario.
    scenario: String,
    /// By which properties, it's thought.
    properties: Vec<String>,
    /// What it does.
    title: String,
}

impl Exhibit {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Self {
            name: fields.next()?,
            tier: fields.next()?,
            seeds: fields.next()?.parse().ok()?,
            scenario: fields.next()?,
            properties: fields.next()?.split(',').map(str::to_owned).collect(),
            title: fields.next()?,
        })
    }

    fn play(&self) -> Play {
        let (bug, scenario) = (Some(self.name.clone()), Some(self.scenario.clone()));
        Play { bug, scenario, ..Play::default() }
    }
}

/// What came of arming a bug.
#[derive(Debug)]
pub(crate) struct Hunt {
    exhibit: Exhibit,
    pub(crate) caught: Option<Caught>,
}

#[derive(Debug)]
pub(crate) struct Caught {
    seed: u64,
    property: String,
}

/// What clients saw of a bug.
#[derive(Debug)]
struct Seen {
    seed: u64,
    anomalies: String,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.seed, self.anomalies)
    }
}

/// All bugs that the program knows.
pub(crate) fn exhibits(program: &Path) -> Result<Vec<Exhibit>> {
    let listed = Command::new(program).arg("museum").output().context("listing the museum")?;
    if !listed.status.success() {
        bail!("the museum: {}", String::from_utf8_lossy(&listed.stderr).trim_end());
    }
    let text = String::from_utf8_lossy(&listed.stdout);
    let read = |line| Exhibit::read(line).with_context(|| format!("no exhibit: {line}"));
    text.lines().map(read).collect()
}

/// Arms a bug, and plays the seeds that it may take until one notices.
pub(crate) fn hunt(program: &Path, logs: &Path, exhibit: &Exhibit) -> Result<Hunt> {
    let campaign = Campaign::new(program, logs, exhibit.play())?;
    let report = campaign.run(1..=exhibit.seeds, Until::TheFirstViolation)?;
    let caught = report.violations.into_iter().next().map(|(seed, violation)| Caught {
        seed,
        property: violation.property.unwrap_or_else(|| "-".to_owned()),
    });
    Ok(Hunt { exhibit: exhibit.clone(), caught })
}

impl Hunt {
    /// Asks clients alone, in the seed that caught the bug and some after it.
    fn ask_clients(&self, program: &Path, logs: &Path) -> Result<Option<Seen>> {
        let Some(Caught { seed: first, .. }) = self.caught else { return Ok(None) };
        let last = self.exhibit.seeds.min(first + BLIND_SEEDS - 1);
        let play = Play { is_blind: true, ..self.exhibit.play() };
        let report =
            Campaign::new(program, logs, play)?.run(first..=last, Until::TheFirstViolation)?;
        let mut seen = report.violations.into_iter();
        Ok(seen.find_map(|(seed, violation)| Some(Seen { seed, anomalies: violation.history? })))
    }

    /// The last seed that was played.
    fn last_seed(&self) -> u64 {
        self.caught.as_ref().map_or(self.exhibit.seeds, |caught| caught.seed)
    }

    fn row(&self, seen: Option<&Seen>) -> [String; 6] {
        let Exhibit { name, tier, seeds, properties, title, .. } = &self.exhibit;
        let (found, by) = match &self.caught {
            Some(Caught { seed, property }) if properties.contains(property) => {
                (seed.to_string(), property.clone())
            }
            Some(Caught { seed, property }) => {
                (seed.to_string(), format!("{property}, not {}", properties.join(" ")))
            }
            None => (format!("none of {seeds}"), String::new()),
        };
        let seen = match (&self.caught, seen) {
            (_, Some(seen)) => seen.to_string(),
            (Some(_), None) => "nothing".to_owned(),
            (None, None) => String::new(),
        };
        [name.clone(), title.clone(), tier.clone(), found, by, seen]
    }
}

/// `cargo xtask sim museum`: the whole table, and the same seeds with nothing armed.
pub(crate) fn tour(program: &Path, logs: &Path) -> Result<ExitCode> {
    let exhibits = exhibits(program)?;
    let table = Table::of(&exhibits);
    table.begin();
    let (mut missed, mut played) = (Vec::new(), BTreeMap::<String, u64>::new());
    for exhibit in exhibits {
        let hunt = hunt(program, logs, &exhibit)?;
        let seen = hunt.ask_clients(program, logs)?;
        table.add(&hunt.row(seen.as_ref()));
        let last = played.entry(exhibit.scenario).or_default();
        *last = hunt.last_seed().max(*last);
        if hunt.caught.is_none() {
            missed.push(exhibit.name);
        }
    }
    let mut false_alarms = 0;
    for (scenario, last) in played {
        let play = Play { scenario: Some(scenario.clone()), ..Play::default() };
        let control = Campaign::new(program, logs, play)?;
        let report = control.run(1..=last, Until::TheEnd)?;
        false_alarms += report.violations.len();
        println!(
            "\nnothing armed, seeds 1..{last} of {scenario}: {} failures",
            report.violations.len()
        );
        for (seed, violation) in report.violations {
            let property = violation.property.as_deref().unwrap_or("no property");
            println!("seed {seed}: {property}\n{}", control.reproduce(seed));
        }
    }
    if !missed.is_empty() {
        println!("not caught: {}", missed.join(", "));
    }
    let is_fine = missed.is_empty() && false_alarms == 0;
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The table, a row at a time: a tour takes long.
struct Table {
    widths: [usize; 6],
}

impl Table {
    const HEADS: [&str; 6] =
        ["bug", "what it does", "tier", "first seed", "property", "clients alone, at seed"];

    fn of(exhibits: &[Exhibit]) -> Self {
        let mut widths = Self::HEADS.map(str::len);
        for exhibit in exhibits {
            let known = [&exhibit.name, &exhibit.title, &exhibit.tier];
            for (width, text) in widths.iter_mut().zip(known) {
                *width = text.len().max(*width);
            }
        }
        Self { widths }
    }

    fn begin(&self) {
        self.add(&Self::HEADS.map(str::to_owned));
        println!("|{}|", self.widths.map(|width| "-".repeat(width + 2)).join("|"));
    }

    fn add(&self, row: &[String; 6]) {
        println!("{}", self.line(row));
    }

    fn line(&self, row: &[String; 6]) -> String {
        let cells = row.iter().zip(self.widths).map(|(cell, width)| format!("| {cell:width$} "));
        cells.chain(["|".to_owned()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhibit() -> Exhibit {
        Exhibit::read("R1\tA\t50\tswarm\tL1,L4\tA follower forgets").unwrap()
    }

    #[test]
    fn the_program_says_how_soon_a_bug_must_be_caught() {
        assert_eq!(exhibit().seeds, 50);
        assert_eq!(exhibit().play().name(), "R1-swarm");
        assert_eq!(Exhibit::read("R1 A L1"), None);
    }

    #[test]
    fn a_row_names_what_caught_it_and_what_clients_saw() {
        let row = |caught, seen: Option<&Seen>| {
            let hunt = Hunt { exhibit: exhibit(), caught };
            Table { widths: [0; 6] }.line(&hunt.row(seen))
        };
        let caught = |property: &str| Some(Caught { seed: 3, property: property.to_owned() });
        let seen = Seen { seed: 5, anomalies: "lost-write".to_owned() };
        assert_eq!(
            row(caught("L4"), Some(&seen)),
            "| R1 | A follower forgets | A | 3 | L4 | 5: lost-write |"
        );
        assert_eq!(
            row(caught("V3"), None),
            "| R1 | A follower forgets | A | 3 | V3, not L1 L4 | nothing |"
        );
        assert_eq!(row(None, None), "| R1 | A follower forgets | A | none of 50 |  |  |");
    }
}
