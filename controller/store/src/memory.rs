//! The twin in memory: an ordered map per directory, for tests of what is built on a store, and for
//! simulations that need speed more than RocksDB.
//!
//! It outlives the stores that it opened, as a disk outlives a process; it ends with the process.
//! Every write is as durable as a synced one.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Batch, Durability, Entry, Error, Operation, Order, Store, Stores};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Opens stores in memory. Its clones open the same ones.
#[derive(Clone, Debug, Default)]
pub struct MemoryStores {
    stores: Arc<Mutex<BTreeMap<PathBuf, Arc<Mutex<Map>>>>>,
}

impl Stores for MemoryStores {
    fn open(&self, path: &Path) -> Result<Arc<dyn Store>, Error> {
        let mut stores = locked(&self.stores);
        let map = stores.entry(path.to_owned()).or_default();
        // One reference is the entry's own; a second is an open store's.
        if Arc::strong_count(map) > 1 {
            return Err(Error::InUse { path: path.to_owned() });
        }
        Ok(Arc::new(MemoryStore { map: map.clone() }))
    }
}

#[derive(Debug)]
struct MemoryStore {
    map: Arc<Mutex<Map>>,
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(locked(&self.map).get(key).cloned())
    }

    fn scan(&self, range: Range<&[u8]>, order: Order, limit: usize) -> Result<Vec<Entry>, Error> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let map = locked(&self.map);
        let entries = map
            .range(range.start.to_vec()..range.end.to_vec())
            .map(|(key, value)| (key.clone(), value.clone()));
        Ok(match order {
            Order::Ascending => entries.take(limit).collect(),
            Order::Descending => entries.rev().take(limit).collect(),
        })
    }

    fn write(&self, batch: Batch, _: Durability) -> Result<(), Error> {
        let mut map = locked(&self.map);
        for operation in batch.into_operations() {
            match operation {
                Operation::Put { key, value } => {
                    map.insert(key, value);
                }
                Operation::Delete { key } => {
                    map.remove(&key);
                }
                Operation::DeleteRange { start, end } => {
                    map.retain(|key, _| *key < start || *key >= end);
                }
            }
        }
        Ok(())
    }
}

/// A panic can't leave a map half changed: no operation on one can panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_conforms() {
        let stores = MemoryStores::default();
        let mut count = 0;
        crate::conformance::run_all(&stores, || {
            count += 1;
            PathBuf::from(format!("store-{count}"))
        });
    }
}
