//! The disk: the state that survives crashes, and the handles that don't.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use storage::disk::{Disk, Entry, File, Lock, Mode};

use crate::{
    fault::{Call, Faults, Verdict, machine_is_down},
    rng::Rng,
    tree::{InodeId, Tree},
};

/// What fits on a disk of which nobody said anything else.
const CAPACITY_BYTES: u64 = 1 << 40;

/// How a machine stops without a goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process dies. What it wrote is in the kernel's memory, and stays.
    Process,
    /// The power goes. Of what was not synced, the dice decide what survives.
    Power,
}

/// A handle on a simulated disk, as a process of the machine has it.
///
/// A crash ends all handles, and all that was opened through them: every call fails from then on.
/// [`SimDisk::reopen`] gives the next process its own.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    incarnation: u64,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    rng: Rng,
    faults: Faults,
    locks: BTreeSet<PathBuf>,
    capacity_bytes: u64,
    /// Which process may use the disk. Odd numbers are nobody's: the machine is down.
    incarnation: u64,
    changes: u64,
}

impl SimDisk {
    /// An empty disk; the seed decides what power losses take.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            tree: Tree::default(),
            rng: Rng::new(seed),
            faults: Faults::default(),
            locks: BTreeSet::new(),
            capacity_bytes: CAPACITY_BYTES,
            incarnation: 0,
            changes: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), incarnation: 0 }
    }

    /// Stops the machine. Faults that were ordered and did not happen yet are off.
    pub fn crash(&self, crash: Crash) {
        let mut state = self.lock_state();
        let State { tree, rng, .. } = &mut *state;
        if crash == Crash::Power {
            tree.lose_power(rng);
        }
        state.faults = Faults::default();
        state.locks.clear();
        state.incarnation |= 1;
        state.tree.collect_garbage();
    }

    /// Starts the machine again, if it is down: a handle for its next process.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut state = self.lock_state();
        state.incarnation += state.incarnation % 2;
        Self { state: Arc::clone(&self.state), incarnation: state.incarnation }
    }

    /// Whether the machine is down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.lock_state().incarnation % 2 == 1
    }

    /// How many changes there were so far: everything but reading.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock_state().changes
    }

    /// Lets the machine die in the middle of a change, `changes` whole ones from now. Whether the
    /// power goes too is for the [`SimDisk::crash`] to say that must follow.
    pub fn crash_after(&self, changes: u64) {
        self.lock_state().faults.crash_after(changes);
    }

    /// Lets one call of a kind fail with an I/O error, the one after `calls` more. A failed sync
    /// loses what it was to sync, as on Linux.
    pub fn fail_after(&self, call: Call, calls: u64) {
        self.lock_state().faults.fail(call, calls);
    }

    /// Lets nothing happen that was ordered and did not happen yet, and gives the disk its usual size.
    pub fn mend(&self) {
        let mut state = self.lock_state();
        state.faults = Faults::default();
        state.capacity_bytes = CAPACITY_BYTES;
    }

    /// How many bytes fit on the disk.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.lock_state().capacity_bytes
    }

    /// Sets how many bytes fit on the disk.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock_state().capacity_bytes = bytes;
    }

    /// Lets memory forget the content of all files, so that it is read from the device.
    pub fn evict(&self) {
        self.lock_state().tree.evict();
    }

    /// Damages one bit of a file on the device.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn flip_bit(&self, path: &Path, bit: usize) -> io::Result<()> {
        let mut state = self.lock_state();
        let id = state.tree.find(path)?;
        state.tree.file_mut(id)?.flip_bit(bit);
        Ok(())
    }

    /// Damages the last byte of what is written to a file next, on the way to the device and in
    /// memory.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn damage_next_write(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        let id = state.tree.find(path)?;
        state.tree.file_mut(id)?.damage_next_write();
        Ok(())
    }

    /// What is certain to be left of a file if the power fails now. None if its name isn't.
    #[must_use]
    pub fn durable(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.lock_state();
        let (image, _) = state.tree.file(state.tree.find_durable(path).ok()?).ok()?;
        Some(image.durable().to_vec())
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        // A panic in a test's own code says nothing about the disk.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a process that is alive.
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock_state();
        if state.incarnation == self.incarnation { Ok(state) } else { Err(machine_is_down()) }
    }

    /// The state, for a call that nothing but luck may stop.
    fn begin(&self, call: Call) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.alive()?;
        state.begin(call)?;
        Ok(state)
    }
}

impl State {
    fn begin(&mut self, call: Call) -> io::Result<()> {
        if call != Call::Read {
            self.changes += 1;
        }
        match self.faults.judge(call) {
            Verdict::Succeed => Ok(()),
            Verdict::Fail(error) => Err(error),
            Verdict::Die => {
                self.incarnation |= 1;
                Err(machine_is_down())
            }
        }
    }

    /// Writes what fits, or what the machine got done before it died.
    fn write(&mut self, id: InodeId, bytes: &[u8], position: u64) -> io::Result<()> {
        let position = usize::try_from(position).map_err(io::Error::other)?;
        let result = self.begin(Call::Write);
        let len = self.tree.file(id)?.0.bytes().len();
        let free = self.capacity_bytes.saturating_sub(self.tree.used_bytes());
        let fits = usize::try_from(free).unwrap_or(usize::MAX).saturating_add(len);
        let (written, result) = match result {
            Err(error) => (self.rng.below(bytes.len() as u64 + 1), Err(error)),
            Ok(()) if position + bytes.len() > fits => {
                (fits.saturating_sub(position) as u64, Err(ErrorKind::StorageFull.into()))
            }
            Ok(()) => (bytes.len() as u64, Ok(())),
        };
        let written = usize::try_from(written).expect("no more than there is");
        if written > 0 {
            self.tree.file_mut(id)?.write(&bytes[..written], position);
        }
        result
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut state = self.alive()?;
        let inode = match (state.tree.find(path), mode) {
            (Ok(_), Mode::CreateNew) => return Err(ErrorKind::AlreadyExists.into()),
            (Ok(inode), _) => inode,
            (Err(error), Mode::Read) => return Err(error),
            (Err(error), _) if error.kind() != ErrorKind::NotFound => return Err(error),
            (Err(_), _) => {
                state.begin(Call::Name)?;
                let (parent, name) = state.tree.parent(path)?;
                state.tree.create_file(parent, name)?
            }
        };
        let open = Arc::clone(state.tree.file(inode)?.1);
        let writable = mode != Mode::Read;
        Ok(Arc::new(SimFile { disk: self.clone(), inode, writable, _open: open }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin(Call::Name)?;
        let inode = state.tree.find(from)?;
        let (parent, from) = state.tree.parent(from)?;
        let (parent_to, to) = state.tree.parent(to)?;
        if parent != parent_to {
            // Nobody needs it, and what survives a power loss would be hard to say.
            return Err(ErrorKind::CrossesDevices.into());
        }
        state.tree.directory_mut(parent)?.rename(from, to, inode);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Call::Name)?;
        let inode = state.tree.find(path)?;
        state.tree.file(inode)?;
        let (parent, name) = state.tree.parent(path)?;
        state.tree.directory_mut(parent)?.remove(name);
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Call::Name)?;
        state.tree.create_directories(path)?;
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Call::Name)?;
        let inode = state.tree.find(path)?;
        state.tree.remove_content(inode)?;
        let (parent, name) = state.tree.parent(path)?;
        state.tree.directory_mut(parent)?.remove(name);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.begin(Call::Read)?;
        let directory = state.tree.directory(state.tree.find(dir)?)?;
        let entry = |(name, id): (&String, InodeId)| Entry {
            name: name.clone(),
            is_dir: state.tree.is_directory(id),
        };
        Ok(directory.names().map(entry).collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.alive()?.tree.find(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn file_len(&self, path: &Path) -> io::Result<u64> {
        let state = self.alive()?;
        Ok(state.tree.file(state.tree.find(path)?)?.0.bytes().len() as u64)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        let inode = state.tree.find(dir)?;
        let result = state.begin(Call::Sync);
        let directory = state.tree.directory_mut(inode)?;
        match result {
            Ok(()) => directory.sync(),
            Err(ref error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(_) => directory.lose_pending(),
        }
        state.tree.collect_garbage();
        result
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.open(path, Mode::Write)?;
        if !self.alive()?.locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned() }))
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let state = self.alive()?;
        Ok(state.capacity_bytes.saturating_sub(state.tree.used_bytes()))
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimDisk({})", self.incarnation)
    }
}

/// An open file.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: InodeId,
    writable: bool,
    _open: Arc<()>,
}

impl SimFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(ErrorKind::PermissionDenied.into()) }
    }
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.alive()?.tree.file(self.inode)?.0.bytes().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.disk.begin(Call::Read)?;
        let image = state.tree.file_mut(self.inode)?;
        image.is_resident = true;
        Ok(read(image.bytes(), buffer, position))
    }

    fn try_read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let state = self.disk.alive()?;
        let (image, _) = state.tree.file(self.inode)?;
        if !image.is_resident {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(read(image.bytes(), buffer, position))
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.alive()?.write(self.inode, bytes, position)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.disk.begin(Call::Write)?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let image = state.tree.file_mut(self.inode)?;
        if image.bytes().len() != len {
            image.truncate(len);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.alive()?;
        let result = state.begin(Call::Sync);
        let image = state.tree.file_mut(self.inode)?;
        match result {
            Ok(()) => image.sync(),
            Err(ref error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(_) => image.lose_pending(),
        }
        result
    }
}

fn read(image: &[u8], buffer: &mut [u8], position: u64) -> usize {
    let start = usize::try_from(position).unwrap_or(usize::MAX).min(image.len());
    let len = buffer.len().min(image.len() - start);
    buffer[..len].copy_from_slice(&image[start..start + len]);
    len
}

/// A lock that its process holds.
#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        // After a crash the lock is gone, and maybe another process has it.
        if let Ok(mut state) = self.disk.alive() {
            state.locks.remove(&self.path);
        }
    }
}
