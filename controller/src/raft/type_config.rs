//! What openraft is made of here: who votes, what an entry carries, what applying one answers.

use std::fmt;

use metadata::RecordBatch;
use openraft::{
    EntryPayload,
    alias::{EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf},
};
use protocol::{BrokerId, DirectoryId, Timestamp};

use super::{runtime::Runtime, stored::Position};

openraft::declare_raft_types!(
    /// The quorum's types. One leader per term, as Raft has it.
    pub(crate) TypeConfig:
        D = Proposal,
        R = Outcome,
        NodeId = VoterKey,
        Node = VoterEndpoint,
        Term = u64,
        LeaderId = openraft::impls::leader_id_std::LeaderId<Self::Term, Self::NodeId>,
        AsyncRuntime = Runtime,
);

pub(crate) type LogId = LogIdOf<TypeConfig>;
pub(crate) type Vote = VoteOf<TypeConfig>;
pub(crate) type Entry = EntryOf<TypeConfig>;
pub(crate) type Payload = EntryPayload<Proposal, VoterKey, VoterEndpoint>;
pub(crate) type Membership = openraft::Membership<VoterKey, VoterEndpoint>;
pub(crate) type StoredMembership = StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot = SnapshotOf<TypeConfig, bytes::Bytes>;

protocol::wire_struct! {
    /// Who votes: a node together with the directory that its raft log is in (KIP-853). A node that
    /// comes back with an empty disk has another directory id and so another key: it has forgotten
    /// what it voted, and must not be taken for the voter that it was.
    #[derive(Copy, Eq, PartialOrd, Ord, Hash)]
    VoterKey {
        node_id: BrokerId { 0.. },
        directory_id: DirectoryId { 0.. },
    }
}

protocol::wire_struct! {
    /// Where a voter's controller listener is.
    #[derive(Eq)]
    VoterEndpoint {
        host: String { 0.. },
        port: u16 { 0.. },
    }
}

impl fmt::Display for VoterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.node_id, self.directory_id)
    }
}

impl fmt::Display for VoterEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What an entry carries: decided records, and what they were decided on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proposal {
    /// The last entry that had changed the image when this was decided; none for an empty image.
    /// If another has changed it since, this one changes nothing.
    pub base: Option<Position>,
    /// The records.
    pub batch: RecordBatch,
    /// When and by whom it was decided.
    pub stamp: Stamp,
}

/// When and by whom something was decided, for people to read: nothing goes by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// By the decider's wall clock; -1 = not known.
    pub at: Timestamp,
    /// Which controller; -1 = not known.
    pub by: BrokerId,
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.batch.records.len())
    }
}

/// What came of an entry when it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The image is as the proposal wanted it.
    Replayed,
    /// The image had changed since the proposal was decided, so it changed nothing.
    Stale,
    /// The entry carried no records.
    Nothing,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
