//! Whose acknowledgement a producer waits for.

use protocol::ErrorCode;

/// The `acks` of a produce request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: there is no response.
    None,
    /// The leader's.
    Leader,
    /// That of all in-sync replicas.
    All,
}

impl TryFrom<i16> for Acks {
    type Error = ErrorCode;

    fn try_from(acks: i16) -> Result<Self, ErrorCode> {
        match acks {
            0 => Ok(Self::None),
            1 => Ok(Self::Leader),
            -1 => Ok(Self::All),
            _ => Err(ErrorCode::InvalidRequiredAcks),
        }
    }
}
