#![doc = include_str!("../README.md")]

mod batch;
pub mod conformance;
mod memory;
mod rocks;

pub use batch::{Batch, Operation};
pub use memory::MemoryStores;
pub use rocks::RocksStores;

use std::{
    fmt::Debug,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// An open store: ordered keys and values of any bytes.
///
/// All methods block the caller, a synced write for as long as the disk takes. They may be called
/// from any thread; writes take effect one after the other.
pub trait Store: Send + Sync + Debug + 'static {
    /// The value of a key, if it has one.
    ///
    /// # Errors
    /// [`Error::Failed`] when the disk can't be read, or holds something else than was written.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// At most `limit` entries whose keys are in `range`, start included and end excluded. They are
    /// all read from one moment: no write shows in one part and not in another. A range that ends
    /// before it starts is empty.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn scan(&self, range: Range<&[u8]>, order: Order, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Writes a batch: after a crash it's there whole or not at all.
    ///
    /// # Errors
    /// [`Error::Failed`]. Whether the batch will be there after a restart is then unknown, and the
    /// store should be given up: a sync that failed must not be tried again, because the system may
    /// have dropped the pages that it couldn't write.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), Error>;
}

/// Opens stores.
pub trait Stores: Send + Sync + Debug + 'static {
    /// Opens the store in a directory, which is created, with its parents, if it's missing. The
    /// store is closed when the last reference to it is dropped.
    ///
    /// # Errors
    /// [`Error::InUse`] while it's open anywhere else, [`Error::Open`] for everything else.
    fn open(&self, path: &Path) -> Result<Arc<dyn Store>, Error>;
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Which end of a range a scan starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the smallest key.
    Ascending,
    /// From the greatest key.
    Descending,
}

/// What a write has survived once it returns.
///
/// Both kinds share one write-ahead log: what is durable is always a prefix of all writes, and a
/// synced one makes every earlier one durable with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It survives the loss of power.
    Synced,
    /// It survives the end of this process, but not the loss of power.
    Buffered,
}

/// Why a store couldn't do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The store is open already, in this process or another.
    #[error("the store in {} is in use by another process", path.display())]
    InUse {
        /// Its directory.
        path: PathBuf,
    },
    /// The store can't be opened.
    #[error("the store in {} cannot be opened: {reason}", path.display())]
    Open {
        /// Its directory.
        path: PathBuf,
        /// What the implementation says.
        reason: String,
    },
    /// A read or a write failed.
    #[error("{operation} failed in the store in {}: {reason}", path.display())]
    Failed {
        /// What was tried: `get`, `scan` or `write`.
        operation: &'static str,
        /// Its directory.
        path: PathBuf,
        /// What the implementation says.
        reason: String,
    },
}
