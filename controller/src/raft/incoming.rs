//! A snapshot on its way from the leader: its parts, until the last is there.

use bytes::{Bytes, BytesMut};
use protocol::ErrorCode;

use super::{
    message::snapshot::RaftSnapshotRequest,
    stored::{Ballot, SnapshotDescription},
};

/// A snapshot beyond this is refused: it fits no memory that a controller is given.
const SNAPSHOT_BYTES_MAX: usize = 1 << 30;

/// At most one snapshot, unfinished. A new one replaces it.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    ballot: Ballot,
    description: SnapshotDescription,
    bytes: BytesMut,
}

impl Incoming {
    /// Takes a part. Returns the bytes of the whole when it was the last.
    ///
    /// # Errors
    /// A part that doesn't follow the one before, or too many bytes; the sender starts again.
    pub(crate) fn take(&mut self, part: &RaftSnapshotRequest) -> Result<Option<Bytes>, ErrorCode> {
        if part.position == 0 {
            self.parts = Some(Parts {
                ballot: part.ballot,
                description: part.description.clone(),
                bytes: BytesMut::new(),
            });
        }
        let parts = self.parts.as_mut().filter(|parts| {
            parts.ballot == part.ballot
                && parts.description == part.description
                && parts.bytes.len() as u64 == part.position
                && parts.bytes.len() + part.bytes.len() <= SNAPSHOT_BYTES_MAX
        });
        let Some(parts) = parts else {
            self.parts = None;
            return Err(ErrorCode::PositionOutOfRange);
        };
        parts.bytes.extend_from_slice(&part.bytes);
        if !part.last {
            return Ok(None);
        }
        Ok(self.parts.take().map(|parts| parts.bytes.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(position: u64, bytes: &'static str, last: bool) -> RaftSnapshotRequest {
        let bytes = Bytes::from_static(bytes.as_bytes());
        RaftSnapshotRequest { position, bytes, last, ..Default::default() }
    }

    #[test]
    fn parts_in_order_make_a_whole() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.take(&part(0, "ab", false)), Ok(None));
        assert_eq!(incoming.take(&part(2, "c", false)), Ok(None));
        assert_eq!(incoming.take(&part(3, "d", true)), Ok(Some(Bytes::from_static(b"abcd"))));
        assert!(incoming.take(&part(4, "e", true)).is_err());
    }

    #[test]
    fn a_part_that_repeats_or_skips_is_refused() {
        for position in [1, 4] {
            let mut incoming = Incoming::default();
            incoming.take(&part(0, "ab", false)).unwrap();
            assert_eq!(
                incoming.take(&part(position, "x", false)),
                Err(ErrorCode::PositionOutOfRange)
            );
        }
    }

    #[test]
    fn a_part_of_another_leaders_snapshot_is_refused() {
        let mut incoming = Incoming::default();
        incoming.take(&part(0, "ab", false)).unwrap();
        let mut other = part(2, "c", true);
        other.ballot.term = 9;
        assert!(incoming.take(&other).is_err());
    }

    #[test]
    fn a_first_part_starts_again() {
        let mut incoming = Incoming::default();
        incoming.take(&part(0, "ab", false)).unwrap();
        assert_eq!(incoming.take(&part(0, "x", true)), Ok(Some(Bytes::from_static(b"x"))));
    }
}
