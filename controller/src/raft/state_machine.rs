//! The state machine: applies committed entries to the image.
//!
//! The image is never stored by itself. It's a function of the snapshot and of the log's entries up
//! to the last one applied, both of which are in the store, so state and last-applied can't come
//! apart: not by a crash between two writes, because there is only one.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use metadata::MetadataRecord;
use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine},
};
use protocol::{BrokerId, bug};

use super::{
    alarm::Alarm,
    log_store::LogStore,
    snapshots::{self, Snapshots},
    stored::Position,
    type_config::{
        Entry, LogId, Outcome, Proposal, Snapshot, SnapshotMeta, StoredMembership, TypeConfig,
    },
};
use crate::{
    Error, Witness,
    events::EventLog,
    published::{AppliedImage, Change, Published, signed},
};

/// The state machine.
#[derive(Debug)]
pub(crate) struct StateMachine {
    snapshots: Arc<Snapshots>,
    shown: Shown,
    alarm: Arc<Alarm>,
    applied: AppliedImage,
    membership: StoredMembership,
}

/// To whom the state machine shows what it has applied.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// This node.
    pub node: BrokerId,
    pub published: Arc<Published>,
    pub events: Arc<EventLog>,
    pub witness: Arc<dyn Witness>,
}

impl Shown {
    fn applied(&self, entry: &Entry, records: &[MetadataRecord], applied: &AppliedImage) {
        let Position { term, index } = entry.log_id.into();
        self.witness.applied(self.node, term, index, records, &applied.image);
    }

    /// Shows what entries led to, one of which may have lowered the level of `metadata.version`. A
    /// broker of an older build, for which that is done, could not read the changes before it: it
    /// gets the image instead.
    fn advanced(&self, applied: &AppliedImage, changes: Vec<Change>, was_lowered: bool) {
        if was_lowered {
            self.published.restart(applied.clone());
        } else {
            self.published.advance(applied.clone(), changes);
        }
    }

    /// Shows an image that a snapshot led to.
    fn restarted(&self, applied: &AppliedImage) {
        self.published.restart(applied.clone());
        self.events.begin_after(applied.last);
    }

    /// Tells of an image that doesn't come from the one before by entries.
    fn restored(&self, applied: &AppliedImage) {
        if let Some(Position { term, index }) = applied.last {
            self.witness.restored(self.node, term, index, &applied.image);
        }
    }
}

impl StateMachine {
    /// Rebuilds the image: the snapshot, and the entries after it that are known to be committed.
    /// Every later entry is looked at too, because a node that can't read what it may have to apply
    /// must not start.
    ///
    /// # Errors
    /// The store's; a value, an entry or a record that can't be read; a hole in the log.
    pub(crate) fn load(
        log: &LogStore,
        snapshots: Arc<Snapshots>,
        shown: Shown,
        alarm: Arc<Alarm>,
    ) -> Result<Self, Error> {
        let (applied, membership) = match snapshots.load()? {
            Some(snapshot) => {
                let membership = snapshot.meta.last_membership.clone();
                (snapshots::decode(snapshot)?, membership)
            }
            None => (AppliedImage::default(), StoredMembership::default()),
        };
        shown.restarted(&applied);
        let mut machine = Self { snapshots, shown, alarm, applied, membership };

        let next = machine.applied.last.map_or(0, |position| position.index + 1);
        let committed = log.committed()?.map(|id| id.index);
        let entries = log.entries_from(next)?;
        if entries.first().is_some_and(|entry| entry.log_id.index != next) {
            return Err(Error::Hole { index: next });
        }
        let (mut changes, mut was_lowered) = (Vec::new(), false);
        for entry in entries {
            if Some(entry.log_id.index) <= committed {
                let applied = machine.apply_entry(&entry)?;
                changes.extend(applied.change);
                was_lowered |= applied.lowers_level;
            } else if let EntryPayload::Normal(proposal) = &entry.payload {
                unpack(&entry, proposal)?;
            }
        }
        machine.shown.advanced(&machine.applied, changes, was_lowered);
        machine.shown.restored(&machine.applied);
        Ok(machine)
    }

    /// Applies the next entry.
    fn apply_entry(&mut self, entry: &Entry) -> Result<Applied, Error> {
        let position = Position::from(entry.log_id);
        let _armed = self.alarm.arm(format!("entry {} of the metadata log", position.index));
        if let Some(last) = self.applied.last {
            assert!(position.index > last.index, "{position:?} is applied after {last:?}");
        }
        let applied = match &entry.payload {
            EntryPayload::Blank => Applied::without_effect(Outcome::Nothing),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                Applied::without_effect(Outcome::Nothing)
            }
            // Decided on another image than it meets: the same no-op on every node.
            EntryPayload::Normal(proposal) if proposal.base != self.applied.changed => {
                Applied::without_effect(Outcome::Stale)
            }
            EntryPayload::Normal(proposal) => {
                let records = unpack(entry, proposal)?;
                let image = Arc::make_mut(&mut self.applied.image);
                let level = image.metadata_version();
                let mut events = Vec::new();
                for record in &records {
                    events.extend(image.event(record));
                    image.replay(record);
                }
                self.shown.events.tell(position, proposal.stamp, events);
                let lowers_level = image.metadata_version() < level;
                self.applied.changed = Some(position);
                let batch = proposal.batch.clone();
                let change = Some(Change { index: signed(position.index), batch });
                Applied { outcome: Outcome::Replayed, records, change, lowers_level }
            }
        };
        self.applied.last = Some(position);
        Ok(applied)
    }

    fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.applied.last.map(LogId::from),
            last_membership: self.membership.clone(),
        }
    }
}

/// What came of an entry.
struct Applied {
    outcome: Outcome,
    records: Vec<MetadataRecord>,
    change: Option<Change>,
    /// Whether it takes `metadata.version` down.
    lowers_level: bool,
}

impl Applied {
    fn without_effect(outcome: Outcome) -> Self {
        Self { outcome, records: Vec::new(), change: None, lowers_level: false }
    }
}

/// The records of an entry.
///
/// # Errors
/// One that this build doesn't know, or a level of `metadata.version` that it doesn't have: from
/// there on the log may hold what it would misunderstand.
fn unpack(entry: &Entry, proposal: &Proposal) -> Result<Vec<MetadataRecord>, Error> {
    let index = entry.log_id.index;
    let records = proposal.batch.unpack().map_err(|source| Error::Entry { index, source })?;
    records.iter().try_for_each(snapshots::check_level)?;
    Ok(records)
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.applied.last.map(LogId::from), self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let (mut changes, mut answers, mut was_lowered) = (Vec::new(), Vec::new(), false);
        while let Some((entry, responder)) = entries.try_next().await? {
            let Applied { outcome, records, change, lowers_level } = self.apply_entry(&entry)?;
            self.shown.applied(&entry, &records, &self.applied);
            changes.extend(change);
            was_lowered |= lowers_level;
            answers.extend(responder.map(|responder| (responder, outcome)));
        }
        // Shown before it's answered: who learns that a topic was created finds it.
        self.shown.advanced(&self.applied, changes, was_lowered);
        for (responder, outcome) in answers {
            responder.send(outcome);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder {
            snapshots: self.snapshots.clone(),
            meta: self.meta(),
            applied: self.applied.clone(),
            published: self.shown.published.clone(),
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        image: Bytes,
    ) -> Result<(), io::Error> {
        let snapshot = Snapshot { meta: meta.clone(), snapshot: image.clone() };
        let applied = snapshots::decode(snapshot)?;
        self.snapshots.save(meta, image)?;
        self.applied = applied;
        self.membership = meta.last_membership.clone();
        self.shown.restarted(&self.applied);
        self.shown.restored(&self.applied);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        Ok(self.snapshots.load()?)
    }
}

/// Builds a snapshot of the moment it was made at, while the state machine goes on.
#[derive(Debug)]
pub(crate) struct SnapshotBuilder {
    snapshots: Arc<Snapshots>,
    meta: SnapshotMeta,
    applied: AppliedImage,
    /// What a snapshot must not be made of: it goes on.
    published: Arc<Published>,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        if bug!(Q8) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.applied.image = self.published.current().image.clone();
        }
        let image = snapshots::encode(&self.applied);
        self.snapshots.save(&self.meta, image.clone())?;
        Ok(Snapshot { meta: self.meta.clone(), snapshot: image })
    }
}

#[cfg(test)]
mod tests;
