//! The simulated wall clock and entropy.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};

use client::door::{Clock, Entropy};

use protocol::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

/// When every simulation begins: 2026-01-01, in milliseconds.
const BEGINNING_MS: i64 = 1_767_225_600_000;

/// One machine's clock: simulated time, off by a little or by a lot.
#[derive(Debug)]
pub struct SkewedClock {
    started: Instant,
    skew_ms: AtomicI64,
}

impl SkewedClock {
    /// A clock that shows the simulation's time plus a skew.
    #[must_use]
    pub fn new(started: Instant, skew_ms: i64) -> Self {
        Self { started, skew_ms: AtomicI64::new(skew_ms) }
    }

    /// Sets the clock.
    pub fn skew(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::SeqCst);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).expect("no run is so long");
        Timestamp(BEGINNING_MS + elapsed + self.skew_ms.load(Ordering::SeqCst))
    }
}

/// Random bytes that follow from the seed.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// A source of its own for one node.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().expect("one thread").fill_bytes(buffer);
    }
}
