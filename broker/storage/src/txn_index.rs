//! Kafka's `.txnindex`: the aborted transactions that ended in a segment.
//!
//! Without transactions a segment has none, and a missing file means the same as an empty one. Its
//! entries will be written here; what exists already is that the file belongs to its segment: it
//! is deleted with it, and cut with it.

/// The file name's extension.
pub(crate) const EXTENSION: &str = "txnindex";
