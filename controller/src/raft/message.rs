//! What voters say to each other, on the controller listener alone.
//!
//! Each request names the cluster and the voter it's meant for: an address may meanwhile belong to
//! somebody else, and a vote counted for the wrong voter elects two leaders.

/// RaftAppend (ours): a leader's entries, or none, as a heartbeat.
pub mod append {
    use bytes::Bytes;
    use protocol::ErrorCode;

    use crate::raft::{
        stored::{Ballot, Position},
        type_config::VoterKey,
    };

    protocol::api! {
        key RaftAppend, versions 0..=0, flexible 0..;

        /// Entries that follow another one.
        request RaftAppendRequest {
            cluster_id: String { 0.. },
            target: VoterKey { 0.. },
            /// The leader's.
            ballot: Ballot { 0.. },
            /// The entry before the first of these.
            previous: Option<Position> { 0.. },
            /// The last entry that the leader knows to be committed.
            committed: Option<Position> { 0.. },
            /// Each as it's stored.
            entries: Vec<Bytes> { 0.. },
        }

        response RaftAppendResponse {
            error_code: ErrorCode { 0.. },
            /// One of the constants of [`Verdict`](super::Verdict).
            verdict: i8 { 0.. },
            /// The last entry accepted, where only some were.
            accepted: Option<Position> { 0.. },
            /// The higher vote for which the entries were refused.
            higher: Option<Ballot> { 0.. },
        }
    }
}

/// RaftVote (ours): a candidate's request.
pub mod vote {
    use protocol::ErrorCode;

    use crate::raft::{
        stored::{Ballot, Position},
        type_config::VoterKey,
    };

    protocol::api! {
        key RaftVote, versions 0..=0, flexible 0..;

        request RaftVoteRequest {
            cluster_id: String { 0.. },
            target: VoterKey { 0.. },
            /// Only asks what the answer would be; nothing is promised.
            pre_vote: bool { 0.. },
            ballot: Ballot { 0.. },
            /// The candidate's last entry.
            last: Option<Position> { 0.. },
            /// The leader itself asked the candidate to take over.
            leadership_transfer: bool { 0.. },
        }

        response RaftVoteResponse {
            error_code: ErrorCode { 0.. },
            granted: bool { 0.. },
            /// The voter's own vote after this request.
            ballot: Ballot { 0.. },
            /// The voter's last entry.
            last: Option<Position> { 0.. },
        }
    }
}

/// RaftSnapshot (ours): a part of a snapshot, for a follower that lacks entries that are purged.
pub mod snapshot {
    use bytes::Bytes;
    use protocol::ErrorCode;

    use crate::raft::{
        stored::{Ballot, SnapshotDescription},
        type_config::VoterKey,
    };

    protocol::api! {
        key RaftSnapshot, versions 0..=0, flexible 0..;

        request RaftSnapshotRequest {
            cluster_id: String { 0.. },
            target: VoterKey { 0.. },
            /// The leader's.
            ballot: Ballot { 0.. },
            description: SnapshotDescription { 0.. },
            /// How many bytes were sent before these.
            position: u64 { 0.. },
            bytes: Bytes { 0.. },
            /// No more follow.
            last: bool { 0.. },
        }

        response RaftSnapshotResponse {
            error_code: ErrorCode { 0.. },
            /// The follower's own vote.
            ballot: Ballot { 0.. },
        }
    }
}

/// What a follower makes of entries.
pub(crate) struct Verdict;

impl Verdict {
    /// All accepted.
    pub(crate) const SUCCESS: i8 = 0;
    /// Some accepted, up to the one named.
    pub(crate) const PARTIAL: i8 = 1;
    /// The entry before them is another one here.
    pub(crate) const CONFLICT: i8 = 2;
    /// The leader is no leader any more.
    pub(crate) const HIGHER_VOTE: i8 = 3;
}
