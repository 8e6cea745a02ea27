//! What opening a log tells about its producers.

use protocol::{ProducerStateEntry, records::BatchHeader};

/// Rebuilds the state of producers while a log is opened: at most one snapshot, then the headers of
/// all batches since, in order.
pub trait Replay {
    /// The state up to some offset.
    fn snapshot(&mut self, entries: Vec<ProducerStateEntry>);
    /// A batch behind it. Control batches and batches without a producer are among them.
    fn batch(&mut self, header: &BatchHeader);
}

/// For those who don't care.
impl Replay for () {
    fn snapshot(&mut self, _: Vec<ProducerStateEntry>) {}
    fn batch(&mut self, _: &BatchHeader) {}
}
