//! `cargo xtask test`: every step that CI runs, one line each. A failure does not stop the others.

use crate::journal::Journal;
use crate::project::Project;
use crate::step::{Outcome, Stage, Step};
use crate::toolchain::{Toolchain, World};
use crate::{clients, purity, sim, soak, tidy};
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// In the order of how soon each tells something.
const STEPS: &[Step] = &[
    Step { name: "format", in_quick: true, run: format },
    Step { name: "tidy", in_quick: true, run: tidy::check },
    Step { name: "purity", in_quick: true, run: purity::check_crates },
    Step { name: "clippy", in_quick: true, run: clippy },
    Step { name: "tests", in_quick: true, run: tests },
    Step { name: "simulation: clippy", in_quick: true, run: simulation_clippy },
    Step { name: "simulation: tests", in_quick: true, run: simulation_tests },
    Step { name: "simulation: seeds", in_quick: true, run: sim::check_seeds },
    Step { name: "simulation: our client", in_quick: true, run: sim::check_client_library },
    Step { name: "simulation: museum", in_quick: false, run: sim::check_museum },
    Step { name: "client: ottla itself", in_quick: true, run: clients::own_commands },
    Step { name: "client: the README's tour", in_quick: true, run: clients::tour },
    Step { name: "client: ottla library", in_quick: true, run: clients::ottla_library },
    Step { name: "client: confluent-kafka", in_quick: false, run: clients::confluent_kafka },
    Step { name: "client: kafka-python", in_quick: false, run: clients::kafka_python },
    Step { name: "client: aiokafka", in_quick: false, run: clients::aiokafka },
    Step { name: "client: kcat", in_quick: false, run: clients::kcat },
    Step { name: "client: rdkafka", in_quick: false, run: clients::rdkafka },
    Step { name: "client: Java", in_quick: false, run: clients::java },
    Step { name: "kill -9 under load", in_quick: false, run: clients::kill_under_load },
    Step { name: "kill -9 in a cluster", in_quick: false, run: soak::slice },
    Step { name: "segments: DumpLogSegments", in_quick: false, run: clients::dump_log_segments },
    Step { name: "Kafka's server.properties", in_quick: false, run: clients::shipped_config },
    Step { name: "documentation", in_quick: false, run: documentation },
    Step { name: "release: purity", in_quick: false, run: purity::check_release },
];

/// How much of a failed step's log is shown.
const TAIL: usize = 80;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (flags, words): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with('-'));
    if let Some(unknown) = flags.iter().find(|flag| *flag.as_str() != *"--quick") {
        bail!("test has no option {unknown}");
    }
    let quick = !flags.is_empty();
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| words.is_empty() || words.iter().any(|word| step.is_meant_by(word)))
        .filter(|step| !quick || step.in_quick)
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("no step is named so; there are: {}", names.join(", "));
    }

    let project = Project::locate()?;
    let logs = project.target.join("xtask-logs");
    std::fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
    let toolchain = Toolchain::prepare(&project)?;
    let mut tally = Tally::default();
    for step in chosen {
        let journal = Journal::create(logs.join(log_name(step.name)))?;
        let stage = Stage { project: &project, toolchain: &toolchain, journal, quick };
        tally.perform(step, stage)?;
    }
    Ok(tally.conclude())
}

#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: Vec<(&'static str, PathBuf)>,
    skipped: Vec<(&'static str, String)>,
}

impl Tally {
    fn perform(&mut self, step: &Step, mut stage: Stage<'_>) -> Result<()> {
        print!("{:<28}", step.name);
        std::io::stdout().flush().context("printing")?;
        let begun = Instant::now();
        let result = (step.run)(&mut stage);
        let took = duration(begun.elapsed());
        match result {
            Ok(Outcome::Passed(note)) => {
                println!("{:<8}{took:>9}  {note}", "ok");
                self.passed += 1;
            }
            Ok(Outcome::Skipped(reason)) => {
                println!("{:<8}{took:>9}  {reason}", "skipped");
                self.skipped.push((step.name, reason));
            }
            Err(error) => {
                println!("{:<8}{took:>9}  {error:#}", "FAILED");
                let path = stage.journal.path().to_owned();
                print_tail(&stage.journal)?;
                self.failed.push((step.name, path));
            }
        }
        Ok(())
    }

    fn conclude(self) -> ExitCode {
        println!();
        for (name, reason) in &self.skipped {
            println!("skipped: {name}: {reason}");
        }
        for (name, log) in &self.failed {
            println!("failed: {name}; all of it: {}", log.display());
        }
        let (failed, skipped) = (self.failed.len(), self.skipped.len());
        println!("{} passed, {failed} failed, {skipped} skipped", self.passed);
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn print_tail(journal: &Journal) -> Result<()> {
    let text = journal.text()?;
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(TAIL)..] {
        println!("    {line}");
    }
    Ok(())
}

fn log_name(step: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("{}.log", step.chars().map(plain).collect::<String>().replace("--", "-"))
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 60 {
        0 => format!("{:.1} s", time.as_secs_f64()),
        minutes => format!("{minutes} m {:02} s", seconds % 60),
    }
}

fn format(stage: &mut Stage<'_>) -> Result<Outcome> {
    let root = stage.project.root.join("Cargo.toml");
    // A workspace of its own, which the first command does not see.
    let rdkafka = stage.project.clients().join("rdkafka/Cargo.toml");
    for manifest in [root, rdkafka] {
        let mut command = Command::new(env!("CARGO"));
        command.args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest);
        stage.build(command.args(["--", "--color", "never"]))?;
    }
    Ok(Outcome::Passed(String::new()))
}

fn clippy(stage: &mut Stage<'_>) -> Result<Outcome> {
    let mut command = stage.cargo(World::Real, "clippy");
    command.args(["--quiet", "--workspace", "--exclude", "sim", "--all-targets"]);
    stage.build(command.args(["--", "-D", "warnings"]))?;
    Ok(Outcome::Passed(String::new()))
}

fn tests(stage: &mut Stage<'_>) -> Result<Outcome> {
    let mut command = stage.cargo(World::Real, "test");
    stage.tests(command.args(["--quiet", "--workspace", "--exclude", "sim", "--no-fail-fast"]))
}

fn simulation_clippy(stage: &mut Stage<'_>) -> Result<Outcome> {
    let mut command = stage.cargo(World::Simulation, "clippy");
    command.args(["--quiet", "--package", "sim", "--all-targets"]);
    // There tokio's clock is the standard library's, which the simulator takes over. The other world
    // is where this says something.
    command.args(["--", "-D", "warnings", "-A", "clippy::disallowed_methods"]);
    stage.build(&mut command)?;
    Ok(Outcome::Passed(String::new()))
}

fn simulation_tests(stage: &mut Stage<'_>) -> Result<Outcome> {
    let mut command = stage.cargo(World::Simulation, "test");
    stage.tests(command.args(["--quiet", "--package", "sim", "--no-fail-fast"]))
}

fn documentation(stage: &mut Stage<'_>) -> Result<Outcome> {
    let mut command = stage.cargo(World::Real, "doc");
    command.env("RUSTDOCFLAGS", "-D warnings");
    stage.build(command.args(["--quiet", "--workspace", "--exclude", "sim", "--no-deps"]))?;
    Ok(Outcome::Passed(String::new()))
}

#[cfg(test)]
mod tests {
    use super::{duration, log_name};
    use std::time::Duration;

    #[test]
    fn a_steps_name_becomes_a_files_name() {
        assert_eq!(log_name("client: kafka-python"), "client-kafka-python.log");
    }

    #[test]
    fn minutes_are_shown_from_the_first_on() {
        assert_eq!(duration(Duration::from_millis(59_900)), "59.9 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 m 05 s");
    }
}
