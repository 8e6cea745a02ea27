//! Where things are in the controller's store: every key of it, in one place.
//!
//! ```text
//! format              what `ottla format` wrote: who this node is, and who votes first
//! raft/founders       whom this voter has promised to begin the quorum with
//! raft/vote           the last vote
//! raft/committed      how far the log was known to be committed
//! raft/purged         the last entry that isn't in the log any more
//! raft/snapshot       the image at one entry of the log
//! raft/log/<index>    the log; the index in eight bytes, big-endian, so that keys are in its order
//! ```

use std::ops::Range;

pub(crate) const FORMAT: &[u8] = b"format";
pub(crate) const FOUNDERS: &[u8] = b"raft/founders";
pub(crate) const VOTE: &[u8] = b"raft/vote";
pub(crate) const COMMITTED: &[u8] = b"raft/committed";
pub(crate) const PURGED: &[u8] = b"raft/purged";
pub(crate) const SNAPSHOT: &[u8] = b"raft/snapshot";

const LOG: &[u8] = b"raft/log/";
/// The byte after the slash that ends [`LOG`], so this is after every entry.
const LOG_END: &[u8] = b"raft/log0";

/// The key of an entry.
pub(crate) fn log(index: u64) -> Vec<u8> {
    [LOG, &index.to_be_bytes()].concat()
}

/// The index in the key of an entry.
pub(crate) fn log_index(key: &[u8]) -> u64 {
    let index = key.last_chunk().expect("the key of an entry ends in its index");
    u64::from_be_bytes(*index)
}

/// The keys of the entries from an index on, up to another one or to the end.
pub(crate) fn log_range(indexes: Range<u64>) -> Range<Vec<u8>> {
    log(indexes.start)..log(indexes.end)
}

/// The keys of all entries from an index on.
pub(crate) fn log_from(index: u64) -> Range<Vec<u8>> {
    log(index)..LOG_END.to_vec()
}

/// Borrows a range of keys, as the store's scan wants it.
pub(crate) fn borrowed(range: &Range<Vec<u8>>) -> Range<&[u8]> {
    &range.start..&range.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_in_the_order_of_their_indexes() {
        let indexes = [0, 1, 255, 256, 65_536, u64::MAX];
        let keys: Vec<_> = indexes.iter().map(|index| log(*index)).collect();
        assert!(keys.is_sorted());
        assert!(keys.iter().map(|key| log_index(key)).eq(indexes));
        let all = log_from(0);
        assert!(keys.iter().all(|key| all.contains(key)));
        let others = [FOUNDERS, VOTE, COMMITTED, PURGED, SNAPSHOT];
        assert!(others.iter().all(|key| !all.contains(&key.to_vec())));
    }
}
