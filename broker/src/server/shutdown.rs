//! The wish to stop, told to every task that asked to hear of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// One side of it: cloned into every task, and requested once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    requested: AtomicBool,
    wake: Notify,
}

impl Shutdown {
    pub(crate) fn request(&self) {
        self.inner.requested.store(true, Ordering::SeqCst);
        self.inner.wake.notify_waiters();
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.inner.requested.load(Ordering::SeqCst)
    }

    /// Returns once a stop was requested.
    pub(crate) async fn requested(&self) {
        let woken = self.inner.wake.notified();
        tokio::pin!(woken);
        // Enrolled before the flag is read, so that no request falls between the two.
        woken.as_mut().enable();
        if !self.is_requested() {
            woken.await;
        }
    }
}
