//! One log directory: whether it works and has space, and the loop that syncs its partitions.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{BrokerEpoch, DirectoryId, TopicPartition, Uuid};
use storage::{Log, LogDir, Offsets};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tracing::{error, info, warn};

use crate::{blocking, partition::Partition, server::shutdown::Shutdown};

/// How long after a sync the checkpoint tells of it: what it doesn't tell of is read through at the
/// next start, if this process is killed.
const CHECKPOINT_DELAY: Duration = Duration::from_secs(1);

/// One log directory with its queue of partitions to sync.
#[derive(Debug)]
pub(crate) struct LogDirHandle {
    pub(super) dir: Arc<LogDir>,
    pub(super) id: DirectoryId,
    almost_full: AtomicBool,
    /// Each partition once, however often it asked.
    to_sync: Mutex<BTreeMap<TopicPartition, Arc<Partition>>>,
    wake: Notify,
}

impl LogDirHandle {
    pub(super) fn new(dir: Arc<LogDir>, id: DirectoryId) -> Self {
        Self {
            dir,
            id,
            almost_full: AtomicBool::new(false),
            to_sync: Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub(crate) fn id(&self) -> DirectoryId {
        self.id
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.dir.failure().is_some()
    }

    /// Why it's offline.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.dir.failure()
    }

    /// Whether so little space is left that nothing more is taken from producers.
    pub(crate) fn is_almost_full(&self) -> bool {
        self.almost_full.load(Ordering::Relaxed)
    }

    /// Looks how much space is left. Blocks.
    pub(crate) fn check_space(&self, free_bytes_min: u64) {
        let Ok(free) = self.dir.free_bytes() else { return };
        let full = free < free_bytes_min;
        if self.almost_full.swap(full, Ordering::Relaxed) != full {
            let path = self.path().display();
            if full {
                warn!(%path, free, "almost full: refusing produce requests");
            } else {
                info!(%path, free, "has space again");
            }
        }
    }

    /// Asks for a partition to be synced soon.
    pub(crate) fn want_sync(&self, partition: Arc<Partition>) {
        let mut to_sync = self.to_sync.lock().unwrap_or_else(PoisonError::into_inner);
        to_sync.insert(partition.name().clone(), partition);
        self.wake.notify_one();
    }

    /// Syncs what was asked for, each partition once per round, so that many of them share the cost
    /// of waiting for the device.
    pub(crate) async fn sync_loop(self: Arc<Self>, shutdown: Shutdown) {
        let mut checkpoint_at = None;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(checkpoint_at.unwrap_or_else(Instant::now)),
                    if checkpoint_at.is_some() =>
                {
                    checkpoint_at = None;
                    self.checkpoint_on_pool().await;
                    continue;
                }
                () = self.wake.notified() => {}
                () = shutdown.requested() => return,
            }
            let round = {
                let mut to_sync = self.to_sync.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *to_sync)
            };
            let mut syncs = Vec::with_capacity(round.len());
            for partition in round.into_values() {
                syncs.extend(partition.begin_sync().await);
            }
            let done = blocking::begin(move || {
                syncs
                    .into_iter()
                    .map(|sync| {
                        let done = sync.run();
                        (sync, done)
                    })
                    .collect::<Vec<_>>()
            });
            for (sync, done) in done.await.expect("a sync calls the disk and nothing else") {
                sync.finish(done);
            }
            checkpoint_at = checkpoint_at.or_else(|| Some(Instant::now() + CHECKPOINT_DELAY));
        }
    }

    /// Checkpoints on the blocking pool.
    pub(super) async fn checkpoint_on_pool(self: &Arc<Self>) {
        let dir = Arc::clone(self);
        let done = blocking::begin(move || dir.checkpoint()).await;
        done.expect("a checkpoint calls the disk and nothing else");
    }

    /// Forgets a partition that is going to be deleted.
    pub(super) fn forget(&self, partition: &TopicPartition) {
        let mut to_sync = self.to_sync.lock().unwrap_or_else(PoisonError::into_inner);
        to_sync.remove(partition);
    }

    /// Makes the names of created logs durable. Where that fails, the directory is offline. Blocks.
    pub(super) fn sync_names(&self) {
        if let Err(fault) = self.dir.sync_names() {
            error!(error = %fault, "new logs are not durable");
        }
    }

    /// Deletes a log of this directory. Blocks.
    pub(crate) fn delete(&self, log: &Log, unique: Uuid) -> Result<(), storage::Error> {
        self.dir.delete_log(log, unique)?.run()
    }

    pub(super) fn set_aside(
        &self,
        partition: &TopicPartition,
        unique: Uuid,
    ) -> Result<(), storage::Error> {
        let path = self.dir.set_aside(partition, unique)?;
        warn!(%partition, path = %path.display(), "a log of no topic of this cluster is set aside");
        Ok(())
    }

    /// Writes recovery points and log start offsets. Blocks.
    pub(crate) fn checkpoint(&self) {
        if let Err(fault) = self.dir.checkpoint() {
            error!(error = %fault, "checkpoints not written");
        }
    }

    /// Writes high watermarks. Blocks.
    pub(crate) fn checkpoint_high_watermarks(&self, offsets: &Offsets) {
        if let Err(fault) = self.dir.checkpoint_high_watermarks(offsets) {
            error!(error = %fault, "high watermarks not written");
        }
    }

    /// Whether the mark of a clean stop is there: nothing was written since.
    pub(crate) fn is_marked_clean(&self) -> bool {
        self.dir.is_marked_clean()
    }

    /// Takes the mark of a clean stop away, before anything is written. Blocks.
    pub(super) fn begin_writing(&self) -> Result<(), storage::Error> {
        self.dir.begin_writing()
    }

    /// Marks the directory as closed cleanly, once all its logs are. Blocks.
    pub(crate) fn close(&self, epoch: BrokerEpoch) -> Result<(), storage::Error> {
        self.dir.close(epoch)
    }
}
