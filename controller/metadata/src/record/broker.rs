//! Records of brokers: registrations and what becomes of them.

use std::fmt;

use protocol::{
    BrokerEpoch, BrokerId, Context, DecodeError, DirectoryId, Reader, Sink, Uuid, Wire,
};

protocol::stored! {
    /// A broker introduces itself, or a new incarnation of it comes back. In snapshots, the whole
    /// state of a broker.
    type 1, versions 0..=1;
    RegisterBrokerRecord {
        broker_id: BrokerId { 0.. },
        /// Drawn by the broker's process when it starts.
        incarnation_id: Uuid { 0.. },
        /// Given by the controller: higher than any before it, of any broker.
        broker_epoch: BrokerEpoch { 0.. },
        /// The index in the metadata log up to which everything was known when the broker
        /// registered: it has caught up once it applied what comes after.
        registered_after: i64 { 0.. },
        endpoints: Vec<BrokerEndpoint> { 0.. },
        features: Vec<BrokerFeature> { 0.. },
        rack: Option<String> { 0.. },
        fenced: bool { 0.. },
        in_controlled_shutdown: bool { 0.. },
        /// The log directories that are online, in ascending order of id.
        log_dirs: Vec<DirectoryId> { 0.. },
        /// Why it's fenced.
        fence_reason: FenceReason { 1.., tag 0 },
    }

    /// A broker is gone for good.
    type 2, versions 0..=0;
    UnregisterBrokerRecord {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
    }

    /// What changed in a registration; what is null stays as it is.
    type 3, versions 0..=1;
    BrokerRegistrationChangeRecord {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
        fenced: Option<bool> { 0.., tag 0 },
        in_controlled_shutdown: Option<bool> { 0.., tag 1 },
        /// The log directories that are online from now on, in ascending order of id.
        log_dirs: Option<Vec<DirectoryId>> { 0.., tag 2 },
        /// Why it's fenced, where `fenced` says that it is.
        fence_reason: FenceReason { 1.., tag 3 },
    }

    /// The last broker epoch given out: its broker may be unregistered, but it is never given out
    /// again. Only in snapshots; elsewhere registrations say it.
    type 4, versions 0..=0;
    LastBrokerEpochRecord {
        broker_epoch: BrokerEpoch { 0.. },
    }
}

protocol::wire_struct! {
    /// Where one listener of a broker is reached.
    BrokerEndpoint {
        /// The listener's name, such as `PLAINTEXT`.
        name: String { 0.. },
        host: String { 0.. },
        port: u16 { 0.. },
        /// Kafka's number of the security protocol; 0 = plaintext.
        security_protocol: i16 { 0.. },
    }
}

protocol::wire_struct! {
    /// Which levels of a feature a broker supports.
    BrokerFeature {
        name: String { 0.. },
        min_level: i16 { 0.. },
        max_level: i16 { 0.. },
    }
}

impl Eq for BrokerEndpoint {}
impl Eq for BrokerFeature {}

/// Why a broker is fenced, for those who watch over the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum FenceReason {
    /// It isn't, or nobody said why.
    #[default]
    Unknown,
    /// It registered, and hasn't caught up yet.
    Starting,
    /// It wasn't heard of for its session timeout.
    Silent,
    /// Its listener refuses connections: its process is gone.
    Gone,
    /// It asked for it.
    Wish,
    /// It shut down in good order.
    ShutDown,
}

impl FenceReason {
    const ALL: [Self; 6] =
        [Self::Unknown, Self::Starting, Self::Silent, Self::Gone, Self::Wish, Self::ShutDown];
}

/// In words that go on after "fenced: ".
impl fmt::Display for FenceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no reason given",
            Self::Starting => "it has yet to catch up",
            Self::Silent => "it was silent for its session timeout",
            Self::Gone => "its listener refuses connections",
            Self::Wish => "it asked to be",
            Self::ShutDown => "it shut down",
        })
    }
}

impl Wire for FenceReason {
    fn encode(&self, out: &mut impl Sink, cx: Context) {
        let number = Self::ALL.iter().position(|reason| reason == self);
        let number = number.and_then(|number| i8::try_from(number).ok());
        number.expect("it's one of all").encode(out, cx);
    }

    fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError> {
        let number = usize::try_from(i8::decode(from, cx)?).ok();
        let reason = number.and_then(|number| Self::ALL.get(number).copied());
        reason.ok_or(DecodeError::Invalid("nobody is fenced for such a reason"))
    }
}
