//! Which leader epoch wrote which offsets, in memory and as Kafka's `leader-epoch-checkpoint`.
//!
//! ```text
//! 0                    version
//! 2                    number of lines that follow
//! 0 0                  epoch 0 starts at offset 0
//! 3 4711               epoch 3 starts at offset 4711
//! ```
//!
//! The batches in the log say the same, each in its header. The file need only be complete below
//! the recovery point: recovery reads the batches above it.

use std::{fmt::Write as _, path::Path, sync::Arc};

use protocol::{LeaderEpoch, Offset, bug};

use crate::{
    Error,
    offset_checkpoint::{checkpoint_lines, malformed},
};

/// The file's name, in the directory of the partition.
pub(crate) const FILE_NAME: &str = "leader-epoch-checkpoint";

/// Where an epoch starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// The offset of its first record.
    pub start_offset: Offset,
}

/// The epochs of one log; both epochs and offsets ascend strictly.
///
/// Cheap to clone: readers take a copy out of the partition's lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs {
    entries: Arc<Vec<EpochEntry>>,
}

impl LeaderEpochs {
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let mut entries: Vec<EpochEntry> = Vec::new();
        for line in checkpoint_lines(path, bytes)? {
            let mut numbers = line.split_whitespace().map(str::parse::<i64>);
            let (Some(Ok(epoch)), Some(Ok(start)), None) =
                (numbers.next(), numbers.next(), numbers.next())
            else {
                return Err(malformed(path, line));
            };
            let epoch = i32::try_from(epoch).map_err(|_| malformed(path, line))?;
            let entry = EpochEntry { epoch: LeaderEpoch(epoch), start_offset: Offset(start) };
            if entries.last().is_some_and(|last| {
                last.epoch >= entry.epoch || last.start_offset >= entry.start_offset
            }) {
                return Err(malformed(path, line));
            }
            entries.push(entry);
        }
        Ok(Self { entries: Arc::new(entries) })
    }

    pub(crate) fn format(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for EpochEntry { epoch, start_offset } in self.entries.iter() {
            writeln!(text, "{epoch} {start_offset}").expect("a string takes any text");
        }
        text
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EpochEntry> {
        self.entries.iter().copied()
    }

    pub(crate) fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    pub(crate) fn earliest(&self) -> Option<EpochEntry> {
        self.entries.first().copied()
    }

    /// The epoch that wrote the record at an offset.
    pub(crate) fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let count = self.entries.partition_point(|entry| entry.start_offset <= offset);
        count.checked_sub(1).map(|index| self.entries[index].epoch)
    }

    /// Notes that an epoch starts at an offset. Entries that contradict it are dropped: their
    /// records are no longer in the log, or never were.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        if epoch < LeaderEpoch(0) {
            return; // A batch that was never replicated has no epoch.
        }
        if let Some(latest) = self.latest()
            && latest.epoch == epoch
            && latest.start_offset <= start_offset
        {
            return;
        }
        let keep = self
            .entries
            .partition_point(|entry| entry.epoch < epoch && entry.start_offset < start_offset);
        let entries = Arc::make_mut(&mut self.entries);
        entries.truncate(keep);
        entries.push(EpochEntry { epoch, start_offset });
    }

    /// Where an epoch ends: the largest epoch up to the requested one, and the offset after its
    /// last record (KIP-101, KIP-279). `None` when the log can't tell.
    pub(crate) fn end_offset(
        &self,
        requested: LeaderEpoch,
        log_end_offset: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        let latest = self.latest()?;
        if requested == latest.epoch {
            return Some((requested, log_end_offset));
        }
        let higher = self.entries.partition_point(|entry| entry.epoch <= requested);
        let next = self.entries.get(higher)?;
        if requested < LeaderEpoch(0) {
            return None;
        }
        // An epoch older than the log: its records are gone, and what is there starts with `next`.
        let known = higher.checked_sub(1).filter(|_| !bug!(R6));
        let epoch = known.map_or(requested, |index| self.entries[index].epoch);
        Some((epoch, next.start_offset))
    }

    /// Drops the epochs that start at or after an offset: the log ends there now.
    pub(crate) fn truncate_from_end(&mut self, offset: Offset) {
        let keep = self.entries.partition_point(|entry| entry.start_offset < offset);
        if keep < self.entries.len() {
            Arc::make_mut(&mut self.entries).truncate(keep);
        }
    }

    /// Drops the epochs that end before an offset: the log starts there now.
    pub(crate) fn truncate_from_start(&mut self, offset: Offset) {
        let started = self.entries.partition_point(|entry| entry.start_offset <= offset);
        let Some(current) = started.checked_sub(1) else { return };
        if self.entries[current].start_offset < offset || current > 0 {
            let entries = Arc::make_mut(&mut self.entries);
            entries[current].start_offset = offset;
            entries.drain(..current);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries = Arc::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in entries {
            epochs.assign(LeaderEpoch(*epoch), Offset(*start));
        }
        epochs
    }

    #[test]
    fn the_text_is_kafkas() {
        let epochs = epochs(&[(0, 0), (3, 4711)]);
        assert_eq!(epochs.format(), "0\n2\n0 0\n3 4711\n");
        assert_eq!(LeaderEpochs::parse(Path::new("f"), b"0\n2\n0 0\n3 4711\n").unwrap(), epochs);
        assert!(LeaderEpochs::parse(Path::new("f"), b"0\n2\n3 0\n3 4711\n").is_err());
        assert!(LeaderEpochs::parse(Path::new("f"), b"0\n2\n0 0\n").is_err());
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_starts() {
        let epochs = epochs(&[(1, 10), (3, 20), (4, 30)]);
        let end =
            |epoch| epochs.end_offset(LeaderEpoch(epoch), Offset(35)).map(|(e, o)| (e.0, o.0));
        assert_eq!(end(-1), None);
        assert_eq!(end(0), Some((0, 10)), "older than the log");
        assert_eq!(end(1), Some((1, 20)));
        assert_eq!(end(2), Some((1, 20)), "an epoch without records ends with the one before");
        assert_eq!(end(3), Some((3, 30)));
        assert_eq!(end(4), Some((4, 35)), "the current one ends with the log");
        assert_eq!(end(5), None, "an epoch from the future");
    }

    #[test]
    fn a_new_epoch_drops_what_contradicts_it() {
        assert_eq!(epochs(&[(1, 10), (3, 20), (4, 20)]), epochs(&[(1, 10), (4, 20)]));
        assert_eq!(epochs(&[(1, 10), (3, 20), (2, 25)]), epochs(&[(1, 10), (2, 25)]));
        assert_eq!(epochs(&[(1, 10), (3, 20), (3, 25)]), epochs(&[(1, 10), (3, 20)]));
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut cut = epochs(&[(1, 10), (3, 20), (4, 30)]);
        cut.truncate_from_end(Offset(30));
        assert_eq!(cut, epochs(&[(1, 10), (3, 20)]));
        cut.truncate_from_start(Offset(25));
        assert_eq!(cut, epochs(&[(3, 25)]));
        cut.truncate_from_start(Offset(5));
        assert_eq!(cut, epochs(&[(3, 25)]));
        assert_eq!(cut.epoch_of(Offset(24)), None);
        assert_eq!(cut.epoch_of(Offset(25)), Some(LeaderEpoch(3)));
    }
}
