//! What happened, line by line, each at its simulated time. Two runs of one seed are the same run
//! if their traces have the same hash.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use madsim::time::TimeHandle;

/// The lines so far. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Hash>>);

impl Trace {
    /// Adds a line. `RUST_LOG=sim=info` shows it.
    pub fn note(&self, line: impl fmt::Display) {
        let line = format!("{:.6} {line}", now().as_secs_f64());
        tracing::info!(target: "sim", "{line}");
        let mut hash = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hash.add(line.as_bytes());
        hash.add(b"\n");
    }

    /// The hash of all lines.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

/// How long the simulation has been running.
pub(crate) fn now() -> Duration {
    TimeHandle::current().elapsed()
}

/// FNV-1a: small, and the same on every machine for ever.
#[derive(Debug)]
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
