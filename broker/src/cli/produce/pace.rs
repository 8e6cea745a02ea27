//! At which rate records are sent.
//!
//! The schedule doesn't wait for the broker: what was late because of it is caught up with. But
//! while there was nothing to send, nothing was due.

use std::{str::FromStr, time::Duration};

use tokio::time::{Instant, sleep_until};

/// Records in some time, as `--rate` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    interval: Duration,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const ERROR: &str = "write records per second, such as 500 or 500/s, or 30/m or 6/h";
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            _ => return Err(ERROR),
        };
        let count: u32 = number.parse().map_err(|_| ERROR)?;
        let interval = Duration::from_secs(seconds).checked_div(count).ok_or(ERROR)?;
        Ok(Self { interval })
    }
}

/// When records are due.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    due: Instant,
}

impl Pace {
    /// Without a rate, all are due at once.
    pub(super) fn new(rate: Option<Rate>, now: Instant) -> Self {
        Self { interval: rate.map_or(Duration::ZERO, |rate| rate.interval), due: now }
    }

    /// Until now, there was nothing to send for a while.
    pub(super) fn was_idle(&mut self, since: Instant, now: Instant) {
        let late = now.saturating_duration_since(self.due);
        self.due += late.min(now.saturating_duration_since(since));
    }

    /// Waits until the next record is due.
    pub(super) async fn next(&mut self) {
        if self.interval.is_zero() {
            return;
        }
        if self.due > Instant::now() {
            sleep_until(self.due).await;
        }
        self.due += self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn rates_are_per_second_minute_or_hour() {
        let interval = |text: &str| text.parse::<Rate>().map(|rate| rate.interval);
        assert_eq!(interval("500"), Ok(millis(2)));
        assert_eq!(interval("500/s"), Ok(millis(2)));
        assert_eq!(interval("30/m"), Ok(millis(2000)));
        assert_eq!(interval("6/h"), Ok(millis(600_000)));
        for text in ["", "0", "-1", "5/d", "/s", "1.5", "5000000000"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn records_are_an_interval_apart() {
        let start = Instant::now();
        let mut pace = Pace::new(Some("100/s".parse().unwrap()), start);
        for _ in 0..=50 {
            pace.next().await;
        }
        assert_eq!(start.elapsed(), millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_caught_up_with_but_idleness_is_not() {
        let start = Instant::now();
        let mut pace = Pace::new(Some("10/s".parse().unwrap()), start);
        pace.next().await;
        tokio::time::advance(millis(1000)).await;
        for _ in 0..10 {
            pace.next().await;
        }
        assert_eq!(start.elapsed(), millis(1000), "the broker was slow: ten were due");

        let idle_since = Instant::now();
        tokio::time::advance(millis(5000)).await;
        pace.was_idle(idle_since, Instant::now());
        pace.next().await;
        pace.next().await;
        let waited = start.elapsed();
        assert!(waited > millis(6000) && waited <= millis(6200), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_waits() {
        let start = Instant::now();
        let mut pace = Pace::new(None, start);
        for _ in 0..1000 {
            pace.next().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
