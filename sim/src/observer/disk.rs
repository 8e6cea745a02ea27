//! What is really on a machine's disk: read there, and not asked of the node whose recovery is in
//! question.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use protocol::{
    Offset, TopicId,
    records::{Batches, validate},
};
use storage::disk::{Disk, Mode};

use super::log::{Log, Mark};

/// A machine's files.
pub trait LogFiles: Send + Sync {
    /// The files, by name, of the directory of that name (such as `orders-0`) in whichever log
    /// directory has it. `None` where none has.
    fn partition(&self, directory: &str) -> Option<BTreeMap<String, Vec<u8>>>;
}

/// The files of a disk.
pub struct DiskFiles {
    disk: Arc<dyn Disk>,
    log_dirs: Vec<PathBuf>,
}

impl DiskFiles {
    /// The files of that disk, in these log directories.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, log_dirs: Vec<PathBuf>) -> Self {
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
}

impl LogFiles for DiskFiles {
    fn partition(&self, directory: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        let mut paths = self.log_dirs.iter().map(|log_dir| log_dir.join(directory));
        let path = paths.find(|path| self.disk.exists(path).is_ok_and(|exists| exists))?;
        let entries = self.disk.list(&path).ok()?;
        let files = entries.into_iter().filter(|entry| !entry.is_dir);
        files.map(|file| Some((file.name.clone(), self.read(&path.join(&file.name))?))).collect()
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
}

impl Found {
    /// Reads a partition's directory.
    pub(crate) fn read(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let topic = files.get("partition.metadata").and_then(|text| {
            let text = std::str::from_utf8(text).ok()?;
            let id = text.lines().find_map(|line| line.strip_prefix("topic_id:"))?;
            id.trim().parse().ok()
        });
        Self { topic, log: read_segments(files) }
    }
}

/// All segments, which are named by their first offset, batch by batch.
fn read_segments(files: &BTreeMap<String, Vec<u8>>) -> Result<Log, String> {
    let mut log: Option<Log> = None;
    for (name, bytes) in files {
        let Some(base) = name.strip_suffix(".log") else { continue };
        let base = Offset(base.parse().map_err(|_| format!("a segment is named {name}"))?);
        let log = log.get_or_insert_with(|| Log::empty_at(base));
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
}
