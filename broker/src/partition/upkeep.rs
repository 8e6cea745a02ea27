//! What is done to a partition's log besides appending and reading: syncs, retention, closing and
//! deleting.
//!
//! One of these at a time: a sync that is under way knows files by their names, and a topic that is
//! deleted and created again has the same ones. Who takes the log out of use waits for it, and
//! afterwards nothing here touches the files any more.

use std::sync::Arc;

use protocol::{ErrorCode, Timestamp, Uuid};
use storage::SyncJob;
use tokio::{sync::OwnedMutexGuard, time::Instant};
use tracing::{error, info};

use super::Partition;

use crate::blocking;

/// A sync that has begun. No other upkeep of the partition begins before it is finished.
pub(crate) struct Sync {
    partition: Arc<Partition>,
    job: SyncJob,
    _turn: OwnedMutexGuard<()>,
}

impl Sync {
    /// Syncs. Blocks for as long as the device takes.
    pub(crate) fn run(&self) -> Result<(), storage::Error> {
        self.job.run()
    }

    /// Tells the partition what came of it.
    pub(crate) fn finish(self, done: Result<(), storage::Error>) {
        let Self { partition, job, _turn } = self;
        let mut state = partition.state();
        match done {
            Ok(()) => {
                state.log.finish_sync(job);
                state.synced();
            }
            Err(fault) => {
                partition.fault(&mut state, &fault);
            }
        }
    }
}

impl Partition {
    /// Begins to sync what was appended so far. `None` if there is nothing to sync.
    pub(crate) async fn begin_sync(self: &Arc<Self>) -> Option<Sync> {
        let turn = Arc::clone(&self.upkeep).lock_owned().await;
        let mut state = self.state();
        if !state.is_in_use() {
            return None;
        }
        let job = state.begin_sync()?;
        Some(Sync { partition: Arc::clone(self), job, _turn: turn })
    }

    /// Deletes old segments.
    pub(crate) async fn retain(self: &Arc<Self>, now: Timestamp) {
        self.blocking(move |partition| {
            let mut state = partition.state();
            if !state.is_in_use() {
                return;
            }
            match state.retain(now) {
                Ok(0) => {}
                Ok(segments) => {
                    info!(partition = %partition.name, segments, "old segments deleted");
                }
                Err(fault) => {
                    partition.fault(&mut state, &fault);
                }
            }
        })
        .await;
    }

    /// Takes the log out of use and closes it: everything is synced. Returns whether opening it
    /// needs no recovery.
    pub(crate) async fn close(self: &Arc<Self>) -> bool {
        let closed = self.blocking(|partition| {
            let mut state = partition.state();
            // What a fault or a bug took offline is for recovery to look at.
            if !state.is_in_use() || state.is_offline() {
                return false;
            }
            let closed = state.close();
            state.retire(ErrorCode::NotLeaderOrFollower);
            if let Err(fault) = &closed {
                error!(partition = %partition.name, error = %fault, "log not closed");
            }
            closed.is_ok()
        });
        closed.await.unwrap_or(false)
    }

    /// Takes the log out of use and deletes it. Nobody waits for it any more.
    pub(crate) async fn delete(self: &Arc<Self>, unique: Uuid) {
        self.blocking(move |partition| {
            let mut state = partition.state();
            state.retire(ErrorCode::UnknownTopicOrPartition);
            match partition.log_dir.delete(&state.log, unique) {
                Ok(()) => info!(partition = %partition.name, "deleted"),
                Err(fault) => {
                    error!(partition = %partition.name, error = %fault, "log not deleted");
                }
            }
        })
        .await;
    }

    /// Forgets producers that were idle for too long.
    pub(crate) fn expire_producers(&self, now: Timestamp, expiration_ms: i64) {
        self.state().replica.expire_producers(now, expiration_ms);
    }

    /// Whether records wait longer for a sync than `flush.ms` allows.
    pub(crate) fn is_sync_overdue(&self, now: Instant) -> bool {
        self.state().is_overdue(now)
    }

    /// Does one piece of upkeep on the blocking pool, when it's its turn. A bug in it takes this
    /// replica offline and nothing else: then there is no result.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let turn = Arc::clone(&self.upkeep).lock_owned().await;
        let partition = Arc::clone(self);
        // It has its turn until it's done, also if nobody waits for it any more.
        let done = blocking::begin(move || {
            let _turn = turn;
            work(&partition)
        });
        let done = done.await;
        if done.is_err() {
            self.bug("a bug in the upkeep of its log");
        }
        done.ok()
    }
}
