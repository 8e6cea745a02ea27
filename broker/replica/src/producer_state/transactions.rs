//! The transactions that keep the last stable offset back.

use std::collections::BTreeMap;

use protocol::{Offset, ProducerId};

/// A transaction that has ended in this partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedTransaction {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its first record's offset.
    pub first_offset: Offset,
    /// The marker's offset.
    pub last_offset: Offset,
    /// Whether it was committed; aborted otherwise.
    pub committed: bool,
}

/// By first offset: transactions that are open, and those that ended beyond the high watermark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transactions {
    open: BTreeMap<Offset, ProducerId>,
    /// To the marker's offset.
    unreplicated: BTreeMap<Offset, Offset>,
}

impl Transactions {
    pub(super) fn begin(&mut self, producer_id: ProducerId, first_offset: Offset) {
        self.open.insert(first_offset, producer_id);
    }

    /// The outcome counts for nothing before the marker is replicated.
    pub(super) fn complete(&mut self, completed: &CompletedTransaction) {
        let producer_id = self.open.remove(&completed.first_offset);
        assert_eq!(producer_id, Some(completed.producer_id), "what ends was open");
        self.unreplicated.insert(completed.first_offset, completed.last_offset);
    }

    pub(super) fn high_watermark_moved(&mut self, high_watermark: Offset) {
        self.unreplicated.retain(|_, last_offset| *last_offset >= high_watermark);
    }

    pub(super) fn first_open_offset(&self) -> Option<Offset> {
        self.open.first_key_value().map(|(offset, _)| *offset)
    }

    pub(super) fn first_unstable_offset(&self) -> Option<Offset> {
        let unreplicated = self.unreplicated.first_key_value().map(|(offset, _)| *offset);
        self.first_open_offset().into_iter().chain(unreplicated).min()
    }
}
