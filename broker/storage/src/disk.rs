//! The disk door: the file calls that storage makes, as a trait.
//!
//! Every call blocks. [`OsDisk`] is production; the simulator brings a disk that forgets what was
//! not synced. What a caller may rely on after a power loss is only this: bytes of a file survive
//! once [`File::sync_data`] returned, and the names in a directory (a file created, renamed or
//! removed) once [`Disk::sync_dir`] on that directory returned. Nothing else is ordered.

mod os;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use os::OsDisk;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; created empty when missing.
    Write,
    /// For reading and writing; it must not exist yet.
    CreateNew,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name, without the directory's path.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_dir: bool,
}

/// A file system.
pub trait Disk: Send + Sync + std::fmt::Debug + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` for [`Mode::CreateNew`], and what the system says.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>>;

    /// Gives a file or directory another name, replacing a file of that name atomically.
    ///
    /// # Errors
    /// `NotFound`, and what the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Open handles keep reading its bytes.
    ///
    /// # Errors
    /// `NotFound`, and what the system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Creates a directory, and its parents where they are missing.
    ///
    /// # Errors
    /// What the system says; an existing directory is no error.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all that is in it.
    ///
    /// # Errors
    /// `NotFound`, and what the system says.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// What is in a directory, sorted by name. Names that are not UTF-8 are left out: none of ours
    /// is.
    ///
    /// # Errors
    /// `NotFound`, and what the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// Whether there is something of that name.
    ///
    /// # Errors
    /// What the system says, when it cannot tell.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// A file's length in bytes, without opening it.
    ///
    /// # Errors
    /// `NotFound`, and what the system says.
    fn file_len(&self, path: &Path) -> io::Result<u64>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the system says. The names' durability is then unknown for ever: stop, never retry.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes an exclusive lock between processes; it ends with the returned value, or the process.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else holds it, and what the system says.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// How many bytes can still be written to the file system that holds `dir`.
    ///
    /// # Errors
    /// What the system says.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// An open file. Calls take positions: there is no cursor, and handles are shared freely.
pub trait File: Send + Sync + std::fmt::Debug {
    /// The length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// What the system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file. Returns how many.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Reads what memory holds and never waits for the device. Returns how many bytes, which may
    /// be fewer than there are.
    ///
    /// # Errors
    /// `WouldBlock` when not even the first byte is in memory, and what the system says.
    fn try_read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes all bytes, extending the file where needed.
    ///
    /// # Errors
    /// What the system says; some of the bytes may then be written.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable.
    ///
    /// # Errors
    /// What the system says. The bytes' durability is then unknown for ever: the kernel may have
    /// dropped them and call the next sync a success. Stop, never retry.
    fn sync_data(&self) -> io::Result<()>;
}

/// A lock that ends when it is dropped.
pub trait Lock: Send + Sync + std::fmt::Debug {}

/// Reads a whole file; `None` when there is none.
///
/// # Errors
/// What the system says.
pub fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Mode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Replaces a whole file so that after any crash it holds the old bytes or the new, never a mix:
/// a temporary file is written and synced, renamed over the old one, and the directory synced.
///
/// # Errors
/// What the system says. After a failed sync the directory's durability is unknown.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_file_unsynced(disk, path, bytes)?;
    disk.sync_dir(path.parent().expect("a file has a directory"))
}

/// Like [`replace_file`], without the sync of the directory: until somebody does that, a crash may
/// bring the old bytes back.
///
/// # Errors
/// What the system says.
pub fn replace_file_unsynced(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY_SUFFIX);
    let temporary = PathBuf::from(temporary);
    let file = disk.open(&temporary, Mode::Write)?;
    file.truncate(0)?;
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&temporary, path)
}

/// What [`replace_file`] appends to a name while it writes. A file of that name at start is left
/// over from a crash.
pub const TEMPORARY_SUFFIX: &str = ".tmp";
