//! One of a broker's `log.dirs`: its lock, its checkpoints, its logs' directories, and whether it
//! still works.
//!
//! A log directory fails as a whole: after a failed sync, or any other fault than a full disk,
//! nothing is read from it or written to it any more ([`Error::LogDirOffline`]). What the kernel
//! holds of a file after a failed sync may not be what a restart will find.

mod checkpoint;

use std::{
    fmt,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use protocol::{
    BrokerEpoch, Offset, PartitionIndex, Timestamp, TopicId, TopicName, TopicPartition, Uuid,
};

use crate::{
    Error, Log, LogConfig, MetaProperties, Offsets, Replay, clean_shutdown,
    disk::{Disk, Lock, TEMPORARY_SUFFIX, read_file, replace_file},
    error::is_disk_full,
    partition_metadata,
};
use checkpoint::Checkpoint;

const LOCK: &str = ".lock";
const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_START_OFFSETS: &str = "log-start-offset-checkpoint";
const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";

/// What the name of a directory ends with whose log is being deleted.
const DELETED: &str = "-delete";
/// What the name of a directory ends with whose log belongs to no topic of the cluster.
const STRAY: &str = "-stray";
/// The longest name of a directory.
const NAME_LEN_MAX: usize = 255;
/// The metadata log of a Kafka controller that shares the directory. Not a topic of ours.
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// A log directory, open and locked. Shared by the logs in it; locks itself where it must.
pub struct LogDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    _lock: Box<dyn Lock>,
    meta_properties: Option<MetaProperties>,
    previous_broker_epoch: Option<BrokerEpoch>,
    /// Whether the clean-shutdown marker is still there. The mutex is for who removes it.
    marked_clean: (AtomicBool, Mutex<()>),
    recovery_points: Checkpoint,
    log_start_offsets: Checkpoint,
    high_watermarks: Checkpoint,
    damage: Vec<Error>,
    failure: OnceLock<String>,
}

impl LogDir {
    /// Opens a directory, creating it where it is missing, and locks it against other processes.
    /// What an interrupted deletion left is removed.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Malformed`] for `meta.properties`, [`Error::Io`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Arc<Self>, Error> {
        let io_error = |path: &Path, source| Error::Io { path: path.to_owned(), source };
        create_dir(&*disk, path).map_err(|error| io_error(path, error))?;
        let lock = disk.lock(&path.join(LOCK)).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => Error::Locked { path: path.to_owned() },
            _ => io_error(path, error),
        })?;
        let meta_properties = MetaProperties::read(&*disk, path)?;

        let marker = path.join(clean_shutdown::FILE_NAME);
        let marker = read_file(&*disk, &marker).map_err(|error| io_error(&marker, error))?;
        let previous_broker_epoch = marker.as_deref().map(clean_shutdown::parse);

        let mut damage = Vec::new();
        let mut checkpoint = |name| -> Result<Checkpoint, Error> {
            let (checkpoint, damaged) = Checkpoint::open(&*disk, path.join(name))?;
            damage.extend(damaged);
            Ok(checkpoint)
        };
        let dir = Self {
            recovery_points: checkpoint(RECOVERY_POINTS)?,
            log_start_offsets: checkpoint(LOG_START_OFFSETS)?,
            high_watermarks: checkpoint(HIGH_WATERMARKS)?,
            path: path.to_owned(),
            _lock: lock,
            meta_properties,
            previous_broker_epoch,
            marked_clean: (AtomicBool::new(marker.is_some()), Mutex::new(())),
            damage,
            failure: OnceLock::new(),
            disk,
        };
        dir.remove_leftovers()?;
        if !dir.was_closed_cleanly() {
            // A checkpoint that the last process replaced may have its name in memory only. Before
            // recovery acts on what it says, it must be sure to say that for ever.
            dir.check_sync(path, dir.disk.sync_dir(path))?;
        }
        Ok(Arc::new(dir))
    }

    fn remove_leftovers(&self) -> Result<(), Error> {
        for entry in self.check(&self.path, self.disk.list(&self.path))? {
            let path = self.path.join(&entry.name);
            if entry.is_dir && entry.name.ends_with(DELETED) {
                self.check(&path, self.disk.remove_dir_all(&path))?;
            } else if !entry.is_dir && entry.name.ends_with(TEMPORARY_SUFFIX) {
                self.check(&path, self.disk.remove_file(&path))?;
            }
        }
        Ok(())
    }

    /// Where the directory is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whom the directory belongs to, as it was when it was opened.
    #[must_use]
    pub fn meta_properties(&self) -> Option<&MetaProperties> {
        self.meta_properties.as_ref()
    }

    /// The broker epoch that ended with everything synced; `None` if the last one didn't.
    #[must_use]
    pub fn previous_broker_epoch(&self) -> Option<BrokerEpoch> {
        self.previous_broker_epoch
    }

    /// Checkpoints that were found damaged, and are therefore taken for empty. For the operator.
    #[must_use]
    pub fn damage(&self) -> &[Error] {
        &self.damage
    }

    /// The partitions whose logs are in this directory, sorted by the names of their directories.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn partitions(&self) -> Result<Vec<TopicPartition>, Error> {
        self.online()?;
        let entries = self.check(&self.path, self.disk.list(&self.path))?;
        let directories = entries.iter().filter(|entry| entry.is_dir);
        Ok(directories.filter_map(|entry| parse_log_name(&entry.name)).collect())
    }

    /// Creates the directory of a new log, durably. Segment files come with the first records.
    ///
    /// # Errors
    /// [`Error::Io`]: among others, when there is such a directory; [`Error::LogDirOffline`].
    pub fn create_log(
        self: &Arc<Self>,
        partition: &TopicPartition,
        topic_id: Option<TopicId>,
        config: LogConfig,
        now: Timestamp,
    ) -> Result<Log, Error> {
        let log = self.create_log_unsynced(partition, topic_id, config, now)?;
        self.sync_names()?;
        Ok(log)
    }

    /// Like [`LogDir::create_log`], for many logs that share one [`LogDir::sync_names`]. Nothing may
    /// be written to them before that: it could be reported durable, and its directory be lost.
    ///
    /// # Errors
    /// As [`LogDir::create_log`].
    pub fn create_log_unsynced(
        self: &Arc<Self>,
        partition: &TopicPartition,
        topic_id: Option<TopicId>,
        config: LogConfig,
        now: Timestamp,
    ) -> Result<Log, Error> {
        self.before_write()?;
        let path = self.log_path(partition);
        if self.check(&path, self.disk.exists(&path))? {
            return Err(Error::Io { path, source: ErrorKind::AlreadyExists.into() });
        }
        // What is left of an earlier log of the same name must never be taken for this one's.
        for checkpoint in [&self.recovery_points, &self.log_start_offsets, &self.high_watermarks] {
            self.check(checkpoint.path(), checkpoint.forget(&*self.disk, partition))?;
        }
        self.check(&path, self.disk.create_dir_all(&path))?;
        if let Some(topic_id) = topic_id {
            self.write_partition_metadata(&path, topic_id)?;
        }
        Ok(Log::empty(self, partition.clone(), path, topic_id, config, Offset(0), now))
    }

    /// Makes the names of the logs in this directory durable.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`]. After a failed sync the directory is offline.
    pub fn sync_names(&self) -> Result<(), Error> {
        self.online()?;
        self.check_sync(&self.path, self.disk.sync_dir(&self.path))
    }

    /// Opens a log, and recovers it unless the directory was closed cleanly. Logs are independent
    /// of each other: open many at once.
    ///
    /// `topic_id` is what [`LogDir::topic_id`] says: whose log it is, one asks before it is changed.
    /// `replay` gets what producers wrote: the newest snapshot, then the batches since.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when bytes that were durable are damaged, [`Error::Malformed`],
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn open_log(
        self: &Arc<Self>,
        partition: &TopicPartition,
        topic_id: Option<TopicId>,
        config: LogConfig,
        now: Timestamp,
        replay: &mut dyn Replay,
    ) -> Result<Log, Error> {
        self.online()?;
        Log::open(self, partition.clone(), topic_id, config, now, replay)
    }

    /// Takes a log out of use: its directory gets the name of a deleted one, durably. `unique`
    /// tells it from others of the same partition. The log may not be written to afterwards.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn delete_log(self: &Arc<Self>, log: &Log, unique: Uuid) -> Result<Removal, Error> {
        let partition = log.topic_partition();
        let to = self.path.join(unique_name(partition, unique, DELETED));
        self.take_away(partition, &to)?;
        Ok(Removal { dir: Arc::clone(self), path: to })
    }

    /// The id of the topic whose log is in the directory of that partition; `None` for a log of an
    /// older Kafka.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Io`], [`Error::LogDirOffline`].
    pub fn topic_id(&self, partition: &TopicPartition) -> Result<Option<TopicId>, Error> {
        self.online()?;
        let path = self.log_path(partition).join(partition_metadata::FILE_NAME);
        let bytes = self.check(&path, read_file(self.disk(), &path))?;
        bytes.map(|bytes| partition_metadata::parse(&path, &bytes)).transpose()
    }

    /// Sets a log aside that belongs to no topic of the cluster: it was deleted while this broker
    /// was away, or the directory comes from elsewhere. As in Kafka, nobody uses it any more, and
    /// nothing of it is removed. Returns where it is now.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn set_aside(&self, partition: &TopicPartition, unique: Uuid) -> Result<PathBuf, Error> {
        let to = self.path.join(unique_name(partition, unique, STRAY));
        self.take_away(partition, &to)?;
        Ok(to)
    }

    /// Gives a log's directory another name, durably, and forgets its checkpoints.
    fn take_away(&self, partition: &TopicPartition, to: &Path) -> Result<(), Error> {
        self.before_write()?;
        let from = self.log_path(partition);
        self.check(&from, self.disk.rename(&from, to))?;
        self.check_sync(&self.path, self.disk.sync_dir(&self.path))?;
        for checkpoint in [&self.recovery_points, &self.log_start_offsets, &self.high_watermarks] {
            self.check(checkpoint.path(), checkpoint.forget(&*self.disk, partition))?;
        }
        Ok(())
    }

    /// The high watermark that was last written for a partition.
    #[must_use]
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        self.high_watermarks.get(partition)
    }

    /// Writes the high watermarks of all partitions in this directory.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn checkpoint_high_watermarks(&self, offsets: &Offsets) -> Result<(), Error> {
        self.online()?;
        let checkpoint = &self.high_watermarks;
        self.check(checkpoint.path(), checkpoint.replace(&*self.disk, offsets))
    }

    /// Writes the recovery points and log start offsets of all logs, where they changed. What is
    /// above a recovery point is scanned at the next start, so call this every now and then.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn checkpoint(&self) -> Result<(), Error> {
        self.online()?;
        for checkpoint in [&self.recovery_points, &self.log_start_offsets] {
            self.check(checkpoint.path(), checkpoint.write(&*self.disk))?;
        }
        Ok(())
    }

    /// Marks the directory as closed cleanly. Call it when every log in it has been closed; nothing
    /// may be written afterwards.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn close(&self, broker_epoch: BrokerEpoch) -> Result<(), Error> {
        self.checkpoint()?;
        let path = self.path.join(clean_shutdown::FILE_NAME);
        let text = clean_shutdown::format(broker_epoch);
        self.check(&path, replace_file(&*self.disk, &path, text.as_bytes()))?;
        self.marked_clean.0.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether the mark of a clean stop is there: nothing was written since.
    #[must_use]
    pub fn is_marked_clean(&self) -> bool {
        self.marked_clean.0.load(Ordering::Acquire)
    }

    /// Takes the mark of a clean stop away, durably, before anything is written. The first change
    /// does it too, if nobody did it before; but it may be waited for.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn begin_writing(&self) -> Result<(), Error> {
        self.before_write()
    }

    /// Why the directory is offline; `None` while it works.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// How many bytes can still be written.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn free_bytes(&self) -> Result<u64, Error> {
        self.online()?;
        self.check(&self.path, self.disk.free_bytes(&self.path))
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(crate) fn log_path(&self, partition: &TopicPartition) -> PathBuf {
        self.path.join(partition.to_string())
    }

    /// Whether the logs need no recovery.
    pub(crate) fn was_closed_cleanly(&self) -> bool {
        self.previous_broker_epoch.is_some()
    }

    pub(crate) fn recovery_point(&self, partition: &TopicPartition) -> Option<Offset> {
        self.recovery_points.get(partition)
    }

    pub(crate) fn set_recovery_point(&self, partition: &TopicPartition, offset: Offset) {
        self.recovery_points.set(partition, offset);
    }

    /// See [`Checkpoint::lower`]: for a log that is about to be cut below its recovery point.
    pub(crate) fn lower_recovery_point(
        &self,
        partition: &TopicPartition,
        offset: Offset,
    ) -> Result<(), Error> {
        let checkpoint = &self.recovery_points;
        self.check(checkpoint.path(), checkpoint.lower(&*self.disk, partition, offset))
    }

    pub(crate) fn log_start_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.log_start_offsets.get(partition)
    }

    pub(crate) fn set_log_start_offset(&self, partition: &TopicPartition, offset: Offset) {
        self.log_start_offsets.set(partition, offset);
    }

    /// See [`Checkpoint::lower`]: for a log that is to start again before its old start.
    pub(crate) fn lower_log_start_offset(
        &self,
        partition: &TopicPartition,
        offset: Offset,
    ) -> Result<(), Error> {
        let checkpoint = &self.log_start_offsets;
        self.check(checkpoint.path(), checkpoint.lower(&*self.disk, partition, offset))
    }

    pub(crate) fn write_partition_metadata(
        &self,
        log_path: &Path,
        topic_id: TopicId,
    ) -> Result<(), Error> {
        let path = log_path.join(partition_metadata::FILE_NAME);
        let text = partition_metadata::format(topic_id);
        self.check(&path, replace_file(&*self.disk, &path, text.as_bytes()))
    }

    /// Whether the directory works.
    pub(crate) fn online(&self) -> Result<(), Error> {
        match self.failure.get() {
            None => Ok(()),
            Some(reason) => {
                Err(Error::LogDirOffline { path: self.path.clone(), reason: reason.clone() })
            }
        }
    }

    /// Must come before every change: the first one ends the state of being closed cleanly.
    pub(crate) fn before_write(&self) -> Result<(), Error> {
        self.online()?;
        let (marked, removing) = &self.marked_clean;
        if !marked.load(Ordering::Acquire) {
            return Ok(());
        }
        let _removing = removing.lock().unwrap_or_else(PoisonError::into_inner);
        if marked.load(Ordering::Acquire) {
            let path = self.path.join(clean_shutdown::FILE_NAME);
            self.check(&path, self.disk.remove_file(&path))?;
            self.check_sync(&self.path, self.disk.sync_dir(&self.path))?;
            marked.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Takes the directory offline.
    pub(crate) fn fail(&self, path: &Path, reason: &dyn fmt::Display) {
        // The first fault is the one to tell: later ones follow from it.
        self.failure.get_or_init(|| format!("{}: {reason}", path.display()));
    }

    /// Gives a file call's error its path, and takes the directory offline unless the call failed
    /// for a reason that leaves it as good as before.
    pub(crate) fn check<T>(&self, path: &Path, result: io::Result<T>) -> Result<T, Error> {
        result.map_err(|source| {
            let harmless = matches!(source.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                || is_disk_full(&source);
            if !harmless {
                self.fail(path, &source);
            }
            Error::Io { path: path.to_owned(), source }
        })
    }

    /// The same for a sync: no failure is harmless, except that the file is gone by now, with the
    /// log that it belonged to.
    pub(crate) fn check_sync(&self, path: &Path, result: io::Result<()>) -> Result<(), Error> {
        result.map_err(|source| {
            if source.kind() != ErrorKind::NotFound {
                self.fail(path, &format!("sync failed: {source}"));
            }
            Error::Io { path: path.to_owned(), source }
        })
    }
}

impl fmt::Debug for LogDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogDir").field(&self.path).finish()
    }
}

/// A log that was taken out of use, whose files are still there.
#[derive(Debug)]
#[must_use = "the files stay until this is run, or the log directory is opened again"]
pub struct Removal {
    dir: Arc<LogDir>,
    path: PathBuf,
}

impl Removal {
    /// Removes the files.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::LogDirOffline`].
    pub fn run(self) -> Result<(), Error> {
        self.dir.online()?;
        self.dir.check(&self.path, self.dir.disk().remove_dir_all(&self.path))
    }
}

/// Creates a directory where it is missing, and its parents, durably.
fn create_dir(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    for ancestor in path.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()) {
        if disk.exists(ancestor)? {
            break;
        }
        missing.push(ancestor);
    }
    disk.create_dir_all(path)?;
    for created in missing.into_iter().rev() {
        let parent = created.parent().filter(|parent| !parent.as_os_str().is_empty());
        disk.sync_dir(parent.unwrap_or_else(|| Path::new(".")))?;
    }
    Ok(())
}

/// The partition that a directory's name stands for.
fn parse_log_name(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    let well_formed = !topic.is_empty() && partition.bytes().all(|byte| byte.is_ascii_digit());
    if !well_formed || topic == CLUSTER_METADATA {
        return None;
    }
    let partition = PartitionIndex(partition.parse().ok()?);
    Some(TopicPartition { topic: TopicName::from(topic), partition })
}

/// Kafka's name for the directory of a log that is out of use.
fn unique_name(partition: &TopicPartition, unique: Uuid, ending: &str) -> String {
    let hex: String = unique.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let suffix = format!("-{}.{hex}{ending}", partition.partition);
    let topic = partition.topic.as_str();
    let len = topic.len().min(NAME_LEN_MAX - suffix.len());
    let len = (0..=len).rev().find(|len| topic.is_char_boundary(*len)).unwrap_or(0);
    let topic = &topic[..len];
    format!("{topic}{suffix}")
}

#[cfg(test)]
mod tests;
