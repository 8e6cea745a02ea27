//! Whose records a reader of committed ones skips.

use std::{collections::BTreeSet, iter::Peekable};

use protocol::{ProducerId, api::fetch::AbortedTransaction, records::BatchHeader};

use crate::offsets::Isolation;

/// The aborted transactions that an answer names, by first offset; each lasts until its marker.
#[derive(Debug)]
pub(super) struct Aborted {
    isolation: Isolation,
    coming: Peekable<std::vec::IntoIter<AbortedTransaction>>,
    open: BTreeSet<ProducerId>,
}

impl Aborted {
    pub(super) fn new(isolation: Isolation, mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_by_key(|transaction| transaction.first_offset);
        Self { isolation, coming: transactions.into_iter().peekable(), open: BTreeSet::new() }
    }

    /// Whether a batch belongs to an aborted transaction. To be asked of each batch, in order.
    pub(super) fn covers(&mut self, batch: &BatchHeader) -> bool {
        if self.isolation == Isolation::ReadUncommitted {
            return false;
        }
        let last_offset = batch.last_offset();
        while let Some(begun) = self.coming.next_if(|next| next.first_offset <= last_offset) {
            self.open.insert(begun.producer_id);
        }
        if !batch.attributes.is_transactional() {
            return false;
        }
        if batch.attributes.is_control() {
            // A producer has one transaction at a time, so its next marker ends this one.
            return self.open.remove(&batch.producer_id);
        }
        self.open.contains(&batch.producer_id)
    }
}
