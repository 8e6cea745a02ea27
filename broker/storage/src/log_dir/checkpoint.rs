//! One checkpoint file of a log directory: an offset per partition, as it is and as it was written.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use protocol::{Offset, TopicPartition};

use crate::{
    Error,
    disk::{Disk, read_file, replace_file},
    offset_checkpoint::{self, Offsets},
};

#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    /// Locked for a moment only: appends note their progress here.
    current: Mutex<Offsets>,
    /// What the file says. Locked while the file is written: one writer at a time.
    written: Mutex<Offsets>,
}

impl Checkpoint {
    /// Reads the file. A file that can't be understood is no reason to stop: every checkpoint
    /// saves work or narrows a gap, and 0 is right for all of them. The fault is returned too.
    pub(super) fn open(disk: &dyn Disk, path: PathBuf) -> Result<(Self, Option<Error>), Error> {
        let bytes =
            read_file(disk, &path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let parsed = bytes.map_or(Ok(Offsets::new()), |b| offset_checkpoint::parse(&path, &b));
        let (written, damage) = match parsed {
            Ok(offsets) => (offsets, None),
            Err(error) => (Offsets::new(), Some(error)),
        };
        let current = Mutex::new(written.clone());
        Ok((Self { path, current, written: Mutex::new(written) }, damage))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What a partition's offset is now.
    pub(super) fn get(&self, partition: &TopicPartition) -> Option<Offset> {
        lock(&self.current).get(partition).copied()
    }

    /// Notes an offset, to be written some time.
    pub(super) fn set(&self, partition: &TopicPartition, offset: Offset) {
        lock(&self.current).insert(partition.clone(), offset);
    }

    /// Writes what has changed.
    pub(super) fn write(&self, disk: &dyn Disk) -> std::io::Result<()> {
        self.write_over(disk, &mut lock(&self.written))
    }

    /// Replaces all offsets, and writes them if any has changed.
    pub(super) fn replace(&self, disk: &dyn Disk, offsets: &Offsets) -> std::io::Result<()> {
        lock(&self.current).clone_from(offsets);
        self.write(disk)
    }

    /// Makes sure that the file says no more than `offset`: whatever becomes of what is about to be
    /// changed, the file must not claim too much of it.
    pub(super) fn lower(
        &self,
        disk: &dyn Disk,
        partition: &TopicPartition,
        offset: Offset,
    ) -> std::io::Result<()> {
        if let Some(current) = lock(&self.current).get_mut(partition) {
            *current = (*current).min(offset);
        }
        let mut written = lock(&self.written);
        if written.get(partition).is_some_and(|written| *written > offset) {
            return self.write_over(disk, &mut written);
        }
        Ok(())
    }

    /// Makes sure that the file says nothing of a partition.
    pub(super) fn forget(
        &self,
        disk: &dyn Disk,
        partition: &TopicPartition,
    ) -> std::io::Result<()> {
        lock(&self.current).remove(partition);
        let mut written = lock(&self.written);
        if written.contains_key(partition) {
            return self.write_over(disk, &mut written);
        }
        Ok(())
    }

    fn write_over(&self, disk: &dyn Disk, written: &mut Offsets) -> std::io::Result<()> {
        let current = lock(&self.current).clone();
        if current != *written {
            replace_file(disk, &self.path, offset_checkpoint::format(&current).as_bytes())?;
            *written = current;
        }
        Ok(())
    }
}

/// Each map is changed by single calls: a panic elsewhere leaves nothing half done.
fn lock(offsets: &Mutex<Offsets>) -> MutexGuard<'_, Offsets> {
    offsets.lock().unwrap_or_else(PoisonError::into_inner)
}
