//! Waits for a load to end, and says meanwhile how it goes: on terminals, every second.

use std::time::Duration;

use tokio::{
    select,
    time::{Instant, interval_at, sleep_until},
};

use super::{report::float, turns::Stopping};
use crate::cli::{Process, progress::Progress};

/// How often it's said how a load goes.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// After this long, what is under way when a load is stopped is waited for no longer.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Drives a load to its end: its own, or the one that the process is asked for. None if it had to
/// be given up.
pub(super) async fn watch<T>(
    process: &mut Process,
    stopping: &Stopping,
    mut line: impl FnMut() -> String,
    load: impl Future<Output = T>,
) -> Option<T> {
    let mut load = std::pin::pin!(load);
    let start = Instant::now();
    let shown = Progress::spinner("starting");
    let mut seconds = interval_at(start + LINE_INTERVAL, LINE_INTERVAL);
    let mut give_up_at = None;
    loop {
        select! {
            biased;
            result = &mut load => return Some(result),
            () = &mut process.stop, if give_up_at.is_none() => {
                stopping.stop();
                give_up_at = Some(Instant::now() + STOP_GRACE);
            }
            () = sleep_until(give_up_at.unwrap_or(start)), if give_up_at.is_some() => return None,
            now = seconds.tick() => {
                shown.say(format!("{} s: {}", (now - start).as_secs(), line()));
            }
        }
    }
}

/// How far a load has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Volume {
    /// What was done in the second since it was that far, and in all.
    pub(super) fn line(self, second_ago: Self) -> String {
        let records = self.records.saturating_sub(second_ago.records);
        let megabytes = float(self.bytes.saturating_sub(second_ago.bytes)) / 1e6;
        format!("{records} records/s, {megabytes:.3} MB/s, {} records", self.records)
    }
}

/// A line of each second's volume, when it's asked for every second.
pub(super) fn each_second(volume: impl Fn() -> Volume) -> impl FnMut() -> String {
    let mut last = Volume::default();
    move || {
        let now = volume();
        now.line(std::mem::replace(&mut last, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_of_the_last_second() {
        let mut volumes = [(1000, 1_000_000), (3500, 2_234_567)].into_iter();
        let next = std::cell::RefCell::new(&mut volumes);
        let volume = || {
            let (records, bytes) = next.borrow_mut().next().unwrap();
            Volume { records, bytes }
        };
        let mut line = each_second(volume);
        assert_eq!(line(), "1000 records/s, 1.000 MB/s, 1000 records");
        assert_eq!(line(), "2500 records/s, 1.235 MB/s, 3500 records");
    }
}
