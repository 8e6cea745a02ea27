//! The log directories of this broker: where a partition goes, and how its log is opened, deleted and
//! closed.

mod handle;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream};
use metadata::{ClusterImage, config::TopicConfig};
use protocol::{
    BrokerEpoch, DirectoryId, Offset, ProducerStateEntry, TopicId, TopicPartition, bug,
    records::BatchHeader,
};
use replica::{ProducerStates, Replica};
use storage::{Log, LogDir, Offsets, Replay};
use tokio::sync::Semaphore;
use tracing::{error, warn};

use crate::{
    blocking,
    broker::Broker,
    partition::{self, Partition, Sight, State},
    witness::ReplicaId,
};

pub(crate) use handle::LogDirHandle;

/// How many logs a thread opens before the next ones are anybody's.
const OPENINGS_AT_ONCE_MAX: usize = 32;

/// In how many parts a thread's share of the logs is opened, at least.
const PARTS_PER_THREAD: usize = 8;

/// How many threads create or close logs. They do little but wait for the device, and syncs that
/// wait at the same time share the wait.
const SYNCING_THREADS: usize = 16;

/// A partition that is to be opened, or created where there is no log of it yet.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) name: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) config: Arc<TopicConfig>,
}

/// Whether a partition that couldn't be opened may be opened later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The disk was full, say.
    Later,
    /// Not before a restart: damage, a failed directory, a bug.
    Never,
}

/// All log directories.
#[derive(Debug, Default)]
pub(crate) struct LogDirs {
    dirs: Vec<Arc<LogDirHandle>>,
    /// In which directory the log of each partition is: those found at the start, and since.
    places: Mutex<BTreeMap<TopicPartition, usize>>,
}

impl LogDirs {
    /// Takes over opened directories, and looks which logs are in them. Blocks.
    pub(crate) fn new(dirs: Vec<(Arc<LogDir>, DirectoryId)>) -> Result<Self, storage::Error> {
        let mut places = BTreeMap::new();
        let mut handles = Vec::new();
        for (place, (dir, id)) in dirs.into_iter().enumerate() {
            for damage in dir.damage() {
                warn!(error = %damage, "checkpoint ignored");
            }
            for partition in dir.partitions()? {
                places.insert(partition, place);
            }
            handles.push(Arc::new(LogDirHandle::new(dir, id)));
        }
        Ok(Self { dirs: handles, places: Mutex::new(places) })
    }

    pub(crate) fn all(&self) -> &[Arc<LogDirHandle>] {
        &self.dirs
    }

    pub(crate) fn ids(&self) -> Vec<DirectoryId> {
        let mut ids: Vec<_> = self.dirs.iter().map(|dir| dir.id).collect();
        ids.sort();
        ids
    }

    /// The directories that have failed.
    pub(crate) fn offline(&self) -> Vec<DirectoryId> {
        self.dirs.iter().filter(|dir| dir.is_offline()).map(|dir| dir.id).collect()
    }

    /// The epoch with which this broker last stopped, if all directories were closed then.
    pub(crate) fn previous_broker_epoch(&self) -> BrokerEpoch {
        let epochs: Option<Vec<_>> =
            self.dirs.iter().map(|handle| handle.dir.previous_broker_epoch()).collect();
        // An epoch that not all of them have was no clean stop of the broker as a whole.
        match epochs.as_deref() {
            Some([first, rest @ ..]) if rest.iter().all(|epoch| epoch == first) => *first,
            _ => BrokerEpoch(-1),
        }
    }

    /// Opens or creates logs, several at a time, on the blocking pool. What can't be opened is
    /// logged.
    pub(crate) async fn open_all(
        &self,
        broker: &Arc<Broker>,
        openings: Vec<Opening>,
    ) -> Vec<(Opening, Result<Arc<Partition>, Retry>)> {
        let are_new = {
            let places = self.places();
            openings.iter().all(|opening| !places.contains_key(&opening.name))
        };
        // To hand over to a thread takes longer than to open a log that needs no recovery. But one
        // that does holds up those behind it: so every thread gets its share in several parts.
        let (threads, parts) = if are_new {
            (SYNCING_THREADS, 1)
        } else {
            let per_dir = broker.config.recovery_threads_per_data_dir;
            (per_dir * self.dirs.len().max(1), PARTS_PER_THREAD)
        };
        let free = Arc::new(Semaphore::new(threads));
        let at_once = (openings.len() / threads / parts).clamp(1, OPENINGS_AT_ONCE_MAX);
        let mut jobs = Vec::new();
        for openings in openings.chunks(at_once).map(<[Opening]>::to_vec) {
            let permit = Arc::clone(&free).acquire_owned().await.expect("never closed");
            let broker = Arc::clone(broker);
            jobs.push(blocking::begin(move || {
                let opened = broker.log_dirs.open_some(&broker, openings);
                drop(permit);
                opened
            }));
        }
        let mut opened = Vec::with_capacity(openings.len());
        for job in jobs {
            opened.extend(job.await.expect("a bug in a log is caught where it is opened"));
        }
        for dir in &self.dirs {
            // What was recovered now need not be recovered again.
            dir.checkpoint_on_pool().await;
        }
        opened
    }

    /// Opens or creates logs, one after the other. Blocks.
    fn open_some(
        &self,
        broker: &Broker,
        openings: Vec<Opening>,
    ) -> Vec<(Opening, Result<Arc<Partition>, Retry>)> {
        let mut created = BTreeSet::new();
        let mut opened = Vec::with_capacity(openings.len());
        for opening in openings {
            // Nothing is shared with a log that isn't open yet: its bug is its own.
            let open = AssertUnwindSafe(|| self.open(broker, &opening, &mut created));
            let partition = match catch_unwind(open) {
                Ok(Ok(partition)) => Ok(partition),
                Ok(Err(fault)) => {
                    error!(partition = %opening.name, error = %fault, "cannot be opened");
                    let may_pass = matches!(fault, storage::Error::Io { .. });
                    Err(if may_pass { Retry::Later } else { Retry::Never })
                }
                Err(_bug) => {
                    error!(partition = %opening.name, "cannot be opened for a bug");
                    Err(Retry::Never)
                }
            };
            opened.push((opening, partition));
        }
        // All at once, and before anything is written to one of them.
        for place in created {
            self.dirs[place].sync_names();
        }
        opened
    }

    /// Opens a partition's log where it is, or creates it where the fewest logs are. The names in
    /// the directories of `created` are to be synced then.
    fn open(
        &self,
        broker: &Broker,
        opening: &Opening,
        created: &mut BTreeSet<usize>,
    ) -> Result<Arc<Partition>, storage::Error> {
        let now = broker.doors.clock.now();
        let (place, mut exists) = self.place(&opening.name);
        let handle = &self.dirs[place];
        handle.begin_writing()?;
        let topic_id = if exists { handle.dir.topic_id(&opening.name)? } else { None };
        let topic_id = if bug!(R16) { topic_id.map(|_| opening.topic_id) } else { topic_id };
        if topic_id.is_some_and(|id| id != opening.topic_id) {
            // KAFKA-14616: a log of an earlier topic of that name is not this topic's.
            handle.set_aside(&opening.name, broker.doors.entropy.uuid())?;
            exists = false;
        }
        let jitter_draw = broker.doors.entropy.number();
        let config = partition::log_config(&opening.config, jitter_draw);
        let mut producers = Rebuilt::default();
        let log = if exists {
            let (name, replay) = (&opening.name, &mut producers);
            let mut log = handle.dir.open_log(name, topic_id, config, now, replay)?;
            log.assign_topic_id(opening.topic_id)?;
            log
        } else {
            let (name, topic_id) = (&opening.name, Some(opening.topic_id));
            let log = handle.dir.create_log_unsynced(name, topic_id, config, now);
            created.insert(place);
            log.inspect_err(|_| {
                // The next try finds no log, and may find another directory.
                self.places().remove(&opening.name);
            })?
        };
        let replica = self.replica(broker, handle, opening, &log, producers.states);
        let sight = Sight::new(
            Arc::clone(&broker.doors.witness),
            ReplicaId {
                topic: opening.topic_id,
                partition: opening.name.partition,
                broker: broker.id(),
            },
        );
        let state = State::new(replica, log, Arc::clone(&opening.config), jitter_draw, sight);
        let metrics = Arc::clone(&broker.metrics);
        Ok(Partition::new(opening.name.clone(), Arc::clone(handle), state, metrics))
    }

    fn replica(
        &self,
        broker: &Broker,
        handle: &LogDirHandle,
        opening: &Opening,
        log: &Log,
        producers: ProducerStates,
    ) -> Replica {
        let offsets = partition::log_offsets(log);
        let producers = if bug!(T4) { ProducerStates::new() } else { producers };
        let high_watermark = handle.dir.high_watermark(&opening.name).unwrap_or(Offset(0));
        let config = partition::replica_config(&opening.config);
        Replica::open(broker.id(), config, offsets, high_watermark, producers)
    }

    /// Sets the logs aside that the cluster doesn't know or doesn't place here: their topics were
    /// deleted while this broker was away. Blocks.
    pub(crate) fn set_strays_aside(&self, broker: &Broker, image: &ClusterImage) {
        let belongs = |partition: &TopicPartition| {
            let topic = image.topics().get(partition.topic.as_str());
            let found = topic.and_then(|topic| topic.partition(partition.partition));
            found.is_some_and(|found| found.replicas.contains(&broker.id()))
        };
        let strays: Vec<_> = {
            let mut places = self.places();
            let strays = places.extract_if(.., |partition, _| !belongs(partition));
            strays.collect()
        };
        for (partition, place) in strays {
            let set_aside = self.dirs[place].set_aside(&partition, broker.doors.entropy.uuid());
            if let Err(fault) = set_aside {
                error!(%partition, error = %fault, "stray log not set aside");
            }
        }
    }

    /// Where a partition's log is, and whether it's there already.
    fn place(&self, partition: &TopicPartition) -> (usize, bool) {
        let mut places = self.places();
        if let Some(place) = places.get(partition) {
            return (*place, true);
        }
        let mut counts = vec![0_usize; self.dirs.len()];
        for place in places.values() {
            counts[*place] += 1;
        }
        let online = (0..self.dirs.len()).filter(|place| !self.dirs[*place].is_offline());
        let place = online.min_by_key(|place| counts[*place]).unwrap_or(0);
        places.insert(partition.clone(), place);
        (place, false)
    }

    /// Deletes a partition's log.
    pub(crate) async fn delete(&self, broker: &Broker, partition: &Arc<Partition>) {
        partition.log_dir().forget(partition.name());
        partition.delete(broker.doors.entropy.uuid()).await;
        self.places().remove(partition.name());
    }

    /// Writes the high watermarks of all logs: those that are held as they are, and those that
    /// aren't as they were. Blocks.
    pub(crate) fn checkpoint_high_watermarks(&self, held: &[Arc<Partition>]) {
        let mut offsets = vec![Offsets::new(); self.dirs.len()];
        for (partition, place) in self.places().iter() {
            if let Some(offset) = self.dirs[*place].dir.high_watermark(partition) {
                offsets[*place].insert(partition.clone(), offset);
            }
        }
        for partition in held {
            let high_watermark = partition.state().replica.high_watermark();
            let place = self.dirs.iter().position(|dir| Arc::ptr_eq(dir, partition.log_dir()));
            let place = place.expect("a partition is in one of the directories");
            offsets[place].insert(partition.name().clone(), high_watermark);
        }
        for (dir, offsets) in self.dirs.iter().zip(offsets) {
            dir.checkpoint_high_watermarks(&offsets);
        }
    }

    /// Closes all logs, several at a time, then marks the directories that need no recovery: those
    /// where every log that is there was opened and closed, and those where nothing was written
    /// since the last mark. An epoch below 0 marks nothing: this process never was a broker.
    pub(crate) async fn close(&self, held: Vec<Arc<Partition>>, epoch: BrokerEpoch) {
        let mut open = self.places().clone();
        let closings = held.into_iter().map(|partition| async move {
            let closed = partition.close().await;
            (partition, closed)
        });
        let mut closings = stream::iter(closings).buffer_unordered(SYNCING_THREADS);
        while let Some((partition, closed)) = closings.next().await {
            if closed {
                open.remove(partition.name());
            }
        }
        let handles = self.dirs.clone();
        let closed = blocking::begin(move || {
            for (place, dir) in handles.iter().enumerate() {
                let all_closed = !open.values().any(|log| *log == place);
                if epoch < BrokerEpoch(0) || !(all_closed || dir.is_marked_clean()) {
                    warn!(path = %dir.path().display(), "not marked as closed cleanly");
                } else if let Err(fault) = dir.close(epoch) {
                    error!(path = %dir.path().display(), error = %fault, "directory not closed");
                }
            }
        });
        closed.await.expect("marking directories calls the disk and nothing else");
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, usize>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a log tells of its producers, read from its snapshot and batches.
#[derive(Default)]
pub(crate) struct Rebuilt {
    pub(crate) states: ProducerStates,
}

impl Replay for Rebuilt {
    fn snapshot(&mut self, entries: Vec<ProducerStateEntry>) {
        self.states = ProducerStates::from_snapshot(entries);
    }

    fn batch(&mut self, header: &BatchHeader) {
        // Markers end transactions, and there are none yet.
        let _ended = self.states.replay(header, None);
    }
}
