//! The processor's time, which says more than the clock's where others use the processor too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long processors have worked for this process.
pub(super) fn process_time() -> Duration {
    time(ClockId::ProcessCPUTime)
}

/// How long processors have worked for this thread.
pub(super) fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::try_from(time).expect("nobody has worked for less than nothing")
}
