//! A channel that keeps the last value only, and wakes its receivers in the order they came.
//!
//! tokio's own spreads its receivers over shards by a counter that all runtimes of the process
//! share, so the order in which they wake isn't a function of the seed. Here it's first come, first
//! served. openraft awaits these channels in a handful of tasks; a list of wakers is enough.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use openraft_rt::{OptionalSend, OptionalSync, RecvError, watch::SendError};

/// The channel's kind, for openraft.
#[derive(Debug)]
pub(crate) struct FifoWatch;

/// The writing end.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// A reading end, which remembers what it has seen.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

#[derive(Debug)]
struct Shared<T> {
    value: RwLock<T>,
    waiting: Mutex<Waiting>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Grows with every value.
    version: u64,
    /// Who wants to know of the next one, in the order they asked.
    wakers: Vec<Waker>,
}

impl<T> Shared<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.value.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self) {
        let wakers = {
            let mut waiting = self.waiting();
            waiting.version += 1;
            std::mem::take(&mut waiting.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<T> Receiver<T> {
    fn poll_changed(&mut self, cx: &Context<'_>) -> Poll<Result<(), RecvError>> {
        let mut waiting = self.shared.waiting();
        if waiting.version != self.seen {
            self.seen = waiting.version;
            return Poll::Ready(Ok(()));
        }
        if self.shared.senders.load(Ordering::SeqCst) == 0 {
            return Poll::Ready(Err(RecvError(())));
        }
        if !waiting.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl openraft_rt::Watch for FifoWatch {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = RwLockReadGuard<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(value: T) -> (Sender<T>, Receiver<T>) {
        let shared = Arc::new(Shared {
            value: RwLock::new(value),
            waiting: Mutex::default(),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        });
        (Sender { shared: shared.clone() }, Receiver { shared, seen: 0 })
    }
}

impl<T: OptionalSend + OptionalSync> openraft_rt::WatchSender<FifoWatch, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.shared.receivers.load(Ordering::SeqCst) == 0 {
            return Err(SendError(value));
        }
        *self.shared.write() = value;
        self.shared.publish();
        Ok(())
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let modified = modify(&mut self.shared.write());
        if modified {
            self.shared.publish();
        }
        modified
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        self.shared.read()
    }

    fn subscribe(&self) -> Receiver<T> {
        self.shared.receivers.fetch_add(1, Ordering::SeqCst);
        Receiver { shared: self.shared.clone(), seen: self.shared.waiting().version }
    }
}

impl<T: OptionalSend + OptionalSync> openraft_rt::WatchReceiver<FifoWatch, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        std::future::poll_fn(|cx| self.poll_changed(cx)).await
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        self.shared.read()
    }

    fn borrow_and_update(&mut self) -> RwLockReadGuard<'_, T> {
        // The value first: a version that's newer than the value read would hide the next change.
        let value = self.shared.value.read().unwrap_or_else(PoisonError::into_inner);
        self.seen = self.shared.waiting().version;
        value
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::SeqCst);
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            let wakers = std::mem::take(&mut self.shared.waiting().wakers);
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.receivers.fetch_add(1, Ordering::SeqCst);
        Self { shared: self.shared.clone(), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receivers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use openraft_rt::{Watch, WatchReceiver, WatchSender};

    use super::*;

    // What else a watch must do is in openraft's suite, which the runtime's tests run.
    #[tokio::test]
    async fn receivers_wake_in_the_order_they_came() {
        let (sender, receiver) = FifoWatch::channel(0);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let (mut receiver, woken) = (receiver.clone(), woken.clone());
                tokio::spawn(async move {
                    receiver.changed().await.unwrap();
                    woken.lock().unwrap().push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        sender.send(1).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(woken.lock().unwrap().iter().copied().eq(0..20));
    }
}
