//! The simulated store: a real one, with what isn't synced yet held above it.
//!
//! RocksDB has one write-ahead log, so what survives a power loss is a prefix of the batches, and a
//! synced batch makes all before it durable. That is all there is to model: batches since the last
//! sync wait in a tail, and a power loss keeps the first few of them. A process that ends, however
//! it ends, loses none: the system has its writes; opening the store again makes them durable, as
//! RocksDB's recovery does. From the instant of a crash the handles that were open refuse
//! everything, so that no destructor can tidy up.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use store::{Batch, Durability, Entry, Error, Operation, Order, Store, Stores};

/// What RocksDB says when its timer refuses a task, and how often to try again.
const TIMER_AT_WORK: &str = "Failed to register periodic task";
const OPENINGS_MAX: u32 = 1000;

/// Opens stores that can crash.
#[derive(Debug)]
pub struct SimStores {
    inner: Arc<dyn Stores>,
    /// Where the real stores are, whatever directories their users name.
    root: PathBuf,
    volumes: Mutex<BTreeMap<PathBuf, Arc<Mutex<Volume>>>>,
    rng: Mutex<StdRng>,
}

/// One store as the machine has it, open or not.
#[derive(Debug, Default)]
struct Volume {
    /// The real store, while a process has it open.
    base: Option<Arc<dyn Store>>,
    /// How often the volume was opened: older handles are dead.
    openings: u64,
    /// Written and not synced, in this order.
    unsynced: Vec<Batch>,
    /// What the unsynced batches lead to; `None` = deleted.
    overlay: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl SimStores {
    /// Crashing stores above others, which are kept in one directory that must exist. The seed
    /// decides what a power loss takes.
    #[must_use]
    pub fn new(inner: Arc<dyn Stores>, root: &Path, seed: u64) -> Arc<Self> {
        let rng = Mutex::new(StdRng::seed_from_u64(seed));
        Arc::new(Self { inner, root: root.to_owned(), volumes: Mutex::default(), rng })
    }

    /// The real store's directory: one level below the root.
    fn place(&self, path: &Path) -> PathBuf {
        let names = path.components().filter_map(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        self.root.join(names.collect::<Vec<_>>().join("."))
    }

    /// The process that has the stores open dies: what it wrote stays.
    pub fn crash_process(&self) {
        for volume in locked(&self.volumes).values() {
            locked(volume).close();
        }
    }

    /// The machine loses its power: of the batches since the last sync a prefix stays.
    /// Returns how many are lost.
    pub fn lose_power(&self) -> usize {
        let mut lost = 0;
        for volume in locked(&self.volumes).values() {
            let mut volume = locked(volume);
            volume.close();
            let kept = locked(&self.rng).random_range(0..=volume.unsynced.len());
            lost += volume.unsynced.len() - kept;
            volume.unsynced.truncate(kept);
        }
        lost
    }
}

impl SimStores {
    /// RocksDB's timer is a thread of the real world, with that one's clock. It refuses what is added
    /// by a clock that is behind, as ours is, while it is at work: which it isn't for long.
    fn open_base(&self, place: &Path) -> Result<Arc<dyn Store>, Error> {
        for _ in 0..OPENINGS_MAX {
            match self.inner.open(place) {
                Err(Error::Open { reason, .. }) if reason.contains(TIMER_AT_WORK) => {
                    std::thread::yield_now();
                }
                opened => return opened,
            }
        }
        self.inner.open(place)
    }
}

impl Stores for SimStores {
    fn open(&self, path: &Path) -> Result<Arc<dyn Store>, Error> {
        let volume = Arc::clone(locked(&self.volumes).entry(path.to_owned()).or_default());
        let opening = {
            let mut volume = locked(&volume);
            if volume.base.is_some() {
                return Err(Error::InUse { path: path.to_owned() });
            }
            volume.base = Some(self.open_base(&self.place(path))?);
            volume.make_durable()?;
            volume.openings += 1;
            volume.openings
        };
        Ok(Arc::new(SimStore { path: path.to_owned(), volume, opening }))
    }
}

impl Volume {
    fn close(&mut self) {
        self.base = None;
        self.overlay.clear();
    }

    /// Hands what is unsynced down to the real store, which never loses anything.
    fn make_durable(&mut self) -> Result<(), Error> {
        self.overlay.clear();
        let unsynced = std::mem::take(&mut self.unsynced);
        let Some(base) = &self.base else { return Ok(()) };
        unsynced.into_iter().try_for_each(|batch| base.write(batch, Durability::Buffered))
    }

    fn write_unsynced(&mut self, base: &dyn Store, batch: Batch) -> Result<(), Error> {
        for operation in batch.operations() {
            match operation.clone() {
                Operation::Put { key, value } => {
                    self.overlay.insert(key, Some(value));
                }
                Operation::Delete { key } => {
                    self.overlay.insert(key, None);
                }
                Operation::DeleteRange { start, end } => {
                    for (key, _) in base.scan(&start..&end, Order::Ascending, usize::MAX)? {
                        self.overlay.insert(key, None);
                    }
                    for (key, value) in &mut self.overlay {
                        if (&start..&end).contains(&key) {
                            *value = None;
                        }
                    }
                }
            }
        }
        self.unsynced.push(batch);
        Ok(())
    }

    fn scan(
        &self,
        base: &dyn Store,
        range: Range<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        if self.overlay.is_empty() || range.is_empty() {
            return base.scan(range, order, limit);
        }
        let below = base.scan(range.clone(), Order::Ascending, usize::MAX)?;
        let mut merged: BTreeMap<_, _> = below.into_iter().collect();
        let bounds = (Bound::Included(range.start), Bound::Excluded(range.end));
        for (key, value) in self.overlay.range::<[u8], _>(bounds) {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(match order {
            Order::Ascending => merged.into_iter().take(limit).collect(),
            Order::Descending => merged.into_iter().rev().take(limit).collect(),
        })
    }
}

/// What one process holds of a volume. Dropping the last reference closes it, and syncs nothing.
#[derive(Debug)]
struct SimStore {
    path: PathBuf,
    volume: Arc<Mutex<Volume>>,
    opening: u64,
}

impl SimStore {
    /// The volume and the real store in it, while the process lives.
    fn alive(
        &self,
        operation: &'static str,
    ) -> Result<(MutexGuard<'_, Volume>, Arc<dyn Store>), Error> {
        let volume = locked(&self.volume);
        match &volume.base {
            Some(base) if volume.openings == self.opening => {
                let base = Arc::clone(base);
                Ok((volume, base))
            }
            _ => {
                let reason = "the process is dead".to_owned();
                Err(Error::Failed { operation, path: self.path.clone(), reason })
            }
        }
    }
}

impl Store for SimStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let (volume, base) = self.alive("get")?;
        match volume.overlay.get(key) {
            Some(value) => Ok(value.clone()),
            None => base.get(key),
        }
    }

    fn scan(&self, range: Range<&[u8]>, order: Order, limit: usize) -> Result<Vec<Entry>, Error> {
        let (volume, base) = self.alive("scan")?;
        volume.scan(&*base, range, order, limit)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        let (mut volume, base) = self.alive("write")?;
        match durability {
            Durability::Synced => {
                volume.make_durable()?;
                base.write(batch, Durability::Buffered)
            }
            Durability::Buffered => volume.write_unsynced(&*base, batch),
        }
    }
}

impl Drop for SimStore {
    fn drop(&mut self) {
        let mut volume = locked(&self.volume);
        if volume.openings == self.opening {
            volume.close();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics under this lock")
}

#[cfg(test)]
mod tests;
