//! One seed in a process of its own, and what the simulator's program said of it.
//!
//! The program takes `--seed N [--scenario NAME] [--bug NAME] [--history FILE] [--blind]` and prints,
//! in lines of their own, `seed N trace HASH`, `seed N simulated SECONDS`, and of a run that failed
//! `seed N violates PROPERTY: ..` or `seed N failed: ..`, and at times `seed N history: ANOMALIES` or
//! `.. nothing`. A blind run fails only if what clients saw shows something.

use crate::journal::wait;
use anyhow::{Context, Result};
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A run that takes longer hangs: simulated time costs nearly nothing.
const TIME_MAX: Duration = Duration::from_secs(300);

/// How much of a failed run's output is shown.
const TAIL: usize = 12;

/// What every run of a campaign has in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Play {
    /// One scenario, instead of the one that the seed picks.
    pub(crate) scenario: Option<String>,
    /// A bug of the museum, armed.
    pub(crate) bug: Option<String>,
    /// A file for what clients saw.
    pub(crate) history: Option<String>,
    /// Whether only what clients saw is judged.
    pub(crate) is_blind: bool,
}

impl Play {
    /// The program, told to play this with a seed.
    pub(crate) fn command(&self, program: &Path, seed: u64) -> Command {
        let mut command = Command::new(program);
        command.args(["--seed", &seed.to_string()]).args(self.arguments());
        command
    }

    /// The line that plays it again.
    pub(crate) fn reproduce(&self, seed: u64) -> String {
        let mut words = vec!["reproduce: cargo xtask sim --seed".to_owned(), seed.to_string()];
        words.extend(self.arguments());
        words.join(" ")
    }

    /// A name for a folder.
    pub(crate) fn name(&self) -> String {
        let blind = self.is_blind.then_some("blind");
        let parts = [self.bug.as_deref(), self.scenario.as_deref(), blind];
        parts.into_iter().flatten().collect::<Vec<_>>().join("-")
    }

    fn arguments(&self) -> Vec<String> {
        let named =
            [("--scenario", &self.scenario), ("--bug", &self.bug), ("--history", &self.history)];
        let given = named.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        let given = given.flat_map(|(flag, value)| [flag.to_owned(), value.clone()]);
        given.chain(self.is_blind.then(|| "--blind".to_owned())).collect()
    }
}

/// What came of a seed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeedRun {
    /// The hash of what happened, if the run went well.
    pub(crate) trace: Option<String>,
    /// How long it took in its own time, in seconds.
    pub(crate) simulated: f64,
    /// What was violated.
    pub(crate) violation: Option<Violation>,
}

/// What a run broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The property's name, where it has one.
    pub(crate) property: Option<String>,
    /// What the client's history alone shows, if anything.
    pub(crate) history: Option<String>,
    /// The end of what the program said.
    pub(crate) said: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl SeedRun {
    /// Plays a seed. Its output goes into a file of that folder.
    pub(crate) fn play(program: &Path, play: &Play, seed: u64, logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{seed}.log"));
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut child = play
            .command(program, seed)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("sharing the log")?)
            .stderr(output)
            .spawn()
            .context("starting the simulation")?;
        let status = wait(&mut child, TIME_MAX)?;
        let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        let reason = match status {
            Some(status) if status.success() => None,
            Some(status) => Some(status.to_string()),
            None => Some(format!("it did not end within {TIME_MAX:?}")),
        };
        Ok(Self::read(&text, seed, reason, &log))
    }

    fn read(text: &str, seed: u64, mut failure: Option<String>, log: &Path) -> Self {
        let line = |what: &str| said(text, seed, what);
        let trace = line("trace ").map(str::to_owned);
        if trace.is_none() && failure.is_none() {
            failure = Some("it printed no trace".to_owned());
        }
        let violation = failure.map(|reason| Violation {
            property: line("violates ").map(|rest| word(rest).to_owned()),
            history: line("history: ").filter(|found| *found != "nothing").map(str::to_owned),
            said: format!("{reason}: {}\nall of it: {}", tail(text), log.display()),
        });
        let simulated = line("simulated ").and_then(|seconds| word(seconds).parse().ok());
        Self {
            trace: if violation.is_none() { trace } else { None },
            simulated: simulated.unwrap_or(0.0),
            violation,
        }
    }
}

/// What the last line `seed N WHAT..` goes on with.
fn said<'a>(text: &'a str, seed: u64, what: &str) -> Option<&'a str> {
    let prefix = format!("seed {seed} {what}");
    text.lines().rev().find_map(|line| line.strip_prefix(&prefix)).map(str::trim)
}

fn word(text: &str) -> &str {
    text.split([' ', ':']).next().unwrap_or(text)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, failure: Option<&str>) -> SeedRun {
        SeedRun::read(text, 7, failure.map(str::to_owned), Path::new("7.log"))
    }

    #[test]
    fn the_trace_is_the_last_line_of_its_seed() {
        let run = read("starting\nseed 7 trace 00ff\nseed 7 simulated 61.5\n", None);
        assert_eq!(run.trace.as_deref(), Some("00ff"));
        assert_eq!((run.simulated, run.violation), (61.5, None));
        assert!(read("seed 8 trace 00ff\n", None).violation.is_some());
    }

    #[test]
    fn a_violation_has_a_name_and_what_clients_saw() {
        let text = "seed 7 violates L1: offset 3 is gone\nseed 7 history: lost-write\n";
        let violation = read(text, Some("exit status: 1")).violation.unwrap();
        assert_eq!(violation.property.as_deref(), Some("L1"));
        assert_eq!(violation.history.as_deref(), Some("lost-write"));
        let text = "seed 7 failed: a panic\nseed 7 history: nothing\n";
        let violation = read(text, Some("exit status: 1")).violation.unwrap();
        assert_eq!((violation.property, violation.history), (None, None));
    }

    #[test]
    fn a_failure_is_reproduced_by_one_line() {
        let play = Play { scenario: Some("crash".to_owned()), ..Play::default() };
        assert_eq!(play.reproduce(3), "reproduce: cargo xtask sim --seed 3 --scenario crash");
        let play = Play { bug: Some("R1".to_owned()), is_blind: true, ..Play::default() };
        assert_eq!(play.reproduce(3), "reproduce: cargo xtask sim --seed 3 --bug R1 --blind");
        assert_eq!(play.name(), "R1-blind");
    }
}
