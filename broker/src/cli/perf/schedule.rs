//! When each record of a load is due. Pure.
//!
//! A record is due at its number's place from the start on, whatever became of those before it. A
//! load that has fallen behind catches up, and its latencies say that it was late: whoever counts
//! from the moment of sending leaves out just the records that had to wait (coordinated omission).

use std::{num::NonZeroU64, time::Duration};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The due times of a load that goes on at a steady rate, or of one producer's share of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Records per second, of all producers.
    rate: NonZeroU64,
    /// This producer, of so many.
    producer: u64,
    producer_count: NonZeroU64,
}

impl Schedule {
    /// Every so-many-th record is this producer's, beginning with its own number.
    pub(super) fn new(rate: NonZeroU64, producer: u64, producer_count: NonZeroU64) -> Self {
        assert!(producer < producer_count.get(), "producers are counted from 0 on");
        Self { rate, producer, producer_count }
    }

    /// When this producer's n-th record is due, from the start of the load on. Rounded down to
    /// nanoseconds each time anew, so that errors don't add up.
    pub(super) fn due(&self, n: u64) -> Duration {
        let number =
            u128::from(n) * u128::from(self.producer_count.get()) + u128::from(self.producer);
        let nanos = number * NANOS_PER_SECOND / u128::from(self.rate.get());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many of this producer's records are due before a moment.
    pub(super) fn due_before(&self, moment: Duration) -> u64 {
        // Those whose number, times a second, is below the moment times the rate.
        let whole = (moment.as_nanos() * u128::from(self.rate.get())).div_ceil(NANOS_PER_SECOND);
        let mine = whole.saturating_sub(self.producer.into());
        let count = mine.div_ceil(self.producer_count.get().into());
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// How many of the first so many records are a producer's.
pub(super) fn share(count: u64, producer: u64, producer_count: NonZeroU64) -> u64 {
    count.saturating_sub(producer).div_ceil(producer_count.get())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(rate: u64, producer: u64, producer_count: u64) -> Schedule {
        let positive = |number| NonZeroU64::new(number).unwrap();
        Schedule::new(positive(rate), producer, positive(producer_count))
    }

    #[test]
    fn records_are_due_in_even_steps() {
        let schedule = schedule(1000, 0, 1);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(1), Duration::from_millis(1));
        assert_eq!(schedule.due(60_000), Duration::from_secs(60));
    }

    #[test]
    fn a_rate_that_divides_nothing_does_not_drift() {
        let schedule = schedule(7, 0, 1);
        assert_eq!(schedule.due(1), Duration::from_nanos(142_857_142));
        assert_eq!(schedule.due(7 * 86_400 * 365), Duration::from_secs(86_400 * 365));
    }

    #[test]
    fn producers_take_turns() {
        let shares = [schedule(100, 0, 2), schedule(100, 1, 2)];
        let millis = |share: &Schedule| [0, 1, 2].map(|n| share.due(n).as_millis());
        assert_eq!(millis(&shares[0]), [0, 20, 40]);
        assert_eq!(millis(&shares[1]), [10, 30, 50]);
        assert_eq!(
            [0, 1, 2].map(|producer| share(5, producer, NonZeroU64::new(3).unwrap())),
            [2, 2, 1]
        );
    }

    #[test]
    fn a_moment_itself_is_not_before_it() {
        let schedule = schedule(1000, 0, 1);
        assert_eq!(schedule.due_before(Duration::ZERO), 0);
        assert_eq!(schedule.due_before(Duration::from_nanos(1)), 1);
        assert_eq!(schedule.due_before(Duration::from_secs(1)), 1000);
        assert_eq!(schedule.due_before(Duration::from_micros(1_000_001)), 1001);
    }

    proptest! {
        #[test]
        fn what_is_due_before_a_moment_is_due_by_then(
            rate in 1_u64..=10_000_000, count in 1_u64..=9, producer in 0_u64..=8, nanos in 0_u64..=1 << 50,
        ) {
            let schedule = schedule(rate, producer % count, count);
            let moment = Duration::from_nanos(nanos);
            let due = schedule.due_before(moment);
            prop_assert!(due == 0 || schedule.due(due - 1) < moment);
            prop_assert!(schedule.due(due) >= moment);
        }

        #[test]
        fn all_shares_together_are_the_load(rate in 1_u64..=1_000_000, count in 1_u64..=9, millis in 0_u64..=100_000) {
            let moment = Duration::from_millis(millis);
            let shares = (0..count).map(|producer| schedule(rate, producer, count).due_before(moment));
            prop_assert_eq!(shares.sum::<u64>(), schedule(rate, 0, 1).due_before(moment));
            let all = rate * millis / 7;
            let shares = (0..count).map(|producer| share(all, producer, NonZeroU64::new(count).unwrap()));
            prop_assert_eq!(shares.sum::<u64>(), all);
        }
    }
}
