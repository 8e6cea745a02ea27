//! One step of `cargo xtask test`, and how its end is told.

use crate::journal::Journal;
use crate::project::Project;
use crate::toolchain::{Toolchain, World};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

/// A build from nothing on a small machine fits into this.
pub(crate) const BUILD: Duration = Duration::from_secs(45 * 60);

pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Whether `--quick` has it too.
    pub(crate) in_quick: bool,
    pub(crate) run: fn(&mut Stage<'_>) -> Result<Outcome>,
}

impl Step {
    /// Whether a word of the command line picks this step.
    pub(crate) fn is_meant_by(&self, word: &str) -> bool {
        self.name.to_lowercase().contains(&word.to_lowercase())
    }
}

/// How a step ends that does not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With a note of what was seen, or an empty one.
    Passed(String),
    /// With what is missing.
    Skipped(String),
}

/// What a step works with.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) project: &'a Project,
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) journal: Journal,
    pub(crate) quick: bool,
}

impl Stage<'_> {
    pub(crate) fn cargo(&self, world: World, subcommand: &str) -> Command {
        let mut command = self.toolchain.cargo(world, subcommand);
        command.env("CARGO_TERM_COLOR", "never");
        command
    }

    /// Runs a command that must succeed, for as long as a build may take.
    pub(crate) fn build(&mut self, command: &mut Command) -> Result<()> {
        self.journal.run(command, BUILD)
    }

    /// Runs `cargo test`, and counts what it ran.
    pub(crate) fn tests(&mut self, command: &mut Command) -> Result<Outcome> {
        self.build(command)?;
        let passed: u64 = self.journal.text()?.lines().filter_map(tests_passed).sum();
        Ok(Outcome::Passed(format!("{passed} tests")))
    }
}

/// Reads the number out of `test result: ok. 12 passed; 0 failed; ..`.
fn tests_passed(line: &str) -> Option<u64> {
    let counts = line.strip_prefix("test result: ok. ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::tests_passed;

    #[test]
    fn the_count_of_a_test_binary_is_read() {
        let line = "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out";
        assert_eq!(tests_passed(line), Some(12));
        assert_eq!(tests_passed("test records::tests::round_trip ... ok"), None);
    }
}
