//! A disk whose calls wait at a gate, as those of a stalled device do; and a store on that device.

use std::{
    io,
    ops::Range,
    path::Path,
    sync::{Arc, Condvar, Mutex},
};

use storage::disk::{Disk, Entry, File, Lock, Mode, OsDisk};
use store::{Batch, Durability, Order, RocksStores, Store, Stores};

/// The system's disk behind a gate. A test opens the gate before it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct GatedDisk {
    gate: Arc<Gate>,
    /// Whether all calls wait there, not syncs alone.
    is_whole: bool,
}

/// RocksDB behind the same gate.
#[derive(Debug)]
struct GatedStores {
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct GatedStore {
    store: Arc<dyn Store>,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl GatedDisk {
    /// One that all calls wait for.
    pub(crate) fn whole() -> Self {
        Self { is_whole: true, ..Self::default() }
    }

    /// Stores on the same device.
    pub(crate) fn stores(&self) -> Arc<dyn Stores> {
        Arc::new(GatedStores { gate: Arc::clone(&self.gate) })
    }

    fn pass(&self) {
        if self.is_whole {
            self.gate.pass();
        }
    }
}

impl GatedDisk {
    pub(crate) fn close(&self) {
        *self.gate.is_closed.lock().unwrap() = true;
    }

    pub(crate) fn open_again(&self) {
        *self.gate.is_closed.lock().unwrap() = false;
        self.gate.opened.notify_all();
    }
}

impl Gate {
    fn pass(&self) {
        let is_closed = self.is_closed.lock().unwrap();
        let _open = self.opened.wait_while(is_closed, |is_closed| *is_closed).unwrap();
    }
}

impl Disk for GatedDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        self.pass();
        let file = OsDisk.open(path, mode)?;
        Ok(Arc::new(GatedFile { file, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass();
        OsDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.pass();
        OsDisk.remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.pass();
        OsDisk.create_dir_all(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.pass();
        OsDisk.remove_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.pass();
        OsDisk.list(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.pass();
        OsDisk.exists(path)
    }

    fn file_len(&self, path: &Path) -> io::Result<u64> {
        self.pass();
        OsDisk.file_len(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.pass();
        OsDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.pass();
        OsDisk.lock(path)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.pass();
        OsDisk.free_bytes(dir)
    }
}

#[derive(Debug)]
struct GatedFile {
    file: Arc<dyn File>,
    disk: GatedDisk,
}

impl File for GatedFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.pass();
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.disk.pass();
        self.file.read_at(buffer, position)
    }

    fn try_read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.try_read_at(buffer, position)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.disk.pass();
        self.file.write_all_at(bytes, position)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.pass();
        self.file.truncate(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.gate.pass();
        self.file.sync_data()
    }
}

impl Stores for GatedStores {
    fn open(&self, path: &Path) -> Result<Arc<dyn Store>, store::Error> {
        self.gate.pass();
        let store = RocksStores::default().open(path)?;
        Ok(Arc::new(GatedStore { store, gate: Arc::clone(&self.gate) }))
    }
}

impl Store for GatedStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, store::Error> {
        self.gate.pass();
        self.store.get(key)
    }

    fn scan(
        &self,
        range: Range<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<store::Entry>, store::Error> {
        self.gate.pass();
        self.store.scan(range, order, limit)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), store::Error> {
        self.gate.pass();
        self.store.write(batch, durability)
    }
}
