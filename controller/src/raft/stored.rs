//! How raft's own state is written: into the store, and, in parts, into messages.
//!
//! Types and versions of the family "raft" (its numbers are apart from those of metadata records,
//! which travel inside as bytes):
//!
//! | type | what |
//! |---|---|
//! | 1 | a vote |
//! | 2 | a position in the log |
//! | 3 | a blank entry |
//! | 4 | an entry with records |
//! | 5 | an entry with a membership |
//! | 6 | a snapshot's description and its bytes |
//! | 7 | a snapshot's bytes: the image as records, and which entry changed it last |
// The notation declares its structs `pub`; what they convert to and from isn't.
#![allow(unreachable_pub, private_interfaces)]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use metadata::RecordBatch;
use openraft::{EntryPayload, vote::RaftLeaderId};
use protocol::{BrokerId, DecodeError, Reader, Stored, Timestamp};

use super::type_config::{
    Entry, LogId, Membership, Payload, Proposal, SnapshotMeta, Stamp, StoredMembership, Vote,
    VoterEndpoint, VoterKey,
};

protocol::wire_struct! {
    /// An entry's place: its index, and the term of the leader that put it there.
    #[derive(Copy, Eq)]
    Position {
        term: u64 { 0.. },
        index: u64 { 0.. },
    }
}

protocol::wire_struct! {
    /// Who is voted for in a term, and whether a quorum did.
    #[derive(Copy, Eq)]
    Ballot {
        term: u64 { 0.. },
        voter: VoterKey { 0.. },
        committed: bool { 0.. },
    }
}

protocol::wire_struct! {
    /// Who votes: one set, or two while one is being exchanged for the other.
    Members {
        configs: Vec<VoterSet> { 0.. },
        nodes: Vec<Member> { 0.. },
    }
}

protocol::wire_struct! {
    VoterSet {
        voters: Vec<VoterKey> { 0.. },
    }
}

protocol::wire_struct! {
    Member {
        key: VoterKey { 0.. },
        endpoint: VoterEndpoint { 0.. },
    }
}

protocol::wire_struct! {
    /// A snapshot without its bytes.
    SnapshotDescription {
        last: Option<Position> { 0.. },
        members_since: Option<Position> { 0.. },
        members: Members { 0.. },
    }
}

protocol::stored! {
    type 1, versions 0..=0;
    StoredVote {
        ballot: Ballot { 0.. },
    }

    type 2, versions 0..=0;
    StoredPosition {
        position: Position { 0.. },
    }

    type 3, versions 0..=0;
    BlankEntry {
        position: Position { 0.. },
    }

    type 4, versions 0..=0;
    RecordsEntry {
        position: Position { 0.. },
        base: Option<Position> { 0.. },
        /// A stored [`RecordBatch`].
        batch: Bytes { 0.. },
        /// When it was decided, for people to read. Older builds skip it.
        decided_at: Timestamp { 0.., tag 0 },
        /// Which controller decided it, for people to read.
        decided_by: BrokerId { 0.., tag 1 },
    }

    type 5, versions 0..=0;
    MembershipEntry {
        position: Position { 0.. },
        members: Members { 0.. },
    }

    type 6, versions 0..=0;
    StoredSnapshot {
        description: SnapshotDescription { 0.. },
        /// A stored [`SnapshotImage`].
        image: Bytes { 0.. },
    }

    type 7, versions 0..=0;
    SnapshotImage {
        /// The last entry that changed the image; see [`Proposal::base`].
        changed: Option<Position> { 0.. },
        /// A stored [`RecordBatch`].
        batch: Bytes { 0.. },
    }
}

impl From<LogId> for Position {
    fn from(id: LogId) -> Self {
        Self { term: id.leader_id.term, index: id.index }
    }
}

impl From<Position> for LogId {
    fn from(position: Position) -> Self {
        Self::new_term_index(position.term, position.index)
    }
}

impl From<&Vote> for Ballot {
    fn from(vote: &Vote) -> Self {
        let leader = vote.leader_id();
        Self { term: leader.term, voter: leader.voted_for, committed: vote.committed }
    }
}

impl From<Ballot> for Vote {
    fn from(ballot: Ballot) -> Self {
        let leader_id = RaftLeaderId::new(ballot.term, ballot.voter);
        Self { leader_id, committed: ballot.committed }
    }
}

impl From<&Membership> for Members {
    fn from(membership: &Membership) -> Self {
        let configs = membership.get_joint_config().iter();
        let nodes = membership.nodes();
        Self {
            configs: configs
                .map(|set| VoterSet { voters: set.iter().copied().collect() })
                .collect(),
            nodes: nodes
                .map(|(key, endpoint)| Member { key: *key, endpoint: endpoint.clone() })
                .collect(),
        }
    }
}

impl TryFrom<Members> for Membership {
    type Error = DecodeError;

    fn try_from(members: Members) -> Result<Self, DecodeError> {
        let configs: Vec<BTreeSet<VoterKey>> =
            members.configs.into_iter().map(|set| set.voters.into_iter().collect()).collect();
        let nodes: BTreeMap<VoterKey, VoterEndpoint> =
            members.nodes.into_iter().map(|member| (member.key, member.endpoint)).collect();
        Self::new(configs, nodes)
            .map_err(|_| DecodeError::Invalid("a membership has voters, each with an endpoint"))
    }
}

impl From<&SnapshotMeta> for SnapshotDescription {
    fn from(meta: &SnapshotMeta) -> Self {
        Self {
            last: meta.last_log_id.map(Position::from),
            members_since: meta.last_membership.log_id().map(Position::from),
            members: meta.last_membership.membership().into(),
        }
    }
}

impl TryFrom<SnapshotDescription> for SnapshotMeta {
    type Error = DecodeError;

    fn try_from(description: SnapshotDescription) -> Result<Self, DecodeError> {
        let since = description.members_since.map(LogId::from);
        Ok(Self {
            last_log_id: description.last.map(LogId::from),
            last_membership: StoredMembership::new(since, description.members.try_into()?),
        })
    }
}

/// The bytes of an entry.
pub(crate) fn encode_entry(entry: &Entry) -> Bytes {
    let position = entry.log_id.into();
    match &entry.payload {
        EntryPayload::Blank => BlankEntry { position }.to_bytes(),
        EntryPayload::Normal(proposal) => {
            let batch = proposal.batch.to_bytes();
            let Stamp { at: decided_at, by: decided_by } = proposal.stamp;
            let base = proposal.base;
            RecordsEntry { position, base, batch, decided_at, decided_by }.to_bytes()
        }
        EntryPayload::Membership(membership) => {
            MembershipEntry { position, members: membership.into() }.to_bytes()
        }
    }
}

/// An entry from its bytes. The records inside are not looked at.
///
/// # Errors
/// Bytes that are no entry, or one of a type or version that this build doesn't know.
pub(crate) fn decode_entry(bytes: Bytes) -> Result<Entry, DecodeError> {
    let (position, payload) = match Reader::new(bytes.clone()).uvarint()? {
        BlankEntry::TYPE => (BlankEntry::from_bytes(bytes)?.position, Payload::Blank),
        RecordsEntry::TYPE => {
            let entry = RecordsEntry::from_bytes(bytes)?;
            let batch = RecordBatch::from_bytes(entry.batch)?;
            let stamp = Stamp { at: entry.decided_at, by: entry.decided_by };
            (entry.position, Payload::Normal(Proposal { base: entry.base, batch, stamp }))
        }
        MembershipEntry::TYPE => {
            let entry = MembershipEntry::from_bytes(bytes)?;
            (entry.position, Payload::Membership(entry.members.try_into()?))
        }
        unknown => return Err(DecodeError::UnknownType(unknown)),
    };
    Ok(Entry { log_id: position.into(), payload })
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;

    use super::*;

    fn key(node: i32) -> VoterKey {
        VoterKey { node_id: BrokerId(node), directory_id: Uuid([7; 16]) }
    }

    fn membership() -> Membership {
        let endpoint = |port| VoterEndpoint { host: "localhost".into(), port };
        let nodes = BTreeMap::from([(key(1), endpoint(1)), (key(2), endpoint(2))]);
        Membership::new(vec![[key(1)].into(), [key(1), key(2)].into()], nodes).unwrap()
    }

    #[test]
    fn every_kind_of_entry_comes_back() {
        let proposal = Proposal {
            base: Some(Position { term: 2, index: 6 }),
            batch: RecordBatch { records: vec![Bytes::from_static(b"record")] },
            stamp: Stamp { at: Timestamp(7), by: BrokerId(2) },
        };
        let empty = Proposal { base: None, batch: RecordBatch::default(), stamp: Stamp::default() };
        for payload in [
            Payload::Blank,
            Payload::Normal(proposal),
            Payload::Normal(empty),
            Payload::Membership(membership()),
        ] {
            let entry = Entry { log_id: LogId::new_term_index(3, 7), payload };
            assert_eq!(decode_entry(encode_entry(&entry)).unwrap(), entry);
        }
    }

    #[test]
    fn an_entry_of_an_earlier_build_has_no_stamp() {
        // Type, version, position, no base, an empty batch, no tags.
        let batch = RecordBatch::default().to_bytes();
        let entry = RecordsEntry { batch, ..RecordsEntry::default() };
        let bytes = entry.to_bytes();
        assert_eq!(bytes.last(), Some(&0), "what is not known takes no room");
        let Payload::Normal(proposal) = decode_entry(bytes).unwrap().payload else {
            panic!("it has records")
        };
        assert_eq!(proposal.stamp, Stamp::default());
    }

    #[test]
    fn an_entry_of_a_later_build_is_refused_by_its_type() {
        let error = decode_entry(Bytes::from_static(&[99, 0, 0])).unwrap_err();
        assert_eq!(error, DecodeError::UnknownType(99));
    }

    #[test]
    fn a_vote_comes_back() {
        let vote = Vote::new_committed(5, key(3));
        assert_eq!(Vote::from(Ballot::from(&vote)), vote);
    }

    #[test]
    fn a_snapshots_description_comes_back() {
        let since = Some(LogId::new_term_index(1, 1));
        let meta = SnapshotMeta {
            last_log_id: Some(LogId::new_term_index(4, 9)),
            last_membership: StoredMembership::new(since, membership()),
        };
        assert_eq!(SnapshotMeta::try_from(SnapshotDescription::from(&meta)).unwrap(), meta);
        let empty = SnapshotMeta::default();
        assert_eq!(SnapshotMeta::try_from(SnapshotDescription::from(&empty)).unwrap(), empty);
    }

    #[test]
    fn a_voter_without_an_endpoint_is_no_membership() {
        let mut members = Members::from(&membership());
        members.nodes.pop();
        assert!(Membership::try_from(members).is_err());
    }
}
