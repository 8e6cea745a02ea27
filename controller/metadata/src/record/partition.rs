//! Records of partitions: who holds them, who is in sync, who leads.

use protocol::{
    BrokerId, Context, DecodeError, DirectoryId, LeaderEpoch, PartitionEpoch, PartitionIndex,
    Reader, Sink, TopicId, Wire,
};

protocol::stored! {
    /// A new partition. In snapshots, the whole state of one.
    type 11, versions 0..=0;
    PartitionRecord {
        topic_id: TopicId { 0.. },
        partition: PartitionIndex { 0.. },
        /// The brokers that hold it; the first one is the preferred leader.
        replicas: Vec<BrokerId> { 0.. },
        /// The log directory on each of `replicas`; zero = not known yet.
        directories: Vec<DirectoryId> { 0.. },
        isr: Vec<BrokerId> { 0.. },
        /// -1 = none.
        leader: BrokerId { 0.. },
        leader_epoch: LeaderEpoch { 0.. },
        partition_epoch: PartitionEpoch { 0.. },
        leader_recovery_state: LeaderRecoveryState { 0.. },
        /// Eligible leader replicas (KIP-966).
        elr: Vec<BrokerId> { 0.., tag 0 },
        /// Who led when the partition last lost its leader and its in-sync replicas (KIP-966).
        last_known_elr: Vec<BrokerId> { 0.., tag 1 },
    }

    /// What changed in a partition; what is null stays as it is. Every one raises the partition
    /// epoch by one, and one that names a leader, even the same, raises the leader epoch by one.
    type 12, versions 0..=0;
    PartitionChangeRecord {
        topic_id: TopicId { 0.. },
        partition: PartitionIndex { 0.. },
        isr: Option<Vec<BrokerId>> { 0.., tag 0 },
        /// -1 = none from now on.
        leader: Option<BrokerId> { 0.., tag 1 },
        replicas: Option<Vec<BrokerId>> { 0.., tag 2 },
        leader_recovery_state: Option<LeaderRecoveryState> { 0.., tag 3 },
        elr: Option<Vec<BrokerId>> { 0.., tag 4 },
        last_known_elr: Option<Vec<BrokerId>> { 0.., tag 5 },
        /// Given whenever `replicas` are.
        directories: Option<Vec<DirectoryId>> { 0.., tag 6 },
    }
}

impl PartitionChangeRecord {
    /// Whether it changes nothing but the epoch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing =
            Self { topic_id: self.topic_id, partition: self.partition, ..Self::default() };
        *self == nothing
    }
}

/// Whether a leader was elected that may lack records that were acknowledged (KIP-704).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum LeaderRecoveryState {
    /// The leader had everything when it was elected, or has recovered since.
    #[default]
    Recovered,
    /// The leader was elected uncleanly, and hasn't said yet that it recovered.
    Recovering,
}

impl From<LeaderRecoveryState> for i8 {
    fn from(state: LeaderRecoveryState) -> Self {
        match state {
            LeaderRecoveryState::Recovered => 0,
            LeaderRecoveryState::Recovering => 1,
        }
    }
}

impl TryFrom<i8> for LeaderRecoveryState {
    type Error = DecodeError;

    fn try_from(number: i8) -> Result<Self, DecodeError> {
        match number {
            0 => Ok(Self::Recovered),
            1 => Ok(Self::Recovering),
            _ => Err(DecodeError::Invalid("a leader recovery state is 0 or 1")),
        }
    }
}

impl Wire for LeaderRecoveryState {
    fn encode(&self, out: &mut impl Sink, cx: Context) {
        i8::from(*self).encode(out, cx);
    }

    fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError> {
        i8::decode(from, cx)?.try_into()
    }
}
