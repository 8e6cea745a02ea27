//! How much memory the requests, or the responses, of many connections may hold together.
//!
//! A full budget slows clients down and ends nothing. Whoever begins waits until there is room. One
//! who holds a part already and needs more could wait for others that wait for it: so one of them
//! at a time may overdraw the budget, and gets done. Together they never hold more than the budget
//! and one request.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of bytes to share, counted in kibibytes.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget {
    kibibytes: Arc<Semaphore>,
    total: u32,
    overdraft: Arc<Semaphore>,
}

/// A part of a budget, until it's dropped.
#[derive(Debug, Default)]
pub(crate) struct Share {
    kibibytes: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
}

impl Share {
    fn is_nothing(&self) -> bool {
        self.kibibytes.is_none() && self.overdraft.is_none()
    }

    /// Puts two shares of one budget together.
    pub(crate) fn merge(&mut self, more: Self) {
        match (&mut self.kibibytes, more.kibibytes) {
            (Some(own), Some(more)) => own.merge(more),
            (own @ None, more) => *own = more,
            (Some(_), None) => {}
        }
        self.overdraft = self.overdraft.take().or(more.overdraft);
    }
}

impl MemoryBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let total = kibibytes(bytes).min(u32::MAX >> 3);
        let permits = usize::try_from(total).expect("32 bits fit");
        Self {
            kibibytes: Arc::new(Semaphore::new(permits)),
            total,
            overdraft: Arc::new(Semaphore::new(1)),
        }
    }

    /// More for who holds `held`, if it's there at once.
    pub(crate) fn try_take(&self, bytes: usize, held: &Share) -> Option<Share> {
        if held.overdraft.is_some() {
            return Some(Share::default());
        }
        let wanted = kibibytes(bytes).min(self.total);
        let permits = Arc::clone(&self.kibibytes).try_acquire_many_owned(wanted).ok()?;
        Some(Share { kibibytes: Some(permits), overdraft: None })
    }

    /// More for who holds `held`, as soon as it's there. Waiting is a place in a queue: keep the
    /// future, for another one begins at the queue's end.
    pub(crate) fn take(&self, bytes: usize, held: &Share) -> BoxFuture<'static, Share> {
        let begins = held.is_nothing();
        let wanted = kibibytes(bytes).min(self.total);
        let kibibytes = Arc::clone(&self.kibibytes).acquire_many_owned(wanted);
        let overdraft = Arc::clone(&self.overdraft).acquire_owned();
        Box::pin(async move {
            tokio::select! {
                biased;
                permits = kibibytes => {
                    Share { kibibytes: Some(permits.expect("never closed")), overdraft: None }
                }
                permit = overdraft, if !begins => {
                    Share { kibibytes: None, overdraft: Some(permit.expect("never closed")) }
                }
            }
        })
    }

    /// As much as is left, but no more than that many bytes: for what is in memory already, and
    /// has to be counted.
    pub(crate) fn take_rest(&self, bytes: usize) -> Share {
        let left = u32::try_from(self.kibibytes.available_permits()).unwrap_or(u32::MAX);
        let wanted = kibibytes(bytes).min(left);
        let permits = Arc::clone(&self.kibibytes).try_acquire_many_owned(wanted);
        Share { kibibytes: permits.ok(), overdraft: None }
    }

    /// What nobody holds.
    pub(crate) fn free_bytes(&self) -> usize {
        self.kibibytes.available_permits().saturating_mul(1024)
    }
}

fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn whoever_begins_waits_for_room() {
        let budget = MemoryBudget::new(MIB);
        let all = budget.try_take(MIB, &Share::default()).unwrap();
        let mut next = budget.take(1, &Share::default());
        assert!((&mut next).now_or_never().is_none());
        drop(all);
        assert!(next.now_or_never().is_some());
    }

    #[test]
    fn of_those_who_hold_a_part_and_need_more_one_is_let_through() {
        let budget = MemoryBudget::new(2 * MIB);
        let mut first = budget.try_take(MIB, &Share::default()).unwrap();
        let mut second = budget.try_take(MIB, &Share::default()).unwrap();
        first.merge(budget.take(MIB, &first).now_or_never().unwrap());
        assert!(budget.try_take(64 * MIB, &first).is_some(), "until it's done");
        let mut waiting = budget.take(MIB, &second);
        assert!((&mut waiting).now_or_never().is_none());
        drop(first);
        second.merge(waiting.now_or_never().unwrap());
        assert_eq!(budget.free_bytes(), 0);
        drop(second);
        assert_eq!(budget.free_bytes(), 2 * MIB);
    }

    #[test]
    fn the_rest_is_what_there_is() {
        let budget = MemoryBudget::new(MIB);
        let rest = budget.take_rest(5 * MIB);
        assert_eq!(budget.free_bytes(), 0);
        let _nothing = budget.take_rest(5 * MIB);
        drop(rest);
        assert_eq!(budget.free_bytes(), MIB);
    }
}
