//! What can go wrong inside the controller: faults, which an operator reads. What a client did
//! wrong is an answer, and a [`protocol::ErrorCode`].

use std::{io, path::PathBuf, time::Duration};

use metadata::MetadataVersion;
use protocol::{BrokerId, DecodeError, DirectoryId};

/// Why the controller can't start, or can't go on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed. The node gives it up: see [`store::Store::write`].
    #[error(transparent)]
    Store(#[from] store::Error),

    /// What the store holds can't be read.
    #[error("the {what} in the controller's store cannot be read: {}", Reason(source))]
    Value {
        /// What was read.
        what: &'static str,
        /// What is wrong with its bytes.
        source: DecodeError,
    },

    /// An entry of the metadata log can't be read.
    #[error("entry {index} of the metadata log cannot be read: {}", Reason(source))]
    Entry {
        /// The entry.
        index: u64,
        /// What is wrong with its bytes.
        source: DecodeError,
    },

    /// The cluster has finalised a level of `metadata.version` that this build doesn't have.
    #[error(
        "the cluster's metadata.version is {level}, and this version of ottla knows none above {}",
        MetadataVersion::LATEST
    )]
    Level {
        /// The finalised level.
        level: i16,
    },

    /// A snapshot that was wanted wasn't made.
    #[error("no snapshot of the metadata was made: {0}")]
    Snapshot(String),

    /// An entry that must be there isn't.
    #[error("entry {index} of the metadata log is missing")]
    Hole {
        /// The entry.
        index: u64,
    },

    /// The store was never formatted.
    #[error("{} is not formatted: run `ottla format` on it first", path.display())]
    Unformatted {
        /// The store's directory.
        path: PathBuf,
    },

    /// The store was formatted already.
    #[error("{} is formatted already, for cluster {cluster_id}", path.display())]
    AlreadyFormatted {
        /// The store's directory.
        path: PathBuf,
        /// Whose it is.
        cluster_id: String,
    },

    /// The store belongs to another cluster.
    #[error("{} belongs to cluster {found}, not {expected}", path.display())]
    ForeignCluster {
        /// The store's directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },

    /// The store belongs to another node.
    #[error("{} belongs to node {found}, not {expected}", path.display())]
    ForeignNode {
        /// The store's directory.
        path: PathBuf,
        /// Whose it is.
        found: BrokerId,
        /// Whose it should be.
        expected: BrokerId,
    },

    /// A listed controller belongs to another cluster.
    #[error(
        "controller {controller} belongs to cluster {theirs}, and this node to {own}: is \
         controller.quorum.voters right? Nodes of one cluster are formatted with one --cluster-id"
    )]
    MismatchedCluster {
        /// Which.
        controller: BrokerId,
        /// Its cluster.
        theirs: String,
        /// This node's.
        own: String,
    },

    /// Another controller answers at a voter's address.
    #[error(
        "controller {found} answers where controller.quorum.voters says that {listed} is: correct \
         the list, or the node.id of one of them"
    )]
    MisplacedVoter {
        /// The voter of that address.
        listed: BrokerId,
        /// Who answers.
        found: BrokerId,
    },

    /// Another controller has this node's id.
    #[error(
        "another controller answers at this controller's address: two nodes have node.id={id}, \
         and each needs a number of its own"
    )]
    TakenNodeId {
        /// The id.
        id: BrokerId,
    },

    /// The quorum knows this node with another directory, whose votes this one has forgotten.
    #[error(
        "this node's directory isn't the voter that the quorum knows: controller {told_by} knows \
         node {id} with directory {known}, and this one is {own}. Was its disk wiped or replaced? \
         An empty one can't vote in its place: bring the old one back"
    )]
    ForgottenVoter {
        /// The node.
        id: BrokerId,
        /// Its directory now.
        own: DirectoryId,
        /// Its directory as the quorum knows it.
        known: DirectoryId,
        /// Which voter says so.
        told_by: BrokerId,
    },

    /// The quorum doesn't know this node.
    #[error(
        "node {id} is no voter of the quorum: controller {told_by} knows {voters} and no other. \
         Voters are those of the cluster's first start"
    )]
    UnknownVoter {
        /// The node.
        id: BrokerId,
        /// The voters' ids.
        voters: String,
        /// Which voter says so.
        told_by: BrokerId,
    },

    /// A quorum of one didn't come up.
    #[error("the controller did not become active within {0:?}")]
    NotActive(Duration),

    /// The quorum's settings don't fit together.
    #[error("invalid quorum settings: {0}")]
    Settings(String),

    /// The quorum stopped by itself: its storage failed.
    #[error("the controller quorum stopped: {0}")]
    Stopped(String),

    /// A bug was met. Where it's met in an entry, every node that applies it meets it.
    #[error("a bug was met in {place}")]
    Bug {
        /// Where: an entry of the log, or a task.
        place: String,
    },
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// Says what to do about bytes that a newer build wrote.
struct Reason<'a>(&'a DecodeError);

impl std::fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)?;
        match self.0 {
            DecodeError::UnknownType(_) | DecodeError::UnknownVersion { .. } => {
                f.write_str(" (a newer version of ottla wrote it: start that one)")
            }
            _ => Ok(()),
        }
    }
}
