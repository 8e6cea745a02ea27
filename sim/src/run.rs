//! One run: a seed, a scenario, a thread of its own, and what came of it.

use std::{any::Any, time::Duration};

use anyhow::{Result, anyhow};
use madsim::{Config, runtime::Runtime, time::TimeHandle};

use crate::{scenario::Scenario, trace::Trace, world::World};

/// A run that takes longer in its own time has lost its way.
const SIMULATED_TIME_MAX: Duration = Duration::from_secs(1_200);

/// What a run that went well leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The hash of its trace.
    pub trace: u64,
    /// How long it took in its own time.
    pub simulated: Duration,
}

/// Plays a scenario with a seed.
///
/// # Errors
/// What did not hold, or why the run could not go on: a panic is the run's failure too.
pub fn run(scenario: &'static Scenario, seed: u64) -> Result<Outcome> {
    let directory = tempfile::Builder::new().prefix("ottla-sim-").tempdir()?;
    let path = directory.path().to_owned();
    let simulation = move || {
        let mut runtime = Runtime::with_seed_and_config(seed, Config::default());
        runtime.set_time_limit(SIMULATED_TIME_MAX);
        runtime.block_on(async move {
            let trace = Trace::default();
            let world = World::new(&path, trace.clone())?;
            scenario.play(world).await?;
            Ok(Outcome { trace: trace.hash(), simulated: TimeHandle::current().elapsed() })
        })
    };
    // The simulator's state belongs to a thread: a fresh one owes nothing to earlier runs.
    let thread = std::thread::spawn(simulation);
    thread.join().map_err(|panic| anyhow!("panic: {}", message(&*panic)))?
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests;
