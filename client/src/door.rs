//! The doors of wall clock and entropy: what would make two runs of one seed differ comes in here.
//!
//! Durations and deadlines are no door: they are `tokio::time`, which the simulator swaps.
#![allow(clippy::disallowed_methods)] // This is the door that the others are sent to.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use protocol::{Timestamp, Uuid};
use rand::{TryRng, rngs::SysRng};

/// The wall clock. It may jump either way: good for what people read and for record timestamps,
/// not for measuring.
///
/// ```
/// use std::sync::Arc;
///
/// use client::{Doors, door::Clock, protocol::Timestamp};
///
/// /// For tests: time stands still.
/// #[derive(Debug)]
/// struct Stopped;
///
/// impl Clock for Stopped {
///     fn now(&self) -> Timestamp {
///         Timestamp(1_767_225_600_000)
///     }
/// }
///
/// let doors = Doors { clock: Arc::new(Stopped), ..Doors::system() };
/// # let _ = doors;
/// ```
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Milliseconds since 1970.
    fn now(&self) -> Timestamp;
}

/// A source of random bytes.
pub trait Entropy: Send + Sync + fmt::Debug + 'static {
    /// Overwrites the whole buffer.
    fn fill(&self, buffer: &mut [u8]);

    /// A random number from the whole range.
    fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A new id, as Kafka draws them.
    fn uuid(&self) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            self.fill(&mut bytes);
            if let Some(uuid) = Uuid::from_random(bytes) {
                return uuid;
            }
        }
    }
}

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|millis| -millis),
        };
        Timestamp(millis.expect("the clock is within 292 million years of 1970"))
    }
}

/// The system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut source = SysRng;
        source.try_fill_bytes(buffer).expect("the system has a source of randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_past_this_codes_birth() {
        assert!(SystemClock.now() > Timestamp(1_700_000_000_000));
    }

    #[test]
    fn ids_differ_and_never_print_with_a_leading_dash() {
        let ids: std::collections::BTreeSet<_> = (0..100).map(|_| SystemEntropy.uuid()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| !id.to_string().starts_with('-')));
    }
}
