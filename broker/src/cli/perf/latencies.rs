//! Latencies, and their percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longer ones count as this: no run waits that long for a record.
const LATENCY_MAX: Duration = Duration::from_secs(60 * 60);

/// A latency is off by a thousandth of itself at most.
const SIGNIFICANT_DIGITS: u8 = 3;

/// How often each latency occurred, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

/// What latencies come down to, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50_us: u64,
    pub(super) p90_us: u64,
    pub(super) p99_us: u64,
    pub(super) p999_us: u64,
    pub(super) max_us: u64,
}

impl Latencies {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, micros(LATENCY_MAX), SIGNIFICANT_DIGITS);
        Self(histogram.expect("the bounds are in order, and the digits at most five"))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(micros(latency));
    }

    /// None where there is no latency.
    pub(super) fn percentiles(&self) -> Option<Percentiles> {
        if self.0.is_empty() {
            return None;
        }
        // The histogram answers with the end of a step, which may lie beyond all that it was told.
        let max_us = self.0.max();
        let at = |percentile| self.0.value_at_percentile(percentile).min(max_us);
        Some(Percentiles {
            p50_us: at(50.0),
            p90_us: at(90.0),
            p99_us: at(99.0),
            p999_us: at(99.9),
            max_us,
        })
    }
}

impl Percentiles {
    /// For a table, in milliseconds.
    pub(super) fn cells(&self) -> [String; 5] {
        [self.p50_us, self.p90_us, self.p99_us, self.p999_us, self.max_us]
            .map(|micros| format!("{}.{:03}", micros / 1000, micros % 1000))
    }
}

fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentiles_of_an_even_distribution_are_its_parts() {
        let mut latencies = Latencies::new();
        for micros in 1..=100_000 {
            latencies.record(Duration::from_micros(micros));
        }
        let found = latencies.percentiles().unwrap();
        let expected = [(found.p50_us, 50_000), (found.p90_us, 90_000), (found.p99_us, 99_000)];
        for (found, expected) in
            expected.into_iter().chain([(found.p999_us, 99_900), (found.max_us, 100_000)])
        {
            let error = found.abs_diff(expected);
            assert!(error * 1000 <= expected, "{found} is not {expected}");
        }
    }

    #[test]
    fn one_slow_record_shows_in_the_tail_alone() {
        let mut latencies = Latencies::new();
        for _ in 0..1999 {
            latencies.record(Duration::from_micros(100));
        }
        latencies.record(Duration::from_secs(1));
        let found = latencies.percentiles().unwrap();
        assert_eq!((found.p50_us, found.p99_us, found.p999_us), (100, 100, 100));
        assert!(found.max_us >= 1_000_000);
    }

    #[test]
    fn nothing_has_no_percentiles_and_no_limit_is_exceeded() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentiles(), None);
        latencies.record(Duration::ZERO);
        assert_eq!(latencies.percentiles().unwrap().max_us, 0);
        latencies.record(Duration::MAX);
        assert!(latencies.percentiles().unwrap().max_us >= micros(LATENCY_MAX));
    }

    #[test]
    fn cells_are_milliseconds() {
        let percentiles = Percentiles {
            p50_us: 7,
            p90_us: 1000,
            p99_us: 12_345,
            p999_us: 999_999,
            max_us: 60_000_000,
        };
        assert_eq!(percentiles.cells(), ["0.007", "1.000", "12.345", "999.999", "60000.000"]);
    }
}
