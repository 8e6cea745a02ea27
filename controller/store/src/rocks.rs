//! The production store: one RocksDB, kept small.
//!
//! What it holds is small too (the metadata of a cluster, the tail of a raft log, the last offsets
//! of consumer groups), so memory goes to the page cache of the partitions instead.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, DBRecoveryMode, InfoLogger, IteratorMode,
    LogLevel, Options, ReadOptions, WriteBatch, WriteOptions,
};

use crate::{Batch, Durability, Entry, Error, Operation, Order, Store, Stores};

/// Uncompressed blocks in memory, for reads.
const BLOCK_CACHE_BYTES: usize = 8 << 20;
/// A memtable's size; there are at most two, one being filled and one being flushed.
const MEMTABLE_BYTES: usize = 2 << 20;
/// Write-ahead logs beyond this make RocksDB flush, so that the next start replays little.
const WAL_BYTES_MAX: u64 = 16 << 20;
/// One thread flushes, one compacts.
const BACKGROUND_JOBS: i32 = 2;
/// The room that a new manifest takes at once, and gives back at the next start. It holds the names
/// of a handful of files.
const MANIFEST_BYTES: usize = 64 << 10;

/// Opens RocksDB databases.
#[derive(Clone, Copy, Debug, Default)]
pub struct RocksStores {
    strict_recovery: bool,
}

impl RocksStores {
    /// The same, but a write-ahead log that ends in anything else than a whole batch doesn't open.
    ///
    /// In production a torn tail is what the loss of power leaves behind, and no damage: nothing in
    /// it was ever promised. There recovery stops at the first incomplete batch (RocksDB's
    /// point-in-time mode), so that what is recovered is a prefix of what was written and holds
    /// every synced batch. Where no tail can be torn, as in a simulation that drops whole batches
    /// above this store, one that is torn nevertheless is a bug, and this finds it.
    #[must_use]
    pub fn strict() -> Self {
        Self { strict_recovery: true }
    }

    fn options(self) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));

        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_block_based_table_factory(&table);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_write_buffer_size(MEMTABLE_BYTES);
        options.set_max_write_buffer_number(2);
        options.set_max_total_wal_size(WAL_BYTES_MAX);
        options.set_max_background_jobs(BACKGROUND_JOBS);
        options.set_wal_recovery_mode(if self.strict_recovery {
            DBRecoveryMode::AbsoluteConsistency
        } else {
            DBRecoveryMode::PointInTime
        });
        // Statistics are timers and writes of their own, and nobody reads them.
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_skip_stats_update_on_db_open(true);
        // What it has to say goes where the node's own words go. A text log of its own would take
        // its options down at every start, in a thousand lines and as many writes.
        let logger = InfoLogger::new_stderr_logger(LogLevel::Warn, Some("rocksdb "));
        options.set_info_logger(logger);
        // A start opens a handful of files, which doesn't take its 16 threads.
        options.set_max_file_opening_threads(1);
        options.set_manifest_preallocation_size(MANIFEST_BYTES);
        options
    }
}

impl Stores for RocksStores {
    fn open(&self, path: &Path) -> Result<Arc<dyn Store>, Error> {
        match DB::open(&self.options(), path) {
            Ok(db) => Ok(Arc::new(RocksStore { db, path: path.to_owned() })),
            Err(error) if is_locked(&error) => Err(Error::InUse { path: path.to_owned() }),
            Err(error) => Err(Error::Open { path: path.to_owned(), reason: error.into_string() }),
        }
    }
}

/// Whether another process, or another part of this one, holds the database's lock file. RocksDB
/// has no error code of its own for that; the words are those of its POSIX environment.
fn is_locked(error: &rocksdb::Error) -> bool {
    let message = error.as_ref();
    message.contains("lock hold by current process") || message.contains("While lock file")
}

#[derive(Debug)]
struct RocksStore {
    db: DB,
    path: PathBuf,
}

impl RocksStore {
    fn failed(&self, operation: &'static str, error: rocksdb::Error) -> Error {
        Error::Failed { operation, path: self.path.clone(), reason: error.into_string() }
    }
}

impl Store for RocksStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.db.get(key).map_err(|error| self.failed("get", error))
    }

    fn scan(&self, range: Range<&[u8]>, order: Order, limit: usize) -> Result<Vec<Entry>, Error> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let mut bounds = ReadOptions::default();
        bounds.set_iterate_lower_bound(range.start);
        bounds.set_iterate_upper_bound(range.end);
        let mode = match order {
            Order::Ascending => IteratorMode::Start,
            Order::Descending => IteratorMode::End,
        };
        let mut entries = Vec::new();
        for entry in self.db.iterator_opt(mode, bounds).take(limit) {
            let (key, value) = entry.map_err(|error| self.failed("scan", error))?;
            entries.push((key.into_vec(), value.into_vec()));
        }
        Ok(entries)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        let mut writes = WriteBatch::default();
        for operation in batch.into_operations() {
            match operation {
                Operation::Put { key, value } => writes.put(key, value),
                Operation::Delete { key } => writes.delete(key),
                // RocksDB refuses a range that ends before it starts, and with it the whole batch.
                Operation::DeleteRange { start, end } if start < end => {
                    writes.delete_range(start, end);
                }
                Operation::DeleteRange { .. } => {}
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.db.write_opt(writes, &options).map_err(|error| self.failed("write", error))
    }
}

#[cfg(test)]
mod tests;
