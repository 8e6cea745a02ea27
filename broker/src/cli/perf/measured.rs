//! What a load has measured so far.

use std::time::Duration;

use client::Error;
use tokio::time::Instant;

use super::{generator::Settled, latencies::Latencies, watch::Volume};

/// The acknowledged records of all producers.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) acknowledged: Volume,
    pub(super) failed: u64,
    pub(super) first_error: Option<Error>,
    pub(super) until_sent: Latencies,
    pub(super) until_acknowledged: Latencies,
    last_at: Option<Instant>,
}

impl Measured {
    pub(super) fn new() -> Self {
        Self {
            acknowledged: Volume::default(),
            failed: 0,
            first_error: None,
            until_sent: Latencies::new(),
            until_acknowledged: Latencies::new(),
            last_at: None,
        }
    }

    pub(super) fn settled(&mut self, records: &[Settled]) {
        for record in records {
            self.last_at = self.last_at.max(Some(record.acknowledged));
            match &record.result {
                Ok(()) => {
                    self.acknowledged.records += 1;
                    self.acknowledged.bytes +=
                        u64::try_from(record.value_bytes).unwrap_or(u64::MAX);
                    self.until_sent.record(record.sent.saturating_duration_since(record.due));
                    let latency = record.acknowledged.saturating_duration_since(record.due);
                    self.until_acknowledged.record(latency);
                }
                Err(error) => {
                    self.failed += 1;
                    self.first_error.get_or_insert_with(|| error.clone());
                }
            }
        }
    }

    /// From a load's start until the last record was acknowledged or had failed.
    pub(super) fn took(&self, start: Instant) -> Duration {
        self.last_at.map_or(Duration::ZERO, |last| last.saturating_duration_since(start))
    }
}
