//! Making the log durable, in three steps, of which the slow one needs no lock.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use protocol::{Offset, ProducerStateEntry};

use super::Log;
use crate::{
    Error, LogDir,
    disk::replace_file_unsynced,
    leader_epoch_checkpoint::{self, LeaderEpochs},
    segment_file::SegmentFile,
};

/// What has to be synced, as of the moment when [`Log::begin_sync`] was called.
#[derive(Debug)]
#[must_use = "nothing is synced before this is run and given back"]
pub struct SyncJob {
    dir: Arc<LogDir>,
    path: PathBuf,
    files: Vec<Arc<SegmentFile>>,
    segments: Vec<SyncedSegment>,
    snapshots: Vec<Arc<SegmentFile>>,
    names_changed: Option<u64>,
    epochs: Option<LeaderEpochs>,
    end: Offset,
    truncations: u64,
}

/// What of a segment will be durable.
#[derive(Debug)]
struct SyncedSegment {
    base_offset: Offset,
    size: u64,
    indexes: bool,
}

impl SyncJob {
    /// Syncs. Takes as long as the device takes; needs no lock.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`]. A failed sync takes the log directory offline: it
    /// is never tried again.
    pub fn run(&self) -> Result<(), Error> {
        for file in self.files.iter().chain(&self.snapshots) {
            file.sync()?;
        }
        // Recovery finds the epochs of batches above the recovery point. Those below must be in the
        // file before the recovery point moves past them.
        if let Some(epochs) = &self.epochs {
            let path = self.path.join(leader_epoch_checkpoint::FILE_NAME);
            let text = epochs.format();
            let replaced = replace_file_unsynced(self.dir.disk(), &path, text.as_bytes());
            self.dir.check(&path, replaced)?;
        }
        if self.names_changed.is_some() || self.epochs.is_some() {
            self.dir.check_sync(&self.path, self.dir.disk().sync_dir(&self.path))?;
        }
        Ok(())
    }
}

impl Log {
    /// Collects what is not durable yet. `None` when everything is.
    pub fn begin_sync(&mut self) -> Option<SyncJob> {
        let names_changed = (self.names.changed != self.names.synced).then_some(self.names.changed);
        let mut files = Vec::new();
        let mut segments = Vec::new();
        let active = self.active().base_offset;
        for (base_offset, segment) in self.segments.range(self.first_unsynced()..) {
            let indexes = *base_offset != active && !segment.indexes_synced;
            if !segment.is_synced() || indexes {
                files.push(Arc::clone(&segment.log));
                let (base_offset, size) = (*base_offset, segment.size);
                segments.push(SyncedSegment { base_offset, size, indexes });
            }
            if indexes {
                files.extend(segment.written_indexes().cloned());
            }
        }
        let unchanged = files.is_empty()
            && names_changed.is_none()
            && self.snapshots_unsynced.is_empty()
            && self.synced_end == self.log_end_offset;
        if unchanged {
            return None;
        }
        let epochs = (self.epochs_written.as_ref() != Some(&self.epochs)).then(|| {
            // Until the job is given back, nobody knows what the file says.
            self.epochs_written = None;
            self.epochs.clone()
        });
        Some(SyncJob {
            dir: Arc::clone(&self.dir),
            path: self.path.clone(),
            files,
            segments,
            snapshots: self.snapshots_unsynced.clone(),
            names_changed,
            epochs,
            end: self.log_end_offset,
            truncations: self.truncations.load(Ordering::Relaxed),
        })
    }

    /// The first segment that has something to sync, or the active one. Closed segments become
    /// durable in the order in which they were closed.
    fn first_unsynced(&self) -> Offset {
        let active = self.active().base_offset;
        let closed = self.segments.range(..active).rev();
        let unsynced =
            closed.take_while(|(_, segment)| !(segment.indexes_synced && segment.is_synced()));
        unsynced.last().map_or(active, |(base_offset, _)| *base_offset)
    }

    /// Takes note of what a job made durable. A job from before a truncation proves nothing.
    pub fn finish_sync(&mut self, job: SyncJob) {
        if job.truncations != self.truncations.load(Ordering::Relaxed) {
            return;
        }
        for synced in &job.segments {
            if let Some(segment) = self.segments.get_mut(&synced.base_offset) {
                segment.synced_size = segment.synced_size.max(Some(synced.size));
                segment.indexes_synced |= synced.indexes;
            }
        }
        let synced = |file: &Arc<SegmentFile>| job.snapshots.iter().any(|s| Arc::ptr_eq(s, file));
        self.snapshots_unsynced.retain(|file| !synced(file));
        if let Some(changed) = job.names_changed {
            self.names.synced = self.names.synced.max(changed);
        }
        if let Some(epochs) = job.epochs {
            self.epochs_written = Some(epochs);
        }
        if job.end > self.synced_end {
            self.synced_end = job.end;
            self.dir.set_recovery_point(&self.topic_partition, job.end);
        }
    }

    /// Closes the log for good: everything is written and synced, so that opening it again needs
    /// no recovery.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn close(&mut self, producers: &[ProducerStateEntry]) -> Result<(), Error> {
        self.dir.online()?;
        // An epoch that has no record yet is forgotten when the log is opened.
        self.epochs.truncate_from_end(self.log_end_offset);
        let is_empty = self.size_in_bytes() == 0;
        let has_indexes = self.active().indexes_synced || self.active().size == 0;
        let has_snapshot = is_empty || self.snapshots.contains(&self.log_end_offset);
        let has_epochs = self.epochs_written.as_ref() == Some(&self.epochs);
        if has_indexes && has_snapshot && has_epochs && self.begin_sync().is_none() {
            return Ok(());
        }
        self.dir.before_write()?;
        // All is written before anything is synced: the device then has to be waited for less.
        if !has_indexes {
            self.active_mut().finish_indexes()?;
        }
        self.write_snapshot(producers)?;
        if !has_indexes {
            self.active_mut().sync_indexes()?;
        }
        if let Some(job) = self.begin_sync() {
            job.run()?;
            self.finish_sync(job);
        }
        assert_eq!(self.synced_end, self.log_end_offset, "a closed log is durable");
        Ok(())
    }
}
