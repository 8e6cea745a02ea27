//! How long to wait before the next attempt.

use std::time::Duration;

use tokio::time::Instant;

use crate::door::Entropy;

/// Waits that double up to a limit, with jitter: clients that failed together don't return together.
///
/// ```
/// use std::time::Duration;
///
/// use client::{backoff::Backoff, door::SystemEntropy};
///
/// let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
/// let third = backoff.after(3, &SystemEntropy);
/// assert!((320..=480).contains(&third.as_millis()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait, before jitter.
    pub first: Duration,
    /// The longest wait, before jitter.
    pub max: Duration,
}

impl Default for Backoff {
    /// Kafka's `retry.backoff.ms` and `retry.backoff.max.ms`.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), max: Duration::from_secs(1) }
    }
}

impl Backoff {
    /// The wait after so many failures in a row: 1 is the first. Jitter adds or takes a fifth.
    #[must_use]
    pub fn after(&self, failures: u32, entropy: &dyn Entropy) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let permille = 800 + u32::try_from(entropy.number() % 401).expect("below 401");
        doubled.min(self.max).saturating_mul(permille) / 1000
    }
}

/// Something that is done once at a time, and not again at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    is_under_way: bool,
    not_before: Option<Instant>,
}

impl Pace {
    /// Whether to begin now; if so, it is under way from now on.
    pub(crate) fn may_begin(&mut self, now: Instant) -> bool {
        let may_begin = !self.is_under_way && self.not_before.is_none_or(|at| at <= now);
        self.is_under_way |= may_begin;
        may_begin
    }

    /// It's done, and may begin again at that time.
    pub(crate) fn end(&mut self, not_before: Instant) {
        *self = Self { is_under_way: false, not_before: Some(not_before) };
    }

    /// When it may begin again, if that is to come.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::SystemEntropy;

    #[test]
    fn waits_double_up_to_the_limit_within_a_fifth() {
        let backoff = Backoff::default();
        for (failures, expected) in [(0, 100), (1, 100), (2, 200), (3, 400), (5, 1000), (99, 1000)]
        {
            for _ in 0..20 {
                let wait = backoff.after(failures, &SystemEntropy).as_millis();
                assert!((expected * 8 / 10..=expected * 12 / 10).contains(&wait), "{wait}");
            }
        }
    }
}
