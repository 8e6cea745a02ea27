//! A storm: many things go wrong, some of them at once, and what can go wrong changes with time.

use std::time::Duration;

use anyhow::{Context, Result};
use madsim::rand::{Rng, thread_rng};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::{Chaos, between, budget, victim};
use crate::{workload::Flush, world::World};

/// How long one selection of faults lasts, on average.
const PHASE_MEAN: Duration = Duration::from_secs(20);

/// How bad it gets. All of it follows from the seed.
#[derive(Clone, Debug)]
pub struct Storm {
    /// What can go wrong.
    pub repertoire: Vec<Chaos>,
    /// How long it is between one thing and the next, on average.
    pub gap_mean: Duration,
    /// How many things may be under way at once.
    pub at_once_max: usize,
    /// When acknowledged records are synced, which decides what may be lost.
    pub flush: Flush,
}

impl Storm {
    /// What the seed likes: some of what may go wrong, one thing alone, or nothing at all.
    #[must_use]
    pub fn of_the_seed(may_happen: &[Chaos], flush: Flush) -> Self {
        let mut rng = thread_rng();
        let repertoire = match rng.gen_range(0..100) {
            0..8 => Vec::new(),
            8..16 => vec![may_happen[rng.gen_range(0..may_happen.len())]],
            _ => may_happen.iter().copied().filter(|_| rng.gen_bool(0.5)).collect(),
        };
        Self {
            repertoire,
            gap_mean: between(Duration::from_millis(300), Duration::from_secs(6)),
            at_once_max: rng.gen_range(1..5),
            flush,
        }
    }

    /// Lets it rage for so long. What isn't over then is stopped where it is.
    ///
    /// # Errors
    /// A node can't cope where nothing else is wrong.
    pub async fn rage(&self, world: &World, lasts: Duration) -> Result<()> {
        tracing::debug!(target: "sim", "{self:?}");
        let end = Instant::now() + lasts;
        let mut under_way: Vec<JoinHandle<Result<()>>> = Vec::new();
        let mut phase = Phase::begin(self);
        let mut next = Instant::now();
        let mut wish = None;
        loop {
            next += exponential(self.gap_mean);
            if next >= end {
                break;
            }
            sleep_until(next).await;
            if Instant::now() >= phase.end {
                phase = Phase::begin(self);
                wish = None;
                world.trace.note(format_args!("nemesis: from now on {:?}", phase.repertoire));
            }
            supervise(world);
            under_way = still_under_way(under_way).await?;
            let wished = wish.filter(|_| thread_rng().gen_bool(0.5));
            if under_way.len() < self.at_once_max
                && let Some(chaos) = wished.or_else(|| phase.any())
            {
                let begun = self.begin(world, chaos);
                // What costs something may seldom happen: it waits for its turn.
                wish =
                    if begun.is_some() { wish.filter(|wish| *wish != chaos) } else { Some(chaos) };
                under_way.extend(begun);
            }
        }
        sleep_until(end).await;
        for task in still_under_way(under_way).await? {
            task.abort();
        }
        Ok(())
    }

    /// Begins something, if there is a machine that it may happen to.
    fn begin(&self, world: &World, chaos: Chaos) -> Option<JoinHandle<Result<()>>> {
        let on = victim(world).clone();
        let needs_one = chaos.needs_the_process() && chaos != Chaos::WidePowerLoss;
        let hold = if needs_one { Some(on.take_hold()?) } else { None };
        if !budget::allows(world, chaos, &on, hold.as_ref(), self.flush) {
            return None;
        }
        let world = world.clone();
        Some(tokio::spawn(async move {
            let _hold = hold;
            chaos.strike(&world, &on).await.with_context(|| format!("{chaos:?}"))
        }))
    }
}

/// A time in which the same things can go wrong.
#[derive(Debug)]
struct Phase {
    repertoire: Vec<Chaos>,
    end: Instant,
}

impl Phase {
    fn begin(storm: &Storm) -> Self {
        let mut rng = thread_rng();
        let is_quiet = rng.gen_bool(0.25);
        let some = storm.repertoire.iter().copied().filter(|_| !is_quiet && rng.gen_bool(0.7));
        Self { repertoire: some.collect(), end: Instant::now() + exponential(PHASE_MEAN) }
    }

    fn any(&self) -> Option<Chaos> {
        let count = self.repertoire.len();
        (count > 0).then(|| self.repertoire[thread_rng().gen_range(0..count)])
    }
}

/// Starts processes that ended by themselves, as a supervisor does.
fn supervise(world: &World) {
    for machine in world.machines() {
        if !machine.is_running()
            && let Some(_hold) = machine.take_hold()
        {
            machine.start();
        }
    }
}

async fn still_under_way(
    tasks: Vec<JoinHandle<Result<()>>>,
) -> Result<Vec<JoinHandle<Result<()>>>> {
    let mut left = Vec::new();
    for task in tasks {
        if task.is_finished() {
            task.await.context("something that went wrong was cancelled")??;
        } else {
            left.push(task);
        }
    }
    Ok(left)
}

fn exponential(mean: Duration) -> Duration {
    let uniform: f64 = thread_rng().gen_range(f64::EPSILON..1.0);
    mean.mul_f64(-uniform.ln())
}
