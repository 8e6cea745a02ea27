//! One run: a seed, a scenario, a thread of its own, and what came of it.

use std::{any::Any, panic::catch_unwind, time::Duration};

use anyhow::{Result, anyhow};
use madsim::{Config, runtime::Runtime, time::TimeHandle};

use protocol::Bug;
use tokio::select;

use crate::{invariant::Violation, scenario::Scenario, trace::Trace, world::World};

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

/// What a run is played with.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The story.
    pub scenario: &'static Scenario,
    /// The world.
    pub seed: u64,
    /// A bug that is planted.
    pub bug: Option<Bug>,
}

/// A run that didn't go well.
#[derive(Debug)]
pub struct Failure {
    /// What did not hold, or why the run could not go on.
    pub error: anyhow::Error,
    /// How often the planted bug was met, if there is one.
    pub times_met: u64,
}

impl Failure {
    /// The property that did not hold, if it has a name.
    #[must_use]
    pub fn property(&self) -> Option<&'static str> {
        property_of(&self.error)
    }
}

fn property_of(error: &anyhow::Error) -> Option<&'static str> {
    error.downcast_ref::<Violation>().map(|violation| violation.property)
}

/// Plays a scenario with a seed.
///
/// # Errors
/// What did not hold, or why the run could not go on: a panic is the run's failure too.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    // The simulator's state belongs to a thread: a fresh one owes nothing to earlier runs. So do
    // the switches of planted bugs.
    let thread = std::thread::spawn(move || {
        Bug::arm(plan.bug);
        let played = catch_unwind(|| play(plan));
        let times_met = Bug::times_met();
        Bug::arm(None);
        (played, times_met)
    });
    let (played, times_met) = thread.join().expect("panics are caught within");
    let played = played.unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic))));
    played.map_err(|error| Failure { error, times_met })
}

fn play(Plan { scenario, seed, .. }: Plan) -> Result<Outcome> {
    let directory = tempfile::Builder::new().prefix("ottla-sim-").tempdir()?;
    let mut runtime = Runtime::with_seed_and_config(seed, Config::default());
    runtime.set_time_limit(SIMULATED_TIME_MAX);
    runtime.block_on(async {
        let trace = Trace::default();
        let world = World::new(directory.path(), scenario.shape(), trace.clone())?;
        let observer = world.observer.clone();
        let played = select! {
            biased;
            violation = observer.violated() => Err(violation.into()),
            played = scenario.play(world) => played,
        };
        for (place, times) in observer.reached() {
            tracing::info!(target: "sim", "reached {times} times: {place}");
        }
        played?;
        Ok(Outcome { trace: trace.hash(), simulated: TimeHandle::current().elapsed() })
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests;
