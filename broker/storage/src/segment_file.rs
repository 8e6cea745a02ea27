//! One file of a segment: opened when it is first used, and its faults reported to its directory.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    Error, LogDir,
    disk::{File, Mode, TEMPORARY_SUFFIX},
    error::is_disk_full,
};

/// Whether a read may wait for the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Only what memory holds.
    Memory,
    /// Whatever it takes.
    Disk,
}

/// A file that is opened on first use. Readers share it with the log that writes it.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    dir: Arc<LogDir>,
    path: PathBuf,
    mode: Mode,
    handle: OnceLock<Arc<dyn File>>,
    used: AtomicBool,
}

impl SegmentFile {
    /// A file to append to, created when missing.
    pub(crate) fn writable(dir: &Arc<LogDir>, path: PathBuf) -> Arc<Self> {
        Self::new(dir, path, Mode::Write)
    }

    /// A file that is complete.
    pub(crate) fn readable(dir: &Arc<LogDir>, path: PathBuf) -> Arc<Self> {
        Self::new(dir, path, Mode::Read)
    }

    fn new(dir: &Arc<LogDir>, path: PathBuf, mode: Mode) -> Arc<Self> {
        let (dir, handle, used) = (Arc::clone(dir), OnceLock::new(), AtomicBool::new(true));
        Arc::new(Self { dir, path, mode, handle, used })
    }

    /// The same file, not open, for whoever asks next; readers keep the handle they have.
    pub(crate) fn reopened(&self, mode: Mode) -> Arc<Self> {
        Self::new(&self.dir, self.path.clone(), mode)
    }

    /// An empty file to write, which is to replace this one.
    pub(crate) fn temporary(&self) -> Result<Arc<Self>, Error> {
        let mut path = self.path.clone().into_os_string();
        path.push(TEMPORARY_SUFFIX);
        let temporary = Self::writable(&self.dir, path.into());
        temporary.truncate(0)?;
        Ok(temporary)
    }

    /// Makes this file durable, and then gives it the name of another.
    pub(crate) fn replace(&self, other: &Self) -> Result<(), Error> {
        self.sync()?;
        self.dir.check(&self.path, self.dir.disk().rename(&self.path, &other.path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is open and nobody has read it since this was last asked.
    pub(crate) fn is_idle(&self) -> bool {
        self.handle.get().is_some() && !self.used.swap(false, Ordering::Relaxed)
    }

    fn handle(&self) -> Result<&Arc<dyn File>, Error> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle);
        }
        let opened = self.dir.check(&self.path, self.dir.disk().open(&self.path, self.mode))?;
        Ok(self.handle.get_or_init(|| opened))
    }

    /// Opens the file now, creating it in the mode for writing.
    pub(crate) fn open(&self) -> Result<(), Error> {
        self.handle().map(|_| ())
    }

    pub(crate) fn len(&self) -> Result<u64, Error> {
        self.dir.check(&self.path, self.handle()?.len())
    }

    /// Reads until the buffer is full or the file ends. `None` when memory doesn't hold it and
    /// `touch` forbids more.
    pub(crate) fn read(
        &self,
        touch: Touch,
        buffer: &mut [u8],
        position: u64,
    ) -> Result<Option<usize>, Error> {
        self.dir.online()?;
        self.used.store(true, Ordering::Relaxed);
        let result = match touch {
            Touch::Disk => self.handle()?.read_at(buffer, position),
            Touch::Memory => match self.handle.get() {
                Some(handle) => handle.try_read_at(buffer, position),
                None => return Ok(None),
            },
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            result => self.dir.check(&self.path, result).map(Some),
        }
    }

    /// Appends, or leaves the file as it was. `len` is where it ends.
    ///
    /// A full disk is the writer's problem; anything else that fails stops the log directory.
    pub(crate) fn append(&self, bytes: &[u8], len: u64) -> Result<(), Error> {
        let handle = self.handle()?;
        let Err(error) = handle.write_all_at(bytes, len) else { return Ok(()) };
        if is_disk_full(&error)
            && let Err(undo) = handle.truncate(len)
        {
            let reason = format!("a partial write cannot be undone: {undo}");
            self.dir.fail(&self.path, &reason);
        }
        self.dir.check(&self.path, Err(error))
    }

    pub(crate) fn truncate(&self, len: u64) -> Result<(), Error> {
        self.dir.check(&self.path, self.handle()?.truncate(len))
    }

    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.dir.online()?;
        let handle = self.handle()?;
        self.dir.check_sync(&self.path, handle.sync_data())
    }
}
