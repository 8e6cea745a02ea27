//! When to warn of what fails and is tried again: not of what passes soon, and not each time.

use std::time::Duration;

use tokio::time::Instant;

/// What passes within this time isn't told to anybody: elections do.
const WARNING_DELAY: Duration = Duration::from_secs(1);

/// How often the operator is told of what goes on failing.
const WARNING_INTERVAL: Duration = Duration::from_secs(5);

/// Tells when a warning is due of what fails again and again.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    next: Option<Instant>,
}

impl Warnings {
    /// It failed: whether to tell of it now.
    pub(crate) fn are_due(&mut self) -> bool {
        let next = *self.next.get_or_insert_with(|| Instant::now() + WARNING_DELAY);
        let due = Instant::now() >= next;
        if due {
            self.next = Some(Instant::now() + WARNING_INTERVAL);
        }
        due
    }

    /// It succeeded.
    pub(crate) fn end(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_fails_again_and_again_is_told_now_and_then() {
        let mut warnings = Warnings::default();
        assert!(!warnings.are_due());
        sleep(WARNING_DELAY).await;
        assert!(warnings.are_due());
        assert!(!warnings.are_due());
        sleep(WARNING_INTERVAL).await;
        assert!(warnings.are_due());
        warnings.end();
        assert!(!warnings.are_due());
    }
}
