//! Fetches that wait for more bytes than there are (KIP-74's `min_bytes`).
//!
//! A waiting fetch is known to each partition it reads. An append takes its bytes off the waiter's
//! count; the one that brings it to zero wakes the fetch, which then reads anew. What decides is
//! that reading: a wake-up too many costs time, never correctness.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicI64, Ordering},
};

use tokio::sync::Notify;

/// One waiting fetch, which owns it: partitions forget it when the fetch has dropped it, be it
/// answered or given up.
#[derive(Debug)]
pub(crate) struct FetchWaiter {
    missing_bytes: AtomicI64,
    wake: Notify,
}

impl FetchWaiter {
    /// A fetch that has to see at least `missing_bytes` more.
    pub(crate) fn new(missing_bytes: i64) -> Arc<Self> {
        Arc::new(Self { missing_bytes: AtomicI64::new(missing_bytes), wake: Notify::new() })
    }

    /// Returns once enough bytes became readable, or something else is worth a look.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn progress(&self, bytes: i64) {
        if self.missing_bytes.fetch_sub(bytes, Ordering::AcqRel) <= bytes {
            self.wake.notify_one();
        }
    }
}

/// The fetches that wait for one partition.
#[derive(Debug, Default)]
pub(crate) struct FetchWaiters {
    waiters: Vec<Weak<FetchWaiter>>,
    /// Those that are gone are cleared when the list has grown to this length, so that enrolling
    /// stays cheap and the list at most twice what waits.
    clear_at: usize,
}

const CLEAR_AT_MIN: usize = 16;

impl FetchWaiters {
    pub(crate) fn enroll(&mut self, waiter: &Arc<FetchWaiter>) {
        if self.waiters.len() >= self.clear_at.max(CLEAR_AT_MIN) {
            self.waiters.retain(|waiter| waiter.strong_count() > 0);
            self.clear_at = self.waiters.len() * 2;
        }
        self.waiters.push(Arc::downgrade(waiter));
    }

    /// Bytes became readable.
    pub(crate) fn progress(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).expect("a batch's size");
        self.waiters.retain(|waiter| {
            let waiter = waiter.upgrade();
            waiter.as_ref().inspect(|waiter| waiter.progress(bytes)).is_some()
        });
    }

    /// The partition changed in a way that every waiter has to hear of at once.
    pub(crate) fn wake_all(&mut self) {
        for waiter in self.waiters.drain(..).filter_map(|waiter| waiter.upgrade()) {
            waiter.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_fetch_is_woken_by_the_append_that_brings_enough() {
        let (mut waiters, waiter) = (FetchWaiters::default(), FetchWaiter::new(10));
        waiters.enroll(&waiter);
        waiters.progress(9);
        assert!(waiter.woken().now_or_never().is_none());
        waiters.progress(1);
        assert!(waiter.woken().now_or_never().is_some());
    }

    #[test]
    fn a_fetch_that_was_given_up_is_forgotten() {
        let mut waiters = FetchWaiters::default();
        let waits = FetchWaiter::new(10);
        waiters.enroll(&waits);
        for _ in 0..1000 {
            waiters.enroll(&FetchWaiter::new(10));
        }
        assert!(waiters.waiters.len() <= 2 * CLEAR_AT_MIN);
        waiters.progress(1);
        assert_eq!(waiters.waiters.len(), 1);
    }
}
