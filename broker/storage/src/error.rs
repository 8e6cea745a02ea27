//! What can go wrong on disk.

use std::{io, path::PathBuf};

use protocol::Offset;

/// A fault of the disk or of what is stored there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file call failed. Only a full disk leaves the log directory usable.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier fault stopped the log directory: nothing is read from it or written to it until
    /// the process is started again.
    #[error("log directory {} is offline: {reason}", path.display())]
    LogDirOffline {
        /// The log directory.
        path: PathBuf,
        /// The fault that stopped it.
        reason: String,
    },
    /// Stored bytes are not what was written.
    #[error("{} is corrupt at byte {position}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// A small file that people may have edited cannot be understood.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another process uses the log directory.
    #[error("log directory {} is in use by another process", path.display())]
    Locked {
        /// The log directory.
        path: PathBuf,
    },
    /// There is no such offset in the log, or no longer.
    #[error("offset {offset} is out of range {log_start_offset}..={log_end_offset}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: Offset,
        /// The first offset there is.
        log_start_offset: Offset,
        /// The offset that the next record gets.
        log_end_offset: Offset,
    },
}

impl Error {
    /// Whether a file isn't there: a segment that retention has deleted, where one is read.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Whether a write failed only for lack of space. What was there before it is as good as ever.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
