//! The alarm: a bug in a task that the quorum needs, where openraft wouldn't notice.
//!
//! openraft's core goes on when the task that applies entries has panicked, and waits for it for
//! ever. So such work arms the alarm before and disarms it after.

use std::sync::OnceLock;

use tokio::sync::Notify;

use crate::Error;

/// Raised once, for good.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    raised: OnceLock<Error>,
    changed: Notify,
}

impl Alarm {
    /// Arms it, until what is returned is dropped. Dropped by a panic, it raises it, and the place
    /// is what there is to start from.
    pub(crate) fn arm(&self, place: String) -> Armed<'_> {
        Armed { alarm: self, place }
    }

    /// Raises it for a fault after which nothing goes on. Only the first reason counts.
    pub(crate) fn raise(&self, reason: Error) {
        let _ = self.raised.set(reason);
        self.changed.notify_waiters();
    }

    /// Why it was raised, if it was.
    pub(crate) fn reason(&self) -> Option<&Error> {
        self.raised.get()
    }

    /// Waits until it's raised.
    pub(crate) async fn raised(&self) -> Error {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(reason) = self.reason() {
                return reason.clone();
            }
            changed.await;
        }
    }
}

/// An alarm that a panic raises.
#[derive(Debug)]
pub(crate) struct Armed<'a> {
    alarm: &'a Alarm,
    place: String,
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = Error::Bug { place: std::mem::take(&mut self.place) };
            tracing::error!("{reason}");
            self.alarm.raise(reason);
        }
    }
}
