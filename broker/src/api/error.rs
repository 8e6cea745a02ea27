//! From a fault to the error that a client is told: in this file and nowhere else.

use protocol::ErrorCode;

/// What a client is told of a fault in the storage of a partition.
pub(crate) fn of_storage(fault: &storage::Error) -> ErrorCode {
    match fault {
        storage::Error::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        storage::Error::Corrupt { .. } => ErrorCode::CorruptMessage,
        // The client looks for another replica, and finds this one again once it's back.
        _ => ErrorCode::KafkaStorageError,
    }
}
