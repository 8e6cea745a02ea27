//! How much memory what was fetched ahead takes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts the bytes that one broker sent and that wait to be handed out.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadAhead(Arc<AtomicUsize>);

impl ReadAhead {
    /// Counts these bytes until what is returned is dropped.
    pub(super) fn hold(&self, bytes: usize) -> Held {
        // One task counts; another one may only be the last to drop.
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Held { of: self.clone(), bytes }
    }

    /// The bytes that are held, in whole answers: an answer's partitions share its memory.
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The bytes of one answer.
#[derive(Debug)]
pub(super) struct Held {
    of: ReadAhead,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_until_it_is_dropped() {
        let memory = ReadAhead::default();
        let first = memory.hold(5);
        let second = Arc::new(memory.hold(7));
        assert_eq!(memory.bytes(), 12);
        drop(first);
        let shared = Arc::clone(&second);
        drop(second);
        assert_eq!(memory.bytes(), 7);
        drop(shared);
        assert_eq!(memory.bytes(), 0);
    }
}
