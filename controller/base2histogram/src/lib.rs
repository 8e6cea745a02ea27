//! The histogram in which openraft counts the sizes of its batches.
//!
//! It takes the place of the crate of that name: `[patch.crates-io]` in the root `Cargo.toml`. That
//! one, at its first use, computes tables for all precisions that anybody could ask for: 26 MB of
//! every node's memory for ever, and a third of the time that a node takes to start. Here a
//! bucket is a power of two, and there is nothing to compute.
//!
//! It isn't the whole interface of that crate, only what openraft without its feature
//! `runtime-stats` compiles against.

use std::{fmt, marker::PhantomData};

/// A bucket for 0, and one for each power of two up to the next.
const BUCKETS: usize = u64::BITS as usize + 1;

/// How often which values were recorded, by their powers of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: [u64; BUCKETS],
    _slots: PhantomData<T>,
}

impl<T> Histogram<T> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: [0; BUCKETS], _slots: PhantomData }
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value several times.
    pub fn record_n(&mut self, value: u64, times: u64) {
        self.counts[bucket(value)] += times;
    }

    /// The usual percentiles.
    #[must_use]
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.counts.iter().sum(),
            p50: self.percentile(500),
            p90: self.percentile(900),
            p99: self.percentile(990),
            p99_9: self.percentile(999),
        }
    }

    /// The least value of the bucket that the value at `permille` is in; 0 where nothing was
    /// recorded.
    fn percentile(&self, permille: u64) -> u64 {
        let samples: u64 = self.counts.iter().sum();
        let rank = samples.saturating_mul(permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return least(bucket);
            }
        }
        0
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

fn least(bucket: usize) -> u64 {
    bucket.checked_sub(1).map_or(0, |exponent| 1 << exponent)
}

/// A histogram in five numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PercentileStats {
    /// How many values were recorded.
    pub samples: u64,
    /// Half of them are below the next power of two.
    pub p50: u64,
    /// So are nine of ten.
    pub p90: u64,
    /// So are 99 of a hundred.
    pub p99: u64,
    /// So are 999 of a thousand.
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p50, p90, p99, p99_9 } = self;
        write!(f, "[samples={samples}, p50={p50}, p90={p90}, p99={p99}, p99.9={p99_9}]")
    }
}

/// Histograms to be drawn together, by their names.
#[derive(Clone, Debug, Default)]
pub struct AsciiChart {
    histograms: Vec<(&'static str, Histogram)>,
}

impl AsciiChart {
    /// An empty chart.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with one more histogram.
    #[must_use]
    pub fn add(mut self, name: &'static str, histogram: Histogram) -> Self {
        self.histograms.push((name, histogram));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_power_of_two_at_or_below_the_value() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p50, 0);
        for value in [0, 1, 3, 9, u64::MAX] {
            histogram.record(value);
        }
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p50, stats.p90), (5, 2, 1 << 63));
    }

    #[test]
    fn half_a_kilobyte_it_is() {
        assert!(size_of::<Histogram>() <= 520);
    }
}
