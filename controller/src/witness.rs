//! Who looks on: hears of what the quorum does, at the moment it does it.
//!
//! The simulator's observer is one. Nothing that a node does depends on it: a witness answers
//! nothing, and must not block. In production nobody looks on.

use std::fmt::Debug;

use metadata::{ClusterImage, MetadataRecord};
use protocol::BrokerId;

/// What a voter answers for: it must outlast the voter's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vow {
    /// Whom it has voted for last.
    Vote {
        /// In which term.
        term: u64,
        /// The candidate.
        candidate: BrokerId,
        /// Whether a quorum has voted so.
        is_elected: bool,
    },
    /// The end of its log, and all before.
    LogEnd {
        /// The last entry's term; 0 without one.
        term: u64,
        /// The index after it.
        end: u64,
    },
}

/// Hears of what the controllers do. `node` is the controller that does it.
pub trait Witness: Debug + Send + Sync + 'static {
    /// An entry of the log was applied, and led to this image. `records` are empty where the entry
    /// changed nothing.
    fn applied(
        &self,
        node: BrokerId,
        term: u64,
        index: u64,
        records: &[MetadataRecord],
        image: &ClusterImage,
    ) {
        let _ = (node, term, index, records, image);
    }

    /// A controller starts from this image, or has received it: a snapshot, or what its store
    /// holds.
    fn restored(&self, node: BrokerId, term: u64, index: u64, image: &ClusterImage) {
        let _ = (node, term, index, image);
    }

    /// A voter has made something durable, and answers for it from now on.
    fn vowed(&self, node: BrokerId, vow: Vow) {
        let _ = (node, vow);
    }

    /// A voter has started, and this is all that its store remembers.
    fn remembered(&self, node: BrokerId, vows: &[Vow]) {
        let _ = (node, vows);
    }

    /// A controller takes itself for the active one.
    fn active(&self, node: BrokerId, term: u64) {
        let _ = (node, term);
    }
}

/// Looks on nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Witness for Nobody {}
