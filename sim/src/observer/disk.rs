//! What is really on a machine's disk: read there, and not asked of the node whose recovery is in
//! question.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use protocol::{
    Offset, TopicId,
    records::{BatchHeader, Batches, validate},
};
use simdisk::SimDisk;
use storage::disk::{Disk, Mode};

use super::log::{Log, Mark};

/// A machine's files.
pub trait LogFiles: Send + Sync {
    /// The files, by name, of the directory of that name (such as `orders-0`) in whichever log
    /// directory has it. `None` where none has.
    fn partition(&self, directory: &str) -> Option<BTreeMap<String, Vec<u8>>>;

    /// What would be left of them if the power failed now: of the segments from the one on that an
    /// offset is in.
    fn on_device(&self, directory: &str, from: Offset) -> Option<BTreeMap<String, Vec<u8>>>;
}

/// The files of a disk.
pub struct DiskFiles {
    disk: SimDisk,
    log_dirs: Vec<PathBuf>,
}

impl DiskFiles {
    /// The files of that disk, in these log directories.
    #[must_use]
    pub fn new(disk: SimDisk, log_dirs: Vec<PathBuf>) -> Self {
        Self { disk, log_dirs }
    }

    fn read(&self, path: &std::path::Path) -> Option<Vec<u8>> {
        let file = self.disk.open(path, Mode::Read).ok()?;
        let mut bytes = vec![0; usize::try_from(file.len().ok()?).ok()?];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], filled as u64).ok()? {
                0 => return None,
                count => filled += count,
            }
        }
        Some(bytes)
    }

    fn find(&self, directory: &str) -> Option<PathBuf> {
        let mut paths = self.log_dirs.iter().map(|log_dir| log_dir.join(directory));
        paths.find(|path| self.disk.exists(path).is_ok_and(|exists| exists))
    }
}

impl LogFiles for DiskFiles {
    fn partition(&self, directory: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        let path = self.find(directory)?;
        let entries = self.disk.list(&path).ok()?;
        let files = entries.into_iter().filter(|entry| !entry.is_dir);
        files.map(|file| Some((file.name.clone(), self.read(&path.join(&file.name))?))).collect()
    }

    fn on_device(&self, directory: &str, from: Offset) -> Option<BTreeMap<String, Vec<u8>>> {
        let path = self.find(directory)?;
        let names: Vec<String> =
            self.disk.list(&path).ok()?.into_iter().map(|entry| entry.name).collect();
        let starts = names.iter().filter_map(|name| start_of(name, LOG));
        let first = starts.filter(|start| *start <= from).max().unwrap_or(from);
        let wanted = names.into_iter().filter(|name| {
            let start = start_of(name, LOG).or_else(|| start_of(name, INDEX));
            start.map_or(name == METADATA, |start| start >= first)
        });
        let read = |name: String| {
            let bytes = self.disk.durable(&path.join(&name))?;
            Some((name, bytes))
        };
        Some(wanted.filter_map(read).collect())
    }
}

impl fmt::Debug for DiskFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskFiles").field("log_dirs", &self.log_dirs).finish_non_exhaustive()
    }
}

/// What was found of a replica.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Whose it is, as it says itself.
    pub(crate) topic: Option<TopicId>,
    /// What is in it, or why nobody can tell.
    pub(crate) log: Result<Log, String>,
    /// An entry of an index that leads astray, where anybody looked.
    pub(crate) misleading: Option<String>,
}

impl Found {
    /// What somebody found who looked at no index.
    pub(crate) fn of(topic: Option<TopicId>, log: Result<Log, String>) -> Self {
        Self { topic, log, misleading: None }
    }

    /// Reads a partition's directory.
    pub(crate) fn read(files: &BTreeMap<String, Vec<u8>>) -> Self {
        Self::of(topic_of(files), read_segments(files, None))
    }

    /// Reads the part of a partition's directory that is said to be synced up to an offset, and the
    /// indexes of the segments that are closed.
    pub(crate) fn read_synced(files: &BTreeMap<String, Vec<u8>>, synced_end: Offset) -> Self {
        let log = read_segments(files, Some(synced_end));
        Self { misleading: misleading(files), ..Self::of(topic_of(files), log) }
    }
}

const LOG: &str = ".log";
const INDEX: &str = ".index";
const METADATA: &str = "partition.metadata";

/// The offset that a file of a segment is named by.
fn start_of(name: &str, extension: &str) -> Option<Offset> {
    name.strip_suffix(extension)?.parse().ok().map(Offset)
}

fn topic_of(files: &BTreeMap<String, Vec<u8>>) -> Option<TopicId> {
    let text = std::str::from_utf8(files.get(METADATA)?).ok()?;
    let id = text.lines().find_map(|line| line.strip_prefix("topic_id:"))?;
    id.trim().parse().ok()
}

/// An entry of a closed segment's index that names no batch: each says where the batch is that ends
/// with an offset.
fn misleading(files: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let mut segments: Vec<(Offset, &Vec<u8>)> =
        files.iter().filter_map(|(name, bytes)| Some((start_of(name, LOG)?, bytes))).collect();
    segments.pop();
    for (start, log) in segments {
        let name = format!("{:020}{INDEX}", start.0);
        for entry in files.get(&name).into_iter().flat_map(|index| index.chunks_exact(8)) {
            let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
            let (last, position) = (start.0 + i64::from(number(&entry[..4])), number(&entry[4..]));
            let rest = usize::try_from(position).ok().and_then(|position| log.get(position..));
            let batch = rest.and_then(|rest| BatchHeader::parse(rest).ok());
            if batch.is_none_or(|batch| batch.last_offset() != Offset(last)) {
                return Some(format!("{name} says that offset {last} is at {position}"));
            }
        }
    }
    None
}

/// All segments, which are named by their first offset, batch by batch, or as many as it takes to
/// reach an offset: whatever is behind may be anything.
fn read_segments(files: &BTreeMap<String, Vec<u8>>, up_to: Option<Offset>) -> Result<Log, String> {
    let mut log: Option<Log> = None;
    for (name, bytes) in files {
        let Some(base) = name.strip_suffix(".log") else { continue };
        let base = Offset(base.parse().map_err(|_| format!("a segment is named {name}"))?);
        let log = log.get_or_insert_with(|| Log::empty_at(base));
        if up_to.is_some_and(|up_to| log.end() >= up_to) {
            break;
        }
        if base != log.end() {
            return Err(format!("segment {name} follows on offset {}", log.end()));
        }
        let mut batches = Batches::new(bytes);
        for batch in batches.by_ref() {
            let (header, batch) = batch.map_err(|error| format!("in {name}: {error}"))?;
            validate(batch).map_err(|error| {
                format!("in {name}, the batch at offset {}: {error}", header.base_offset)
            })?;
            if header.base_offset < log.end() {
                return Err(format!(
                    "in {name}, a batch at offset {} follows on {}",
                    header.base_offset,
                    log.end()
                ));
            }
            log.append(Mark::from(&header));
            if up_to.is_some_and(|up_to| log.end() >= up_to) {
                return Ok(std::mem::take(log));
            }
        }
        if !batches.rest().is_empty() {
            return Err(format!("{name} ends with {} torn bytes", batches.rest().len()));
        }
    }
    Ok(log.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::{
        Timestamp,
        records::{BatchBuilder, BatchOptions},
    };

    use super::*;

    fn batch(base: i64, records: usize) -> Bytes {
        let mut builder = BatchBuilder::new();
        for _ in 0..records {
            builder.append(Timestamp(1), None, Some(b"v"), &[]);
        }
        builder.finish(&BatchOptions { base_offset: Offset(base), ..BatchOptions::default() })
    }

    fn files(files: &[(&str, Vec<u8>)]) -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect()
    }

    const FIRST: &str = "00000000000000000000.log";
    const SECOND: &str = "00000000000000000005.log";

    #[test]
    fn segments_are_read_one_after_another() {
        let first = [batch(0, 2), batch(2, 3)].concat();
        let found = Found::read(&files(&[(FIRST, first), (SECOND, batch(5, 1).to_vec())]));
        let log = found.log.unwrap();
        assert_eq!((log.start(), log.end(), log.marks().count()), (Offset(0), Offset(6), 3));
    }

    #[test]
    fn what_is_torn_or_damaged_or_missing_is_told() {
        let whole = [batch(0, 2), batch(2, 3)].concat();
        let torn = whole[..whole.len() - 1].to_vec();
        let mut damaged = whole;
        *damaged.last_mut().unwrap() ^= 1;
        for bytes in [torn, damaged] {
            assert!(Found::read(&files(&[(FIRST, bytes)])).log.is_err());
        }
        let gap = files(&[(FIRST, batch(0, 2).to_vec()), (SECOND, batch(5, 1).to_vec())]);
        assert!(Found::read(&gap).log.is_err());
    }

    #[test]
    fn what_is_behind_the_part_that_is_synced_does_not_matter() {
        let torn = [batch(0, 2), batch(2, 3), batch(5, 1).slice(..30)].concat();
        let found = Found::read_synced(&files(&[(FIRST, torn)]), Offset(5));
        assert_eq!(found.log.unwrap().end(), Offset(5));
    }

    #[test]
    fn an_index_of_a_closed_segment_names_its_batches() {
        let first = [batch(0, 2), batch(2, 3)].concat();
        let position = u32::try_from(batch(0, 2).len()).unwrap();
        for (offset, leads_astray) in [(4_u32, false), (5, true)] {
            let index = [offset.to_be_bytes(), position.to_be_bytes()].concat();
            let index_file = "00000000000000000000.index";
            let segments = [(FIRST, first.clone()), (SECOND, batch(5, 1).to_vec())];
            let [first, second] = segments;
            let found =
                Found::read_synced(&files(&[first, (index_file, index), second]), Offset(6));
            assert_eq!(found.misleading.is_some(), leads_astray, "{offset}");
        }
    }
}
