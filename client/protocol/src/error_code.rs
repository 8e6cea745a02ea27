//! Kafka's errors, by number.
//!
//! An error here is an *answer*: the client's business. What goes wrong inside a node is a fault
//! with its own type, and becomes one of these only where a request is answered.

use crate::{Context, DecodeError, Reader, Sink, Wire};

macro_rules! error_codes {
    ($($name:ident = $code:literal $($retriable:ident)?,)*) => {
        /// What a response says of one thing that was asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[allow(missing_docs)]
        pub enum ErrorCode {
            /// No error.
            #[default]
            None,
            $( $name, )*
            /// A code that this build has no name for.
            Other(i16),
        }

        impl ErrorCode {
            /// Every code that has a name, but for none at all.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> i16 {
                match self {
                    Self::None => 0,
                    $( Self::$name => $code, )*
                    Self::Other(code) => code,
                }
            }

            /// Whether asking the same again may help.
            #[must_use]
            pub fn is_retriable(self) -> bool {
                match self {
                    $( Self::$name => error_codes!(@retriable $($retriable)?), )*
                    Self::None | Self::Other(_) => false,
                }
            }

            /// The name in Rust's spelling.
            fn name(self) -> &'static str {
                match self {
                    Self::None => "None",
                    $( Self::$name => stringify!($name), )*
                    Self::Other(_) => "Other",
                }
            }
        }

        impl From<i16> for ErrorCode {
            fn from(code: i16) -> Self {
                match code {
                    0 => Self::None,
                    $( $code => Self::$name, )*
                    other => Self::Other(other),
                }
            }
        }
    };
    (@retriable retriable) => { true };
    (@retriable) => { false };
}

error_codes! {
    UnknownServerError = -1,
    OffsetOutOfRange = 1,
    CorruptMessage = 2 retriable,
    UnknownTopicOrPartition = 3 retriable,
    InvalidFetchSize = 4,
    LeaderNotAvailable = 5 retriable,
    NotLeaderOrFollower = 6 retriable,
    RequestTimedOut = 7 retriable,
    BrokerNotAvailable = 8,
    ReplicaNotAvailable = 9 retriable,
    MessageTooLarge = 10,
    StaleControllerEpoch = 11,
    OffsetMetadataTooLarge = 12,
    NetworkException = 13 retriable,
    CoordinatorLoadInProgress = 14 retriable,
    CoordinatorNotAvailable = 15 retriable,
    NotCoordinator = 16 retriable,
    InvalidTopicException = 17,
    RecordListTooLarge = 18,
    NotEnoughReplicas = 19 retriable,
    NotEnoughReplicasAfterAppend = 20 retriable,
    InvalidRequiredAcks = 21,
    IllegalGeneration = 22,
    InconsistentGroupProtocol = 23,
    InvalidGroupId = 24,
    UnknownMemberId = 25,
    InvalidSessionTimeout = 26,
    RebalanceInProgress = 27,
    InvalidCommitOffsetSize = 28,
    TopicAuthorizationFailed = 29,
    GroupAuthorizationFailed = 30,
    ClusterAuthorizationFailed = 31,
    InvalidTimestamp = 32,
    UnsupportedSaslMechanism = 33,
    IllegalSaslState = 34,
    UnsupportedVersion = 35,
    TopicAlreadyExists = 36,
    InvalidPartitions = 37,
    InvalidReplicationFactor = 38,
    InvalidReplicaAssignment = 39,
    InvalidConfig = 40,
    NotController = 41 retriable,
    InvalidRequest = 42,
    UnsupportedForMessageFormat = 43,
    PolicyViolation = 44,
    OutOfOrderSequenceNumber = 45,
    DuplicateSequenceNumber = 46,
    InvalidProducerEpoch = 47,
    InvalidTxnState = 48,
    InvalidProducerIdMapping = 49,
    InvalidTransactionTimeout = 50,
    ConcurrentTransactions = 51,
    TransactionCoordinatorFenced = 52,
    TransactionalIdAuthorizationFailed = 53,
    SecurityDisabled = 54,
    OperationNotAttempted = 55,
    KafkaStorageError = 56 retriable,
    LogDirNotFound = 57,
    SaslAuthenticationFailed = 58,
    UnknownProducerId = 59,
    ReassignmentInProgress = 60,
    DelegationTokenAuthDisabled = 61,
    DelegationTokenNotFound = 62,
    DelegationTokenOwnerMismatch = 63,
    DelegationTokenRequestNotAllowed = 64,
    DelegationTokenAuthorizationFailed = 65,
    DelegationTokenExpired = 66,
    InvalidPrincipalType = 67,
    NonEmptyGroup = 68,
    GroupIdNotFound = 69,
    FetchSessionIdNotFound = 70 retriable,
    InvalidFetchSessionEpoch = 71 retriable,
    ListenerNotFound = 72 retriable,
    TopicDeletionDisabled = 73,
    FencedLeaderEpoch = 74 retriable,
    UnknownLeaderEpoch = 75 retriable,
    UnsupportedCompressionType = 76,
    StaleBrokerEpoch = 77,
    OffsetNotAvailable = 78 retriable,
    MemberIdRequired = 79,
    PreferredLeaderNotAvailable = 80 retriable,
    GroupMaxSizeReached = 81,
    FencedInstanceId = 82,
    EligibleLeadersNotAvailable = 83 retriable,
    ElectionNotNeeded = 84 retriable,
    NoReassignmentInProgress = 85,
    GroupSubscribedToTopic = 86,
    InvalidRecord = 87,
    UnstableOffsetCommit = 88 retriable,
    ThrottlingQuotaExceeded = 89 retriable,
    ProducerFenced = 90,
    ResourceNotFound = 91,
    DuplicateResource = 92,
    UnacceptableCredential = 93,
    InconsistentVoterSet = 94,
    InvalidUpdateVersion = 95,
    FeatureUpdateFailed = 96,
    PrincipalDeserializationFailure = 97,
    SnapshotNotFound = 98,
    PositionOutOfRange = 99,
    UnknownTopicId = 100 retriable,
    DuplicateBrokerRegistration = 101,
    BrokerIdNotRegistered = 102,
    InconsistentTopicId = 103 retriable,
    InconsistentClusterId = 104,
    TransactionalIdNotFound = 105,
    FetchSessionTopicIdError = 106 retriable,
    IneligibleReplica = 107,
    NewLeaderElected = 108,
    OffsetMovedToTieredStorage = 109,
    FencedMemberEpoch = 110,
    UnreleasedInstanceId = 111,
    UnsupportedAssignor = 112,
    StaleMemberEpoch = 113,
    MismatchedEndpointType = 114,
    UnsupportedEndpointType = 115,
    UnknownControllerId = 116,
    UnknownSubscriptionId = 117,
    TelemetryTooLarge = 118,
    InvalidRegistration = 119,
    TransactionAbortable = 120,
    InvalidRecordState = 121,
    ShareSessionNotFound = 122 retriable,
    InvalidShareSessionEpoch = 123 retriable,
    FencedStateEpoch = 124,
    InvalidVoterKey = 125,
    DuplicateVoter = 126,
    VoterNotFound = 127,
    InvalidRegularExpression = 128,
    RebootstrapRequired = 129,
    StreamsInvalidTopology = 130,
    StreamsInvalidTopologyEpoch = 131,
    StreamsTopologyFenced = 132,
    ShareSessionLimitReached = 133 retriable,
}

impl ErrorCode {
    /// Whether this is no error.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::None
    }
}

/// Prints as Kafka spells it: `NOT_LEADER_OR_FOLLOWER`.
impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Self::Other(code) = self {
            return write!(f, "ERROR_{code}");
        }
        for (index, letter) in self.name().char_indices() {
            if letter.is_ascii_uppercase() && index > 0 {
                f.write_str("_")?;
            }
            write!(f, "{}", letter.to_ascii_uppercase())?;
        }
        Ok(())
    }
}

impl Wire for ErrorCode {
    fn encode(&self, out: &mut impl Sink, cx: Context) {
        self.code().encode(out, cx);
    }

    fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError> {
        i16::decode(from, cx).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_as_kafka_spells_it() {
        for (error, name) in [
            (ErrorCode::None, "NONE"),
            (ErrorCode::NotLeaderOrFollower, "NOT_LEADER_OR_FOLLOWER"),
            (ErrorCode::InvalidTxnState, "INVALID_TXN_STATE"),
            (ErrorCode::UnknownServerError, "UNKNOWN_SERVER_ERROR"),
            (ErrorCode::Other(999), "ERROR_999"),
        ] {
            assert_eq!(error.to_string(), name);
        }
    }

    #[test]
    fn every_number_comes_back() {
        for code in i16::MIN..=i16::MAX {
            assert_eq!(ErrorCode::from(code).code(), code);
        }
    }

    #[test]
    fn the_table_ascends_without_gaps() {
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|error| error.code()).collect();
        let expected: Vec<_> = std::iter::once(-1).chain(1..=133).collect();
        assert_eq!(codes, expected);
    }
}
