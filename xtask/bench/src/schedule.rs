//! When each request of an open loop is due. The schedule does not wait for anybody: a request
//! that is late was due all the same, and its latency counts from then.

use std::time::Duration;

/// Requests at a rate, for a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) per_second: u64,
    pub(crate) lasts: Duration,
}

impl Phase {
    pub(crate) fn requests(self) -> u64 {
        u64::try_from(u128::from(self.per_second) * self.lasts.as_nanos() / 1_000_000_000)
            .expect("no phase has that many")
    }
}

/// Phases, one after another.
#[derive(Debug, Clone)]
pub(crate) struct Schedule(Vec<Phase>);

impl Schedule {
    pub(crate) fn steady(per_second: u64, lasts: Duration) -> Self {
        Self::of(&[Phase { per_second, lasts }])
    }

    pub(crate) fn of(phases: &[Phase]) -> Self {
        Self(phases.to_vec())
    }

    pub(crate) fn requests(&self) -> u64 {
        self.0.iter().map(|phase| phase.requests()).sum()
    }

    /// When the request of that number is due, from the start on, and in which phase it is.
    pub(crate) fn due(&self, request: u64) -> Option<(Duration, usize)> {
        let mut first = 0;
        let mut begins = Duration::ZERO;
        for (number, phase) in self.0.iter().enumerate() {
            let within = request - first;
            if within < phase.requests() {
                let nanos = u128::from(within) * 1_000_000_000 / u128::from(phase.per_second);
                let after = Duration::from_nanos(u64::try_from(nanos).expect("below 500 years"));
                return Some((begins + after, number));
            }
            first += phase.requests();
            begins += phase.lasts;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Phase, Schedule};
    use std::time::Duration;

    #[test]
    fn a_steady_schedule_is_evenly_spaced() {
        let schedule = Schedule::steady(1000, Duration::from_secs(2));
        assert_eq!(schedule.requests(), 2000);
        assert_eq!(schedule.due(0), Some((Duration::ZERO, 0)));
        assert_eq!(schedule.due(1), Some((Duration::from_millis(1), 0)));
        assert_eq!(schedule.due(1999), Some((Duration::from_millis(1999), 0)));
        assert_eq!(schedule.due(2000), None);
    }

    #[test]
    fn a_burst_begins_when_the_calm_ends() {
        let calm = Phase { per_second: 10, lasts: Duration::from_secs(1) };
        let burst = Phase { per_second: 100, lasts: Duration::from_millis(500) };
        let schedule = Schedule::of(&[calm, burst, calm]);
        assert_eq!(schedule.requests(), 10 + 50 + 10);
        assert_eq!(schedule.due(9), Some((Duration::from_millis(900), 0)));
        assert_eq!(schedule.due(10), Some((Duration::from_secs(1), 1)));
        assert_eq!(schedule.due(11), Some((Duration::from_millis(1010), 1)));
        assert_eq!(schedule.due(60), Some((Duration::from_millis(1500), 2)));
    }
}
