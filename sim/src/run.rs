//! One run: a seed, a scenario, a thread of its own, and what came of it.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use anyhow::{Result, anyhow};
use madsim::{Config, runtime::Runtime};
use protocol::Bug;
use tokio::select;

use crate::{
    invariant::Violation,
    judge::Testimony,
    scenario::Scenario,
    trace::{Trace, now},
    workload::history::History,
    world::World,
};

/// A run that takes longer in its own time has lost its way.
const SIMULATED_TIME_MAX: Duration = Duration::from_secs(1_200);

/// What a run is played with.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The story.
    pub scenario: &'static Scenario,
    /// The world.
    pub seed: u64,
    /// A bug that is planted.
    pub bug: Option<Bug>,
    /// Whether clients alone are believed: nobody looks into a node, and the story's own end doesn't
    /// matter.
    pub is_blind: bool,
}

impl Plan {
    /// A run as it usually is.
    #[must_use]
    pub fn new(scenario: &'static Scenario, seed: u64) -> Self {
        Self { scenario, seed, bug: None, is_blind: false }
    }
}

/// What a run that went well leaves.
#[derive(Debug)]
pub struct Outcome {
    /// The hash of its trace.
    pub trace: u64,
    /// How long it took in its own time.
    pub simulated: Duration,
    /// What clients were told.
    pub testimony: Testimony,
    /// What a blind run has not minded.
    pub not_minded: Option<anyhow::Error>,
}

/// A run that didn't go well.
#[derive(Debug)]
pub struct Failure {
    /// What did not hold, or why the run could not go on.
    pub error: anyhow::Error,
    /// How often the planted bug was met, if there is one.
    pub times_met: u64,
    /// What clients had been told until then.
    pub testimony: Option<Testimony>,
}

impl Failure {
    /// The property that did not hold, if it has a name.
    #[must_use]
    pub fn property(&self) -> Option<&'static str> {
        self.error.downcast_ref::<Violation>().map(|violation| violation.property)
    }
}

/// Plays a scenario with a seed. Clients have the last word: what they saw is judged whatever else
/// held.
///
/// # Errors
/// What did not hold, or why the run could not go on: a panic is the run's failure too.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    // The simulator's state belongs to a thread: a fresh one owes nothing to earlier runs. So do
    // the switches of planted bugs.
    let thread = std::thread::spawn(move || {
        Bug::arm(plan.bug);
        let evidence = Evidence::default();
        let played = catch_unwind(AssertUnwindSafe(|| play(plan, &evidence)));
        let played = played.unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic))));
        let times_met = Bug::times_met();
        Bug::arm(None);
        evidence.judge(plan, played).map_err(|(error, testimony)| Failure {
            error,
            times_met,
            testimony,
        })
    });
    thread.join().expect("panics are caught within")
}

/// What is left of a run, however it ended.
#[derive(Default)]
struct Evidence {
    trace: Trace,
    history: History,
    simulated: Cell<Duration>,
}

impl Evidence {
    fn judge(
        &self,
        plan: Plan,
        played: Result<()>,
    ) -> Result<Outcome, (anyhow::Error, Option<Testimony>)> {
        let testimony = match Testimony::hear(&self.history.take()) {
            Ok(testimony) => testimony,
            Err(error) => return Err((played.err().unwrap_or(error), None)),
        };
        let (error, not_minded) = match played {
            Err(error) if !plan.is_blind => (Some(error), None),
            played => (testimony.violation().map(anyhow::Error::from), played.err()),
        };
        match error {
            Some(error) => Err((error, Some(testimony))),
            None => {
                let (trace, simulated) = (self.trace.hash(), self.simulated.get());
                Ok(Outcome { trace, simulated, testimony, not_minded })
            }
        }
    }
}

fn play(Plan { scenario, seed, is_blind, .. }: Plan, evidence: &Evidence) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("ottla-sim-").tempdir()?;
    let mut runtime = Runtime::with_seed_and_config(seed, Config::default());
    runtime.set_time_limit(SIMULATED_TIME_MAX);
    runtime.block_on(async {
        let mut world = World::new(directory.path(), scenario.shape(), evidence.trace.clone())?;
        (world.history, world.is_blind) = (evidence.history.clone(), is_blind);
        let observer = world.observer.clone();
        let played = select! {
            biased;
            violation = observer.violated(), if !is_blind => Err(violation.into()),
            played = scenario.play(world) => played,
        };
        for (place, times) in observer.reached() {
            tracing::info!(target: "sim", "reached {times} times: {place}");
        }
        evidence.simulated.set(now());
        played
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests;
