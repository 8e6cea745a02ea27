//! What `ottla format` writes: who this node is, whose, and how its quorum starts.
//!
//! A node whose store has no format doesn't start. Otherwise two nodes that lost their disks could
//! come back, elect one another, and present an empty cluster as the truth.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;
use metadata::{ClusterImage, MetadataRecord, MetadataVersion, RecordBatch};
use protocol::Stored;
use store::{Batch, Durability, Store, Stores};

use crate::{Error, VoterEndpoint, VoterKey, keys};

/// A node's place in a cluster that is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The cluster.
    pub cluster_id: String,
    /// This node.
    pub key: VoterKey,
    /// Who votes first. The same on each of them; a quorum of one names itself. None where nobody
    /// knows yet: see [`founding`](crate::founding).
    pub voters: BTreeMap<VoterKey, VoterEndpoint>,
}

/// What a formatted store says.
#[derive(Clone, Debug, PartialEq)]
pub struct Formatted {
    /// What it was formatted for.
    pub format: Format,
    /// What the first entry of the cluster's log holds.
    pub(crate) bootstrap: Vec<MetadataRecord>,
}

mod stored {
    //! How it's written.
    #![allow(unreachable_pub)] // The notation declares its structs `pub`.

    use bytes::Bytes;

    use crate::{VoterEndpoint, VoterKey};

    protocol::stored! {
        type 1, versions 0..=0;
        StoredFormat {
            cluster_id: String { 0.. },
            key: VoterKey { 0.. },
            voters: Vec<FormatVoter> { 0.. },
            /// A stored record batch.
            bootstrap: Bytes { 0.. },
        }
    }

    protocol::wire_struct! {
        FormatVoter {
            key: VoterKey { 0.. },
            endpoint: VoterEndpoint { 0.. },
        }
    }
}

use stored::{FormatVoter, StoredFormat};

/// Formats the store in a directory, which is created if it's missing.
///
/// # Errors
/// The store's; [`Error::AlreadyFormatted`]: a format is never replaced; [`Error::Settings`] when
/// there are voters and this node isn't one of them.
pub fn format(stores: &dyn Stores, dir: &Path, format: &Format) -> Result<(), Error> {
    if !format.voters.is_empty() && !format.voters.contains_key(&format.key) {
        return Err(Error::Settings(format!("{} is not among the voters", format.key)));
    }
    let store = stores.open(dir)?;
    if let Some(found) = read(&*store)? {
        let cluster_id = found.format.cluster_id;
        return Err(Error::AlreadyFormatted { path: dir.to_owned(), cluster_id });
    }
    let voters = format.voters.iter();
    let voters = voters
        .map(|(key, endpoint)| FormatVoter { key: *key, endpoint: endpoint.clone() })
        .collect();
    let bootstrap =
        RecordBatch::pack(&ClusterImage::bootstrap_records(), MetadataVersion::LATEST).to_bytes();
    let stored =
        StoredFormat { cluster_id: format.cluster_id.clone(), key: format.key, voters, bootstrap };
    let mut batch = Batch::new();
    batch.put(keys::FORMAT, stored.to_bytes());
    Ok(store.write(batch, Durability::Synced)?)
}

/// The format of the store in a directory; none if it has none. Opens the store, and so creates an
/// empty one where there is none.
///
/// # Errors
/// The store's, or a format that can't be read.
pub fn formatted(stores: &dyn Stores, dir: &Path) -> Result<Option<Formatted>, Error> {
    read(&*stores.open(dir)?)
}

pub(crate) fn read(store: &dyn Store) -> Result<Option<Formatted>, Error> {
    let Some(bytes) = store.get(keys::FORMAT)? else { return Ok(None) };
    let read = StoredFormat::from_bytes(Bytes::from(bytes)).and_then(|stored| {
        let voters = stored.voters.into_iter().map(|voter| (voter.key, voter.endpoint)).collect();
        let format = Format { cluster_id: stored.cluster_id, key: stored.key, voters };
        let bootstrap = RecordBatch::from_bytes(stored.bootstrap)?.unpack()?;
        Ok(Formatted { format, bootstrap })
    });
    read.map(Some).map_err(|source| Error::Value { what: "format", source })
}

#[cfg(test)]
mod tests {
    use protocol::{BrokerId, Uuid};
    use store::MemoryStores;

    use super::*;

    fn example() -> Format {
        let key = VoterKey { node_id: BrokerId(1), directory_id: Uuid([1; 16]) };
        let endpoint = VoterEndpoint { host: "localhost".into(), port: 9093 };
        Format { cluster_id: "cluster".into(), key, voters: [(key, endpoint)].into() }
    }

    #[test]
    fn a_format_is_found_again() {
        let stores = MemoryStores::default();
        let dir = Path::new("metadata");
        assert_eq!(formatted(&stores, dir).unwrap(), None);
        format(&stores, dir, &example()).unwrap();
        let found = formatted(&stores, dir).unwrap().unwrap();
        assert_eq!(found.format, example());
        assert_eq!(found.bootstrap, ClusterImage::bootstrap_records());
    }

    #[test]
    fn a_node_that_does_not_vote_has_no_format() {
        let stores = MemoryStores::default();
        let dir = Path::new("metadata");
        let key = VoterKey { node_id: BrokerId(2), ..example().key };
        let stranger = Format { key, ..example() };
        assert!(matches!(format(&stores, dir, &stranger), Err(Error::Settings(_))));
        assert_eq!(formatted(&stores, dir).unwrap(), None);
    }

    #[test]
    fn a_format_is_never_replaced() {
        let stores = MemoryStores::default();
        let dir = Path::new("metadata");
        format(&stores, dir, &example()).unwrap();
        let other = Format { cluster_id: "other".into(), ..example() };
        let error = format(&stores, dir, &other).unwrap_err();
        assert_eq!(error.to_string(), "metadata is formatted already, for cluster cluster");
        assert_eq!(formatted(&stores, dir).unwrap().unwrap().format, example());
    }
}
