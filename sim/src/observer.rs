//! The global observer: outside of all nodes, it is told of everything that happens in them, and
//! judges after every event whether the properties of `invariant` hold.
//!
//! It draws no chance, reads no clock but the world's, and does nothing that a node could notice. It believes no
//! node about what only a disk can tell: what a recovered log holds is read there. The first
//! violation is kept, for whoever runs the world to ask for; a panic in the middle of a node would
//! tell less.
//!
//! | file | what |
//! |---|---|
//! | `model` | all that is known, and how each event changes it |
//! | `partition`, `replica`, `log` | a partition: what each replica has, and the truth |
//! | `losses` | what may be lost |
//! | `quorum` | what the controllers have committed |
//! | `disk` | what is really there |
//! | `coverage` | which places worth reaching were reached |

pub mod coverage;
pub mod disk;
pub(crate) mod log;
pub(crate) mod losses;
pub(crate) mod model;
pub(crate) mod partition;
pub(crate) mod quorum;
pub(crate) mod replica;
#[cfg(test)]
pub(crate) mod story;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::witness::{Event, ReplicaId};
use controller::Vow;
use metadata::{ClusterImage, MetadataRecord, config::Overrides};
use protocol::{BrokerId, Offset, TopicName};
use tokio::sync::Notify;

pub use coverage::Reached;
pub use disk::{DiskFiles, LogFiles};

use crate::{
    invariant::Violation,
    observer::{
        disk::Found,
        model::{Judged, Model},
        partition::PartitionId,
    },
    trace::{Trace, now},
};

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As an operator wants it: everything is synced and closed.
    Clean,
    /// Killed, or by itself: what it wrote is there.
    Killed,
    /// With its machine's power: what wasn't synced may be gone.
    PowerLost,
}

/// The observer of a world. Clones are the same one.
#[derive(Clone)]
pub struct Observer(Arc<Shared>);

struct Shared {
    trace: Trace,
    model: Mutex<Model>,
    violation: Mutex<Option<Violation>>,
    violated: Notify,
}

impl Observer {
    /// An observer of nodes that have these broker keys in their files, all alike, and this timeout
    /// of elections. It tells the trace what it finds.
    #[must_use]
    pub fn new(trace: &Trace, static_config: Overrides, election_timeout: Duration) -> Self {
        Self(Arc::new(Shared {
            trace: trace.clone(),
            model: Mutex::new(Model::new(static_config, election_timeout)),
            violation: Mutex::default(),
            violated: Notify::new(),
        }))
    }

    /// A process of a node starts. Returns the witness for its doors; those of its earlier
    /// processes are deaf from now on.
    #[must_use]
    pub fn process_started(
        &self,
        broker: BrokerId,
        files: Arc<dyn LogFiles>,
    ) -> Arc<dyn broker::witness::Witness> {
        let life = self.model().process_started(broker);
        Arc::new(Seat { observer: self.clone(), broker, life, files })
    }

    /// A process of a broker takes requests from now on.
    pub fn process_serves(&self, broker: BrokerId) {
        self.judge(|model| model.serves(broker));
    }

    /// The node's process has ended: nothing that it still does has any effect.
    pub fn process_ended(&self, broker: BrokerId, ending: Ending) {
        self.model().process_ended(broker, ending);
    }

    /// Everything on the node's disk is gone; there is no process.
    pub fn wiped(&self, broker: BrokerId) {
        self.model().wiped(broker);
    }

    /// Something on the node's disk is damaged, and the node isn't to blame.
    pub fn disk_damaged(&self, broker: BrokerId) {
        self.model().disk_damaged(broker);
    }

    /// An operator is going to ask for unclean elections of a topic.
    pub fn unclean_election_requested(&self, topic: &TopicName) {
        self.model().unclean_election_requested(topic);
    }

    /// Takes note of a place that only somebody else can see that it was reached.
    pub fn reach(&self, place: &'static str) {
        self.model().coverage.reach(place);
    }

    /// Which places were reached, and how often.
    #[must_use]
    pub fn reached(&self) -> Reached {
        self.model().coverage.reached().clone()
    }

    /// The first violation, if there is one.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.0.violation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the first violation. One may wait at a time.
    pub async fn violated(&self) -> Violation {
        loop {
            if let Some(violation) = self.violation() {
                return violation;
            }
            self.0.violated.notified().await;
        }
    }

    /// Lets the model judge, unless it's over.
    fn judge(&self, judge: impl FnOnce(&mut Model) -> Judged) {
        if self.violation().is_some() {
            return;
        }
        let judged = judge(&mut self.model());
        if let Err(violation) = judged {
            self.0.trace.note(&violation);
            *self.0.violation.lock().unwrap_or_else(PoisonError::into_inner) = Some(violation);
            self.0.violated.notify_one();
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// From where one process of a node is watched.
struct Seat {
    observer: Observer,
    broker: BrokerId,
    life: u32,
    files: Arc<dyn LogFiles>,
}

impl Seat {
    /// Judges what this process does, if it is alive: a dead one's destructors may still talk.
    fn judge(&self, judge: impl FnOnce(&mut Model) -> Judged) {
        self.observer
            .judge(|model| if model.lives(self.broker, self.life) { judge(model) } else { Ok(()) });
    }

    /// What is on the disk of a replica, if anything is.
    fn find(&self, replica: ReplicaId) -> Option<Found> {
        let files = self.files.partition(&self.directory(replica)?)?;
        Some(Found::read(&files))
    }

    /// What the device has of a replica, from the segment on whose records weren't synced before.
    fn find_on_device(&self, replica: ReplicaId, synced_end: Offset) -> Option<Found> {
        let of = PartitionId { topic: replica.topic, partition: replica.partition };
        let from = self.observer.model().synced_end(of, replica.broker);
        if synced_end <= from {
            return None;
        }
        let files = self.files.on_device(&self.directory(replica)?, from)?;
        let found = Found::read_synced(&files, synced_end);
        // A topic of the same name may have taken its place.
        (found.topic == Some(replica.topic)).then_some(found)
    }

    fn directory(&self, replica: ReplicaId) -> Option<String> {
        let of = PartitionId { topic: replica.topic, partition: replica.partition };
        let name = self.observer.model().name(of)?;
        Some(format!("{}-{}", name.topic, name.partition))
    }
}

impl broker::witness::Witness for Seat {
    fn saw(&self, replica: ReplicaId, event: &Event<'_>) {
        let found = match event {
            Event::Opened { .. } => self.find(replica),
            Event::Synced { synced_end } => self.find_on_device(replica, *synced_end),
            _ => None,
        };
        self.judge(|model| model.saw(replica, event, found));
    }

    fn published(&self, broker: BrokerId, index: i64, image: &ClusterImage) {
        self.judge(|model| model.published(broker, index, image));
    }
}

impl controller::Witness for Seat {
    fn applied(
        &self,
        node: BrokerId,
        term: u64,
        index: u64,
        records: &[MetadataRecord],
        image: &ClusterImage,
    ) {
        self.judge(|model| model.applied(node, term, index, records, image));
    }

    fn restored(&self, node: BrokerId, _: u64, index: u64, image: &ClusterImage) {
        self.judge(|model| model.restored(node, index, image));
    }

    fn vowed(&self, node: BrokerId, vow: Vow) {
        self.judge(|model| {
            model.quorum.vowed(node, vow);
            Ok(())
        });
    }

    fn remembered(&self, node: BrokerId, vows: &[Vow]) {
        self.judge(|model| model.remembered(node, vows));
    }

    fn active(&self, node: BrokerId, term: u64) {
        self.judge(|model| model.active(node, term, now()));
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({}, {})", self.broker, self.life)
    }
}

#[cfg(test)]
mod tests;
