//! What can go wrong, and whether trying again may help.

use std::{fmt, io, ops::RangeInclusive, sync::Arc, time::Duration};

use protocol::{
    ApiKey, CorrelationId, DecodeError, ErrorCode, LeaderEpoch, Offset, TopicName, TopicPartition,
    records::BatchError,
};

use crate::{frame::FrameError, serialization::Part};

/// Why something was not done.
///
/// [`Error::is_retriable`] says whether the same may succeed later, and [`Error::leaves_in_doubt`]
/// whether it may have succeeded already. This library tries again by
/// itself for as long as the options of the cluster, the producer or the consumer say; so an error
/// that may pass has lasted that long when it's told. Cheap to clone: one broken connection fails
/// everything that waits on it.
///
/// ```
/// use client::{Error, protocol::ErrorCode};
///
/// /// What to do about a record that wasn't sent.
/// fn advice(error: &Error) -> &'static str {
///     match error {
///         Error::RecordTooLarge { .. } => "make it smaller",
///         _ if error.code() == Some(ErrorCode::TopicAuthorizationFailed) => "ask for the right",
///         _ if error.leaves_in_doubt() => "it may be there or not: look before you send it again",
///         _ if error.is_retriable() => "send it again later",
///         _ => "don't send it again",
///     }
/// }
///
/// let error = Error::RecordTooLarge { size: 2_000_000, max: 1_000_000 };
/// assert_eq!(advice(&error), "make it smaller");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection came about, so nothing was asked. The broker may be down or elsewhere; trying
    /// again may help.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// `host:port`.
        address: Arc<str>,
        /// What the network says.
        source: Arc<io::Error>,
    },

    /// The connection ended before the answer came. What was asked may have been done or not.
    /// Trying again may help, unless the broker broke the protocol.
    #[error("connection to {address} is closed: {reason}")]
    Disconnected {
        /// `host:port`.
        address: Arc<str>,
        /// Why it ended.
        reason: Disconnect,
    },

    /// The broker has no version of this API that this client speaks. Only another release of
    /// either helps.
    #[error("{address} serves no version of {api:?} within {}..={}", .ours.start(), .ours.end())]
    UnsupportedVersion {
        /// `host:port`.
        address: Arc<str>,
        /// The API.
        api: ApiKey,
        /// The versions that were wanted.
        ours: RangeInclusive<i16>,
    },

    /// The answer is no message. What was asked may have been done; asked again, the broker would
    /// answer the same.
    #[error("{address} answered {message} version {version} in bytes that are none: {source}")]
    Malformed {
        /// `host:port`.
        address: Arc<str>,
        /// What was expected.
        message: &'static str,
        /// At which version.
        version: i16,
        /// What is wrong with it.
        source: DecodeError,
    },

    /// The broker answered with an error. Whether it may pass is the code's to say.
    #[error("{subject}: {code}{}", Colon(.message.as_deref()))]
    Answer {
        /// What it was about: an API, a topic, a partition.
        subject: Arc<str>,
        /// Kafka's error.
        code: ErrorCode,
        /// What the broker says besides.
        message: Option<Arc<str>>,
    },

    /// A record wasn't acknowledged in time. It may have been appended or not, so whoever sends it
    /// again may have it twice.
    #[error("{partition}: not acknowledged within {after:?}{}", Colon(.last.as_deref()))]
    DeliveryTimedOut {
        /// Where it was to go.
        partition: TopicPartition,
        /// The delivery timeout.
        after: Duration,
        /// Why the last attempt failed, if there was one.
        last: Option<Box<Self>>,
    },

    /// A record is larger than the producer's options let a request be. It wasn't sent, and won't
    /// be.
    #[error("record of up to {size} bytes, at most {max} are sent at once")]
    RecordTooLarge {
        /// The most that it can take, in bytes.
        size: usize,
        /// What there is room for.
        max: usize,
    },

    /// A record found no room: what was sent before is not acknowledged fast enough. It wasn't sent;
    /// later there may be room.
    #[error("no room for another record within {after:?}")]
    BufferFull {
        /// How long it waited.
        after: Duration,
    },

    /// The broker sent records that are none: damaged ones, or of a format that this client doesn't
    /// know. They stay so; a consumer can only seek to what is behind them.
    #[error("{partition}: bad batch at or after offset {offset}: {source}")]
    Corrupt {
        /// Where they are.
        partition: TopicPartition,
        /// From where on they were asked for.
        offset: Offset,
        /// What is wrong with them.
        source: Arc<BatchError>,
    },

    /// The partition has no record at the position, and the reset policy is to say so. The consumer
    /// stays there until it's told to seek.
    #[error("{partition}: no offset {offset}")]
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        offset: Offset,
    },

    /// The partition has lost records that this consumer has read, by an unclean election for one,
    /// and the reset policy is to say so (KIP-320).
    #[error("{partition}: what was read before offset {offset} in epoch {leader_epoch} is lost")]
    LogTruncated {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        offset: Offset,
        /// The epoch of the leader that appended the last record before it.
        leader_epoch: LeaderEpoch,
        /// Where the log parts from what was read: the epoch there, and the first offset that isn't
        /// the same. None where the broker doesn't know.
        diverging: Option<(LeaderEpoch, Offset)>,
    },

    /// The partition isn't assigned to this consumer: a mistake of the caller's.
    #[error("{partition} is not assigned")]
    NotAssigned {
        /// The partition.
        partition: TopicPartition,
    },

    /// A codec couldn't make bytes of a key or a value, or couldn't read them. It won't another
    /// time: the data or the codec is not the topic's.
    #[error("topic {topic}: not a {part} of this codec: {source}")]
    Serialization {
        /// The record's topic.
        topic: TopicName,
        /// The key or the value.
        part: Part,
        /// What the codec says.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },

    /// The client was dropped first. What it was to do may have been done or not.
    #[error("the client was closed")]
    Closed,
}

/// Why a connection ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Disconnect {
    /// The broker closed it.
    #[error("closed by the broker")]
    ByPeer,
    /// A request wasn't answered in time. Answers come in order, so nothing behind it would be.
    #[error("{api:?} was not answered within {after:?}")]
    TimedOut {
        /// What was asked.
        api: ApiKey,
        /// The request's timeout.
        after: Duration,
    },
    /// The network failed.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// The broker sent no frame.
    #[error("{0}")]
    Frame(Arc<FrameError>),
    /// The broker sent a response without header.
    #[error("response without header: {0}")]
    Header(DecodeError),
    /// The broker answered what wasn't asked, or out of order.
    #[error("answer {received} where {expected:?} was next")]
    OutOfOrder {
        /// The request whose answer was due; none when there was no request.
        expected: Option<CorrelationId>,
        /// What came.
        received: CorrelationId,
    },
}

impl From<FrameError> for Disconnect {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => Self::from(error),
            other => Self::Frame(Arc::new(other)),
        }
    }
}

impl From<io::Error> for Disconnect {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl Error {
    /// Whether the same may succeed later, perhaps at another broker. It doesn't say that the first
    /// attempt has had no effect.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            // A peer that breaks the protocol will break it again.
            Self::Disconnected { reason, .. } => matches!(
                reason,
                Disconnect::ByPeer | Disconnect::TimedOut { .. } | Disconnect::Io(_)
            ),
            Self::Answer { code, .. } => code.is_retriable(),
            Self::BufferFull { .. } => true,
            Self::UnsupportedVersion { .. }
            | Self::Malformed { .. }
            | Self::DeliveryTimedOut { .. }
            | Self::RecordTooLarge { .. }
            | Self::Corrupt { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::LogTruncated { .. }
            | Self::NotAssigned { .. }
            | Self::Serialization { .. }
            | Self::Closed => false,
        }
    }

    /// Whether what was asked may have been done, or may yet be done, in spite of the error. Where it
    /// doesn't, it's certain that nothing was done.
    ///
    /// ```
    /// use client::Error;
    ///
    /// assert!(Error::Closed.leaves_in_doubt());
    /// assert!(!Error::RecordTooLarge { size: 2, max: 1 }.leaves_in_doubt());
    /// ```
    #[must_use]
    pub fn leaves_in_doubt(&self) -> bool {
        use ErrorCode::{
            KafkaStorageError, NetworkException, NotEnoughReplicasAfterAppend, NotLeaderOrFollower,
            Other, RequestTimedOut, UnknownServerError, UnknownTopicOrPartition,
        };
        match self {
            Self::Disconnected { .. }
            | Self::Malformed { .. }
            | Self::DeliveryTimedOut { .. }
            | Self::Closed => true,
            // A leader may be deposed, or its topic deleted, between doing and answering.
            Self::Answer { code, .. } => matches!(
                code,
                KafkaStorageError
                    | NetworkException
                    | NotEnoughReplicasAfterAppend
                    | NotLeaderOrFollower
                    | RequestTimedOut
                    | UnknownServerError
                    | UnknownTopicOrPartition
                    | Other(_)
            ),
            // Nothing was asked, or it was a question.
            _ => false,
        }
    }

    /// Kafka's error, where the broker gave one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Answer { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether what is known of a topic may have caused it.
    pub(crate) fn is_of_stale_metadata(&self) -> bool {
        use ErrorCode::{
            FencedLeaderEpoch, InconsistentTopicId, KafkaStorageError, LeaderNotAvailable,
            NotLeaderOrFollower, ReplicaNotAvailable, UnknownLeaderEpoch, UnknownTopicId,
            UnknownTopicOrPartition,
        };
        matches!(
            self.code(),
            Some(
                FencedLeaderEpoch
                    | InconsistentTopicId
                    | KafkaStorageError
                    | LeaderNotAvailable
                    | NotLeaderOrFollower
                    | ReplicaNotAvailable
                    | UnknownLeaderEpoch
                    | UnknownTopicId
                    | UnknownTopicOrPartition
            )
        )
    }

    /// Turns a code into a result: the error says what it was about.
    pub(crate) fn check(
        code: ErrorCode,
        subject: impl fmt::Display,
        message: Option<&str>,
    ) -> Result<(), Self> {
        if code.is_none() { Ok(()) } else { Err(Self::answer(code, subject, message)) }
    }

    /// A broker's error, and what it was about.
    pub(crate) fn answer(
        code: ErrorCode,
        subject: impl fmt::Display,
        message: Option<&str>,
    ) -> Self {
        Self::Answer { subject: subject.to_string().into(), code, message: message.map(Arc::from) }
    }
}

/// Prints what follows a colon, or nothing.
struct Colon<'a, T: ?Sized>(Option<&'a T>);

impl<T: fmt::Display + ?Sized> fmt::Display for Colon<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}
