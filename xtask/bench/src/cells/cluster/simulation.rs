//! How much faster than time the simulator is.

use crate::bench::Bench;
use crate::cell::{Cell, Findings};
use crate::measure::{Aim, Quantity};
use crate::usage;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// Clusters, of three brokers mostly, under all faults at once.
const SCENARIO: &str = "a_cluster_keeps_its_word_under_everything";

const SEEDS: u64 = 8;
const SEEDS_QUICK: u64 = 2;

const SPEED: [Quantity; 1] =
    [Quantity::new("simulated", "s for each second of a core").aim(Aim::AtLeast(20.0))];

pub(super) fn cells() -> Vec<Cell> {
    vec![Cell::new("the simulator, a swarm's seed", simulate)]
}

fn simulate(bench: &Bench) -> Result<Findings> {
    let Some(program) = &bench.sim else {
        return Ok(Findings {
            notes: vec!["The simulator wasn't built, and isn't measured.".to_owned()],
            ..Findings::default()
        });
    };
    let seeds = if bench.quick { SEEDS_QUICK } else { SEEDS };
    let mut seed = 0;
    bench.repeat(&SPEED, usize::try_from(seeds)?, || {
        seed += 1;
        Ok([speed(program, seed)?])
    })
}

/// One seed alone. Its CPU time is what it would take on a core of its own: it never waits.
fn speed(program: &Path, seed: u64) -> Result<f64> {
    let before = usage::cpu_of_ended_children()?;
    let output = Command::new(program)
        .args(["--scenario", SCENARIO, "--seed", &seed.to_string()])
        .stderr(Stdio::null())
        .output()
        .context("running the simulator")?;
    let took = usage::cpu_of_ended_children()? - before;
    ensure!(output.status.success(), "seed {seed} fails");
    let text = String::from_utf8_lossy(&output.stdout);
    let prefix = format!("seed {seed} simulated ");
    let simulated = text.lines().find_map(|line| line.strip_prefix(&prefix));
    let simulated: f64 =
        simulated.context("it doesn't say how long it was")?.trim().parse().context("seconds")?;
    Ok(simulated / took.as_secs_f64())
}
