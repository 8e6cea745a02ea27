//! What offset and time index have in common: ascending entries of one size in a file, of which the
//! newest are still in memory.
//!
//! An index can always be built again from its log, so it is written late (in blocks, and as a
//! whole when its segment is closed) and synced only with a closed segment.

use std::{fmt::Debug, io, marker::PhantomData, sync::Arc};

use protocol::{Offset, bug};

use crate::{
    Error,
    error::is_disk_full,
    segment_file::{SegmentFile, Touch},
};

/// Entries in memory before the older half is written. Recent lookups stay in memory.
const TAIL_ENTRIES_MAX: usize = 512;

/// An entry of an index.
pub(crate) trait IndexEntry: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// Bytes in the file.
    const SIZE: usize;

    /// Appends the entry's bytes; offsets are relative to the segment's base offset.
    fn encode(&self, base_offset: Offset, out: &mut Vec<u8>);

    /// Reads the bytes of one entry.
    fn decode(base_offset: Offset, bytes: &[u8]) -> Self;

    /// The offset in the entry.
    fn offset(&self) -> Offset;

    /// Whether the entry may stand behind another.
    fn follows(&self, before: &Self) -> bool;
}

/// The index of a segment.
#[derive(Debug)]
pub(crate) struct SparseIndex<E> {
    base_offset: Offset,
    file: Arc<SegmentFile>,
    /// Entries in the file; `None` where nobody has looked yet: all that are there.
    stored: Option<u64>,
    /// Whether some of them may not be durable.
    is_written: bool,
    tail: Vec<E>,
    last: Option<E>,
}

impl<E: IndexEntry> SparseIndex<E> {
    /// An index without entries. The file is created when there is something to write.
    pub(crate) fn empty(file: Arc<SegmentFile>, base_offset: Offset) -> Self {
        Self { stored: Some(0), ..Self::closed(file, base_offset) }
    }

    /// The index of a segment that will not change. Nothing is read yet.
    pub(crate) fn closed(file: Arc<SegmentFile>, base_offset: Offset) -> Self {
        Self { base_offset, file, stored: None, is_written: false, tail: Vec::new(), last: None }
    }

    /// Takes up an index whose last write was made durable.
    pub(crate) fn reopen(file: Arc<SegmentFile>, base_offset: Offset) -> Result<Self, Error> {
        let count = file.len()? / E::SIZE as u64;
        let mut index = Self { stored: Some(count), ..Self::closed(file, base_offset) };
        index.last = index.view().reader.last()?;
        Ok(index)
    }

    /// Takes up an index of which anything may be missing: its first entries that ascend and that
    /// `keep` agrees to. Lost sectors read as zeros, and zeros don't ascend.
    pub(crate) fn salvage(
        file: Arc<SegmentFile>,
        base_offset: Offset,
        keep: impl Fn(&E) -> bool,
    ) -> Result<Self, Error> {
        let mut index = Self::empty(file, base_offset);
        let len = usize::try_from(index.file.len()?).expect("an index fits in memory");
        let mut bytes = vec![0; len];
        index.file.read(Touch::Disk, &mut bytes, 0)?;
        for bytes in bytes.chunks_exact(E::SIZE) {
            let entry = E::decode(base_offset, bytes);
            let follows = index.last.is_none_or(|last| entry.follows(&last));
            if !follows || entry.offset() < base_offset || !keep(&entry) {
                break;
            }
            index.last = Some(entry);
            index.stored = index.stored.map(|count| count + 1);
        }
        let kept = index.stored.unwrap_or(0) * E::SIZE as u64;
        index.is_written = kept > 0;
        if kept < len as u64 {
            index.cut_file(kept)?;
        }
        Ok(index)
    }

    /// Cuts the file, durably. An old entry that came back after a power loss would pass for one
    /// that was lost.
    fn cut_file(&self, len: u64) -> Result<(), Error> {
        self.file.truncate(len)?;
        self.file.sync()
    }

    pub(crate) fn file(&self) -> &Arc<SegmentFile> {
        &self.file
    }

    /// The file, if it has to be synced once the index is written: an empty one need not be.
    pub(crate) fn written_file(&self) -> Option<&Arc<SegmentFile>> {
        self.is_written.then_some(&self.file)
    }

    /// Closes the file for now; the next reader opens it.
    pub(crate) fn forget_handle(&mut self, file: Arc<SegmentFile>) {
        self.file = file;
    }

    /// The last entry, where the index has been written or taken up by this process.
    pub(crate) fn last(&self) -> Option<E> {
        self.last
    }

    /// The size that the file has or will have, in bytes.
    pub(crate) fn size_in_bytes(&self) -> u64 {
        (self.stored.unwrap_or(0) + self.tail.len() as u64) * E::SIZE as u64
    }

    /// Appends an entry. Nothing is lost if it can't be written now: it stays in memory.
    pub(crate) fn append(&mut self, entry: E) -> Result<(), Error> {
        assert!(self.stored.is_some(), "a closed index is not appended to");
        let ascends = self.last.is_none_or(|last| entry.follows(&last));
        assert!(ascends || bug!(S3), "index entries ascend");
        self.tail.push(entry);
        self.last = Some(entry);
        if self.tail.len() < TAIL_ENTRIES_MAX {
            return Ok(());
        }
        match self.write_first(TAIL_ENTRIES_MAX / 2) {
            Err(Error::Io { source, .. }) if is_disk_full(&source) => Ok(()),
            result => result,
        }
    }

    /// Writes what is still in memory.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        if self.stored.is_some() {
            self.file.open()?;
            self.write_first(self.tail.len())?;
        }
        Ok(())
    }

    fn write_first(&mut self, count: usize) -> Result<(), Error> {
        let stored = self.stored.expect("only an open index has entries to write");
        let mut bytes = Vec::with_capacity(count * E::SIZE);
        for entry in &self.tail[..count] {
            entry.encode(self.base_offset, &mut bytes);
        }
        if !bytes.is_empty() {
            self.is_written = true;
            self.file.append(&bytes, stored * E::SIZE as u64)?;
        }
        self.tail.drain(..count);
        self.stored = Some(stored + count as u64);
        Ok(())
    }

    /// Drops the entries whose offset is at or after `offset`.
    pub(crate) fn truncate_to(&mut self, offset: Offset) -> Result<(), Error> {
        self.tail.truncate(self.tail.partition_point(|entry| entry.offset() < offset));
        let view = self.view();
        if self.tail.is_empty() {
            let count = view.reader.count_where(Touch::Disk, |entry| entry.offset() < offset)?;
            let count = count.expect("a read that may touch the disk never blocks");
            if self.stored != Some(count) {
                self.cut_file(count * E::SIZE as u64)?;
                self.stored = Some(count);
            }
        }
        self.last = match self.tail.last() {
            Some(last) => Some(*last),
            None => self.view().reader.last()?,
        };
        Ok(())
    }

    /// The last entry that `before` is true of, as far as memory can tell. `before` must be true of
    /// a first part of the entries and false of the rest.
    pub(crate) fn floor(&self, before: impl Fn(&E) -> bool) -> Floor<E> {
        match self.tail.partition_point(before).checked_sub(1) {
            Some(index) => Floor::Known(Some(self.tail[index])),
            None if self.stored == Some(0) => Floor::Known(None),
            None => Floor::InFile(self.reader()),
        }
    }

    /// A copy to look things up in, outside the partition's lock.
    pub(crate) fn view(&self) -> IndexView<E> {
        IndexView { reader: self.reader(), tail: self.tail.clone() }
    }

    fn reader(&self) -> IndexReader<E> {
        let file = Arc::clone(&self.file);
        IndexReader { base_offset: self.base_offset, file, stored: self.stored, entry: PhantomData }
    }
}

/// Where a lookup ended.
#[derive(Clone, Debug)]
pub(crate) enum Floor<E> {
    /// With an answer.
    Known(Option<E>),
    /// It has to go on in the file.
    InFile(IndexReader<E>),
}

impl<E: IndexEntry> Floor<E> {
    /// Goes on with the same lookup. `None` when memory doesn't hold it.
    pub(crate) fn resolve(
        &self,
        touch: Touch,
        before: impl Fn(&E) -> bool,
    ) -> Result<Option<Option<E>>, Error> {
        match self {
            Self::Known(entry) => Ok(Some(*entry)),
            Self::InFile(reader) => reader.floor(touch, before),
        }
    }
}

/// An index as it was at some moment.
#[derive(Clone, Debug)]
pub(crate) struct IndexView<E> {
    reader: IndexReader<E>,
    tail: Vec<E>,
}

impl<E: IndexEntry> IndexView<E> {
    /// The last entry that `before` is true of.
    pub(crate) fn floor(&self, before: impl Fn(&E) -> bool) -> Result<Option<E>, Error> {
        match self.tail.partition_point(&before).checked_sub(1) {
            Some(index) => Ok(Some(self.tail[index])),
            None => Ok(self.reader.floor(Touch::Disk, before)?.flatten()),
        }
    }

    /// The last entry.
    pub(crate) fn last(&self) -> Result<Option<E>, Error> {
        match self.tail.last() {
            Some(last) => Ok(Some(*last)),
            None => self.reader.last(),
        }
    }
}

/// Reads single entries from the file.
#[derive(Clone, Debug)]
pub(crate) struct IndexReader<E> {
    base_offset: Offset,
    file: Arc<SegmentFile>,
    stored: Option<u64>,
    entry: PhantomData<E>,
}

impl<E: IndexEntry> IndexReader<E> {
    fn count(&self) -> Result<u64, Error> {
        match self.stored {
            Some(count) => Ok(count),
            None => match self.file.len() {
                // Without its index a segment is read from its start.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(0),
                len => Ok(len? / E::SIZE as u64),
            },
        }
    }

    fn last(&self) -> Result<Option<E>, Error> {
        match self.count()?.checked_sub(1) {
            None => Ok(None),
            Some(index) => self.get(Touch::Disk, index),
        }
    }

    fn floor(&self, touch: Touch, before: impl Fn(&E) -> bool) -> Result<Option<Option<E>>, Error> {
        let Some(count) = self.count_where(touch, before)? else { return Ok(None) };
        match count.checked_sub(1) {
            None => Ok(Some(None)),
            Some(index) => Ok(self.get(touch, index)?.map(Some)),
        }
    }

    /// How many of the first entries `before` is true of.
    fn count_where(&self, touch: Touch, before: impl Fn(&E) -> bool) -> Result<Option<u64>, Error> {
        if self.stored.is_none() && touch == Touch::Memory {
            return Ok(None);
        }
        let (mut low, mut high) = (0, self.count()?);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(touch, middle)? {
                None if touch == Touch::Memory => return Ok(None),
                // The file ends early: it was cut since, and so will be what is read with it.
                None => high = middle,
                Some(entry) if before(&entry) => low = middle + 1,
                Some(_) => high = middle,
            }
        }
        Ok(Some(low))
    }

    fn get(&self, touch: Touch, index: u64) -> Result<Option<E>, Error> {
        let mut bytes = vec![0; E::SIZE];
        let read = self.file.read(touch, &mut bytes, index * E::SIZE as u64)?;
        Ok((read == Some(E::SIZE)).then(|| E::decode(self.base_offset, &bytes)))
    }
}
