//! The current snapshot, in the store: the image at one entry, as records.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use metadata::{
    ClusterImage, MetadataRecord, MetadataVersion, RecordBatch, record::FeatureLevelRecord,
};
use protocol::Stored;
use store::{Batch, Durability, Store};

use super::{
    stored::{SnapshotImage, StoredSnapshot},
    type_config::{Snapshot, SnapshotMeta},
};
use crate::{Error, keys, published::AppliedImage};

/// Keeps the latest snapshot.
#[derive(Debug)]
pub(crate) struct Snapshots {
    store: Arc<dyn Store>,
    /// Held from the look at the current snapshot until it's replaced.
    saving: Mutex<()>,
}

impl Snapshots {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, saving: Mutex::default() }
    }

    /// The current snapshot, if there was one yet.
    ///
    /// # Errors
    /// The store's, or bytes that are no snapshot.
    pub(crate) fn load(&self) -> Result<Option<Snapshot>, Error> {
        let Some(bytes) = self.store.get(keys::SNAPSHOT)? else { return Ok(None) };
        let stored = StoredSnapshot::from_bytes(Bytes::from(bytes));
        let snapshot = stored.and_then(|stored| {
            let meta = stored.description.try_into()?;
            Ok(Snapshot { meta, snapshot: stored.image })
        });
        snapshot.map(Some).map_err(|source| Error::Value { what: "snapshot", source })
    }

    /// Makes this the current snapshot, unless that is later already: one may be built here while a
    /// later one arrives from the leader, whose entries are then purged.
    ///
    /// Synced, because a snapshot from the leader is acknowledged.
    ///
    /// # Errors
    /// The store's, or a current snapshot that can't be read.
    pub(crate) fn save(&self, meta: &SnapshotMeta, image: Bytes) -> Result<(), Error> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        if self.load()?.is_some_and(|current| current.meta.last_log_id > meta.last_log_id) {
            return Ok(());
        }
        let stored = StoredSnapshot { description: meta.into(), image };
        let mut batch = Batch::new();
        batch.put(keys::SNAPSHOT, stored.to_bytes());
        Ok(self.store.write(batch, Durability::Synced)?)
    }
}

/// The bytes of an image. Where it stands in the log is in the snapshot's description.
pub(crate) fn encode(applied: &AppliedImage) -> Bytes {
    let records = applied.image.to_records();
    let batch = RecordBatch::pack(&records, applied.image.metadata_version());
    SnapshotImage { changed: applied.changed, batch: batch.to_bytes() }.to_bytes()
}

/// The image of a snapshot.
///
/// # Errors
/// Bytes that are no snapshot, or a record or a level that this build doesn't know.
pub(crate) fn decode(snapshot: Snapshot) -> Result<AppliedImage, Error> {
    let read = SnapshotImage::from_bytes(snapshot.snapshot).and_then(|stored| {
        let records = RecordBatch::from_bytes(stored.batch)?.unpack()?;
        Ok((stored.changed, records))
    });
    let (changed, records) = read.map_err(|source| Error::Value { what: "snapshot", source })?;
    records.iter().try_for_each(check_level)?;
    let mut image = ClusterImage::default();
    records.iter().for_each(|record| image.replay(record));
    let last = snapshot.meta.last_log_id.map(Into::into);
    Ok(AppliedImage { last, changed, image: Arc::new(image) })
}

/// Whether this build has the level that a record finalises.
///
/// # Errors
/// [`Error::Level`].
pub(crate) fn check_level(record: &MetadataRecord) -> Result<(), Error> {
    match record {
        MetadataRecord::FeatureLevel(FeatureLevelRecord { name, level })
            if name == MetadataVersion::FEATURE
                && MetadataVersion::from_level(*level).is_none() =>
        {
            Err(Error::Level { level: *level })
        }
        _ => Ok(()),
    }
}
