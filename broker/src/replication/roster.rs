//! The partitions that follow one leader.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt as _;
use tokio::sync::Notify;

use super::Key;
use crate::partition::Partition;

/// Changed as the controller decides, and read by the fetcher before each of its fetches.
#[derive(Debug, Default)]
pub(super) struct Roster {
    partitions: Mutex<BTreeMap<Key, Arc<Partition>>>,
    joined: Notify,
}

impl Roster {
    /// Partitions come, or have a leader of a new epoch: they are to be fetched soon.
    pub(super) fn join(&self, joining: Vec<Arc<Partition>>) {
        let joining = joining.into_iter().map(|partition| (partition.key(), partition));
        self.partitions().extend(joining);
        self.joined.notify_one();
    }

    /// A partition goes. What was asked for it may still be answered, in vain.
    pub(super) fn leave(&self, key: Key) {
        self.partitions().remove(&key);
    }

    /// All of them now. Who has joined before is among them.
    pub(super) fn all(&self) -> Vec<(Key, Arc<Partition>)> {
        let _joined_before = self.joined().now_or_never();
        let partitions = self.partitions();
        partitions.iter().map(|(key, partition)| (*key, Arc::clone(partition))).collect()
    }

    /// Returns when a partition has joined since this returned the last time, or [`Roster::all`].
    pub(super) async fn joined(&self) {
        self.joined.notified().await;
    }

    fn partitions(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Partition>>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
