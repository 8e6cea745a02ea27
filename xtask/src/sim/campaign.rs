//! A campaign: many seeds, on all cores, each in a process of its own.

use super::seed_run::{Play, SeedRun, Violation};
use crate::project::cores;
use anyhow::{Context, Result};
use std::io::{IsTerminal, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Each of these runs twice, in two processes, and must leave the same trace.
const TWICE_EVERY: u64 = 50;

/// How often progress is shown: on a terminal, and elsewhere.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
const PROGRESS_INTERVAL_IN_LOGS: Duration = Duration::from_secs(60);

/// Whether to go on after the first violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// All seeds are played.
    TheEnd,
    /// No seed is begun beyond the first that violates something. The ones before it are played.
    TheFirstViolation,
}

/// Many seeds of one scenario, or of the scenario that each seed picks.
#[derive(Debug)]
pub(crate) struct Campaign {
    program: PathBuf,
    logs: PathBuf,
    play: Play,
}

/// What came of a campaign.
#[derive(Debug)]
pub(crate) struct Report {
    /// How many seeds were played.
    pub(crate) seeds: usize,
    /// The violations, by ascending seed.
    pub(crate) violations: Vec<(u64, Violation)>,
    /// Simulated seconds, all runs together.
    pub(crate) simulated: f64,
    /// How long it took here.
    pub(crate) took: Duration,
}

impl Report {
    /// Simulated seconds for each second of one core.
    pub(crate) fn speed(&self) -> f64 {
        let cores = u32::try_from(cores()).map_or(1.0, f64::from);
        self.simulated / (self.took.as_secs_f64() * cores).max(f64::EPSILON)
    }
}

impl Campaign {
    pub(crate) fn new(program: &Path, logs: &Path, play: Play) -> Result<Self> {
        let logs = logs.join("seeds").join(play.name());
        std::fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        Ok(Self { program: program.to_owned(), logs, play })
    }

    /// Plays the seeds.
    pub(crate) fn run(&self, seeds: RangeInclusive<u64>, until: Until) -> Result<Report> {
        let (first, last) = seeds.into_inner();
        let begun = Instant::now();
        let next = AtomicU64::new(first);
        let tally = Mutex::new(Tally { limit: last, ..Tally::default() });
        let progress = Progress::new(last - first + 1);
        std::thread::scope(|scope| {
            for _ in 0..cores() {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed > tally.lock().expect("no holder panics").limit {
                            return;
                        }
                        let twice = seed == first || seed.is_multiple_of(TWICE_EVERY);
                        let run = self.check(seed, twice);
                        let mut tally = tally.lock().expect("no holder panics");
                        tally.add(seed, run, until);
                        progress.show(&tally);
                    }
                });
            }
        });
        progress.end();
        let mut tally = tally.into_inner().expect("no holder panics");
        if let Some(error) = tally.error {
            return Err(error);
        }
        tally.violations.retain(|(seed, _)| *seed <= tally.limit);
        tally.violations.sort_by_key(|(seed, _)| *seed);
        Ok(Report {
            seeds: tally.played,
            violations: tally.violations,
            simulated: tally.simulated,
            took: begun.elapsed(),
        })
    }

    /// The line that plays a seed again.
    pub(crate) fn reproduce(&self, seed: u64) -> String {
        self.play.reproduce(seed)
    }

    fn check(&self, seed: u64, twice: bool) -> Result<SeedRun> {
        let play = || SeedRun::play(&self.program, &self.play, seed, &self.logs);
        let mut run = play()?;
        if twice {
            let again = play()?;
            if run.trace != again.trace {
                let said = format!("two runs differ: {:?}, then {:?}", run.trace, again.trace);
                let property = Some("determinism".to_owned());
                run.violation = Some(Violation { property, history: None, said });
            }
        }
        Ok(run)
    }
}

#[derive(Debug, Default)]
struct Tally {
    played: usize,
    simulated: f64,
    violations: Vec<(u64, Violation)>,
    /// The last seed that is still to be played.
    limit: u64,
    /// Why the campaign can't go on: a run couldn't be made at all.
    error: Option<anyhow::Error>,
}

impl Tally {
    fn add(&mut self, seed: u64, run: Result<SeedRun>, until: Until) {
        match run {
            Ok(run) => {
                self.played += 1;
                self.simulated += run.simulated;
                if let Some(violation) = run.violation {
                    self.violations.push((seed, violation));
                    if until == Until::TheFirstViolation {
                        self.limit = self.limit.min(seed);
                    }
                }
            }
            Err(error) => {
                self.limit = 0;
                self.error.get_or_insert(error);
            }
        }
    }
}

/// How far a campaign is, on the standard error stream.
struct Progress {
    total: u64,
    begun: Instant,
    shown: Mutex<Instant>,
    is_terminal: bool,
}

impl Progress {
    fn new(total: u64) -> Self {
        let begun = Instant::now();
        let is_terminal = std::io::stderr().is_terminal();
        Self { total, begun, shown: Mutex::new(begun), is_terminal }
    }

    fn show(&self, tally: &Tally) {
        let mut shown = self.shown.lock().expect("no holder panics");
        let interval = if self.is_terminal { PROGRESS_INTERVAL } else { PROGRESS_INTERVAL_IN_LOGS };
        if shown.elapsed() < interval {
            return;
        }
        *shown = Instant::now();
        let took = self.begun.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(tally.played).unwrap_or(u32::MAX)) / took;
        let line = format!(
            "{} of {} seeds, {} failures, {rate:.1} seeds/s, {:.0} simulated s/s",
            tally.played,
            self.total,
            tally.violations.len(),
            tally.simulated / took
        );
        if self.is_terminal {
            eprint!("\r\x1b[K{line}");
            // A terminal that can't be written to has nobody in front of it.
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{line}");
        }
    }

    fn end(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }
}
