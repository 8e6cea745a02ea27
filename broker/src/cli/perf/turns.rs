//! When a producer sends: a schedule kept on time, or one record after the other.
//!
//! Tokio's timers go by the millisecond, which is longer than many a broker takes. So a thread
//! keeps the time, by the system's clock, and tells the producer's task which records are due.
#![allow(clippy::disallowed_methods)] // Its thread sleeps; loads are no part of a simulation.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::Instant,
};

use super::schedule::Schedule;
use crate::{blocking, cli::Error};

/// How long the thread may sleep before it looks whether it is still needed.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// How many times the thread may say that records are due before it waits for the producer. What
/// it says then counts for all that came due meanwhile.
const UNHEARD_MAX: usize = 16;

/// Without a schedule, so many records are sent between two looks at the clock.
const RECORDS_AT_ONCE: u64 = 100;

/// Set when a load is to end before its time.
#[derive(Clone, Debug, Default)]
pub(super) struct Stopping(Arc<AtomicBool>);

impl Stopping {
    pub(super) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// How the command ends, once it has told what there was to tell.
    pub(super) fn result(&self) -> Result<(), Error> {
        if self.is_asked_for() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// One producer's turns.
#[derive(Debug)]
pub(super) enum Turns {
    /// As a schedule has it.
    Scheduled { start: Instant, schedule: Schedule, due: Receiver<Range<u64>> },
    /// As fast as can be, until so many records are sent or the time is up.
    AtOnce { next: u64, count: u64, until: Option<Instant>, stopping: Stopping },
}

impl Turns {
    /// Turns for the first so many records of a schedule.
    pub(super) fn scheduled(
        start: Instant,
        schedule: Schedule,
        count: u64,
        stopping: Stopping,
    ) -> Self {
        let (turns, due) = mpsc::channel(UNHEARD_MAX);
        blocking::begin(move || keep_time(start, schedule, count, &stopping, &turns));
        Self::Scheduled { start, schedule, due }
    }

    /// The numbers of the producer's next records, once the first of them is due; none at the end.
    pub(super) async fn next(&mut self) -> Option<Range<u64>> {
        match self {
            Self::Scheduled { due, .. } => due.recv().await,
            Self::AtOnce { next, count, until, stopping } => {
                let is_over = until.is_some_and(|until| Instant::now() >= until);
                if is_over || stopping.is_asked_for() || next >= count {
                    return None;
                }
                let start = *next;
                *next = start.saturating_add(RECORDS_AT_ONCE).min(*count);
                Some(start..*next)
            }
        }
    }

    /// Whether records are due at times that nothing but a schedule decides.
    pub(super) fn are_scheduled(&self) -> bool {
        matches!(self, Self::Scheduled { .. })
    }

    /// When the producer's n-th record is due: now, if that is when its turn comes.
    pub(super) fn due(&self, n: u64) -> Instant {
        match self {
            Self::Scheduled { start, schedule, .. } => *start + schedule.due(n),
            Self::AtOnce { .. } => Instant::now(),
        }
    }
}

fn keep_time(
    start: Instant,
    schedule: Schedule,
    count: u64,
    stopping: &Stopping,
    turns: &Sender<Range<u64>>,
) {
    let mut next = 0;
    while next < count && !stopping.is_asked_for() {
        let elapsed = start.elapsed();
        // What is due this very nanosecond is due.
        let due = schedule.due_before(elapsed + Duration::from_nanos(1)).min(count);
        if due > next {
            if turns.blocking_send(next..due).is_err() {
                return;
            }
            next = due;
        } else {
            thread::sleep(schedule.due(next).saturating_sub(elapsed).min(SLEEP_MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[tokio::test]
    async fn every_record_of_a_schedule_has_its_turn_and_none_before_it_is_due() {
        let schedule = Schedule::new(NonZeroU64::new(10_000).unwrap(), 0, NonZeroU64::MIN);
        let start = Instant::now();
        let mut turns = Turns::scheduled(start, schedule, 500, Stopping::default());
        let mut next = 0;
        while let Some(range) = turns.next().await {
            assert_eq!(range.start, next);
            assert!(turns.due(range.end - 1) <= Instant::now());
            next = range.end;
        }
        assert_eq!(next, 500);
        assert!(start.elapsed() >= schedule.due(499));
    }

    #[tokio::test]
    async fn turns_end_when_they_are_asked_to() {
        let stopping = Stopping::default();
        let schedule = Schedule::new(NonZeroU64::MIN, 0, NonZeroU64::MIN);
        let mut scheduled = Turns::scheduled(Instant::now(), schedule, u64::MAX, stopping.clone());
        let count = u64::MAX;
        let mut at_once = Turns::AtOnce { next: 0, count, until: None, stopping: stopping.clone() };
        assert_eq!(scheduled.next().await, Some(0..1));
        assert_eq!(at_once.next().await, Some(0..RECORDS_AT_ONCE));
        stopping.stop();
        assert_eq!(scheduled.next().await, None);
        assert_eq!(at_once.next().await, None);
    }

    #[tokio::test]
    async fn turns_without_a_schedule_end_at_the_count_or_when_time_is_up() {
        let stopping = Stopping::default();
        let mut turns =
            Turns::AtOnce { next: 0, count: 150, until: None, stopping: stopping.clone() };
        assert_eq!(turns.next().await, Some(0..100));
        assert_eq!(turns.next().await, Some(100..150));
        assert_eq!(turns.next().await, None);
        let until = Some(Instant::now());
        assert_eq!(Turns::AtOnce { next: 0, count: 9, until, stopping }.next().await, None);
    }
}
