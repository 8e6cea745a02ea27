//! Reading batches by offset.
//!
//! **A damaged byte is never served.** What comes from the disk is checked before it is returned:
//! every batch's checksum, and what no checksum covers by what stands beside it: a base offset by
//! the neighbouring batches, a leader epoch by the log's own list of epochs. The one exception is
//! what this process itself appended to the active segment and still finds in memory: those bytes
//! were checked before they were written.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use protocol::{
    LeaderEpoch, Offset, bug,
    records::{BatchHeader, HEADER_SIZE, validate},
};

use super::Log;
use crate::{
    Error,
    leader_epoch_checkpoint::LeaderEpochs,
    offset_index::OffsetEntry,
    scan::{Scan, Step},
    segment::{Segment, corrupt},
    segment_file::{SegmentFile, Touch},
    sparse_index::Floor,
};

/// Bytes that are read at once on the way from an index entry to the batch that is wanted. All
/// that a reader at the end of the log is short of is often among them; of a large batch that is
/// passed by, they're the most that is read in vain.
const APPROACH_BYTES: usize = 16 * 1024;

/// What becomes of a first batch that is larger than the bytes asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstBatch {
    /// It is returned all the same, so that a reader gets on (KIP-74).
    Whole,
    /// It is not returned.
    Limited,
}

/// Some of the log's batches: found under the partition's lock, read outside it.
#[derive(Clone, Debug)]
pub struct Slice {
    from: Offset,
    up_to: Offset,
    max_bytes: usize,
    first_batch: FirstBatch,
    /// The segment that the offset belongs to, and the next one that has any bytes: the first may
    /// end before the offset, where a log is compacted.
    parts: [Option<Part>; 2],
    epochs: LeaderEpochs,
    truncations: (Arc<AtomicU64>, u64),
}

/// What a slice needs to know of a segment.
#[derive(Clone, Debug)]
struct Part {
    base_offset: Offset,
    end_offset: Offset,
    log: Arc<SegmentFile>,
    size: u64,
    trusted_from: u64,
    floor: Floor<OffsetEntry>,
}

/// What reading a part came to.
enum Found {
    Batches(Bytes),
    /// Everything in it lies before the offset.
    Before,
    /// Memory doesn't hold it.
    Blocked,
}

impl Log {
    /// Finds the batches from the one that holds `from` on, as far as they end before `up_to` and
    /// fit in `max_bytes`. Looks at nothing but memory.
    ///
    /// # Errors
    /// [`Error::OffsetOutOfRange`]; `from` may be the log's end, where there is nothing to read.
    pub fn locate(
        &self,
        from: Offset,
        max_bytes: usize,
        up_to: Offset,
        first_batch: FirstBatch,
    ) -> Result<Slice, Error> {
        let (log_start_offset, log_end_offset) = (self.log_start_offset, self.log_end_offset);
        if !(log_start_offset..=log_end_offset).contains(&from) {
            return Err(Error::OffsetOutOfRange { offset: from, log_start_offset, log_end_offset });
        }
        let floor = self.segments.range(..=from).next_back().map(|(base_offset, _)| *base_offset);
        let mut segments =
            self.segments.range(floor.unwrap_or(from)..).map(|(_, s)| s).filter(|s| s.size > 0);
        let mut part = || segments.next().map(|segment| self.part(segment, from));
        Ok(Slice {
            from,
            up_to,
            max_bytes,
            first_batch,
            parts: if from < up_to { [part(), part()] } else { [None, None] },
            epochs: self.epochs.clone(),
            truncations: (Arc::clone(&self.truncations), self.truncations.load(Ordering::Acquire)),
        })
    }

    fn part(&self, segment: &Segment, from: Offset) -> Part {
        Part {
            base_offset: segment.base_offset,
            end_offset: self.end_of(segment.base_offset),
            log: Arc::clone(&segment.log),
            size: segment.size,
            trusted_from: segment.trusted_from,
            floor: segment.floor(from),
        }
    }
}

impl Slice {
    /// Reads the batches, from the disk where needed. Empty when there is none to return.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`] (`NotFound` when retention has deleted the segment since),
    /// [`Error::LogDirOffline`].
    pub fn read(&self) -> Result<Bytes, Error> {
        let found = self.fetch(Touch::Disk)?;
        Ok(found.expect("a read that may touch the disk never blocks"))
    }

    /// Reads the batches if they are in memory. `None` when the disk would have to be touched.
    ///
    /// # Errors
    /// As [`Slice::read`].
    pub fn read_hot(&self) -> Result<Option<Bytes>, Error> {
        self.fetch(Touch::Memory)
    }

    fn fetch(&self, touch: Touch) -> Result<Option<Bytes>, Error> {
        let mut result = Ok(Found::Before);
        for part in self.parts.iter().flatten() {
            result = self.fetch_part(part, touch);
            if !matches!(result, Ok(Found::Before)) {
                break;
            }
        }
        // A truncation since then may have put other bytes where these were. Whoever reads beyond
        // the high watermark finds out about its new leader; for now there is nothing.
        let (truncations, before) = &self.truncations;
        if truncations.load(Ordering::Acquire) != *before {
            return Ok(Some(Bytes::new()));
        }
        Ok(match result? {
            Found::Batches(bytes) => Some(bytes),
            Found::Before => Some(Bytes::new()),
            Found::Blocked => None,
        })
    }

    fn fetch_part(&self, part: &Part, touch: Touch) -> Result<Found, Error> {
        let Some(floor) = part.floor.resolve(touch, |entry| entry.offset <= self.from)? else {
            return Ok(Found::Blocked);
        };
        let start = floor.map_or(0, |entry| u64::from(entry.position));
        let scan = Scan::new(&part.log, start, part.size).reading(touch, APPROACH_BYTES);
        match self.first_from(part, scan, floor)? {
            Some(found) => Ok(found),
            // The index led astray. It can be built again; until then every batch is looked at.
            None => {
                let scan = Scan::new(&part.log, 0, part.size).reading(touch, APPROACH_BYTES);
                let found = self.first_from(part, scan, None)?;
                Ok(found.expect("a walk from the segment's start needs no index"))
            }
        }
    }

    /// Walks to the first batch that holds the offset or lies behind it, and reads from there on.
    /// `None` when the index entry that the walk started from is wrong.
    fn first_from(
        &self,
        part: &Part,
        mut scan: Scan,
        floor: Option<OffsetEntry>,
    ) -> Result<Option<Found>, Error> {
        let mut expected = floor;
        let mut before: Option<(u64, BatchHeader)> = None;
        loop {
            let position = scan.position();
            let step = scan.next()?;
            if let Some(entry) = expected.take()
                && !matches!(&step, Step::Blocked)
                && !bug!(S3)
                && !matches!(&step, Step::Batch(_, h) if h.last_offset() == entry.offset)
            {
                return Ok(None);
            }
            let next = match step {
                Step::Blocked => return Ok(Some(Found::Blocked)),
                Step::Broken(error) => return Err(corrupt(&part.log, position, &error)),
                Step::End => None,
                Step::Batch(_, header) => Some(header),
            };
            let behind = before.as_ref().map_or(part.base_offset, |(_, h)| h.next_offset());
            let at = next.as_ref().map_or(part.end_offset, |header| header.base_offset);
            if at < behind {
                return Err(corrupt(&part.log, position, &OVERLAP));
            }
            match next {
                Some(header) if header.last_offset() < self.from => {
                    before = Some((position, header));
                    continue;
                }
                // Offsets are missing before this batch: compacted away, or the batch before has
                // become shorter than it was.
                _ if at > behind.max(self.from) || (next.is_none() && at > behind) => {
                    if let Some((position, header)) = before {
                        match scan.validated(position, &header)? {
                            None => return Ok(Some(Found::Blocked)),
                            Some(Ok(_)) => {}
                            Some(Err(error)) => return Err(corrupt(&part.log, position, &error)),
                        }
                    }
                }
                _ => {}
            }
            return match next {
                None => Ok(Some(Found::Before)),
                Some(header) => self.take(part, scan, position, &header).map(Some),
            };
        }
    }

    /// Reads the batches from a position on.
    fn take(
        &self,
        part: &Part,
        mut scan: Scan,
        position: u64,
        first: &BatchHeader,
    ) -> Result<Found, Error> {
        let first_len = first.size_in_bytes();
        let max_bytes = match self.first_batch {
            FirstBatch::Whole => self.max_bytes.max(first_len),
            FirstBatch::Limited => self.max_bytes,
        };
        if first_len > max_bytes {
            return Ok(Found::Batches(Bytes::new()));
        }
        if first.next_offset() > self.up_to {
            // Readers' limits lie between batches: rarely is this more than damage.
            return self.check_hidden(part, scan, position, first);
        }
        // One header more: the neighbour of the last batch.
        let Some(bytes) = scan.bytes(position, max_bytes.saturating_add(HEADER_SIZE))? else {
            return Ok(Found::Blocked);
        };
        let trusted = scan.touch() == Touch::Memory && position >= part.trusted_from;
        let at_end = position + bytes.len() as u64 == part.size;
        let end_offset = at_end.then_some(part.end_offset);
        let len = self
            .whole_batches(&bytes, max_bytes, end_offset, trusted)
            .map_err(|(at, reason)| corrupt(&part.log, position + at as u64, &reason))?;
        Ok(Found::Batches(bytes.slice(..len)))
    }

    /// Checks a batch that starts before the reader's limit and ends behind it.
    fn check_hidden(
        &self,
        part: &Part,
        mut scan: Scan,
        position: u64,
        header: &BatchHeader,
    ) -> Result<Found, Error> {
        if header.next_offset() > part.end_offset {
            return Err(corrupt(&part.log, position, &OVERLAP));
        }
        match scan.validated(position, header)? {
            None => Ok(Found::Blocked),
            Some(Ok(_)) => Ok(Found::Batches(Bytes::new())),
            Some(Err(error)) => Err(corrupt(&part.log, position, &error)),
        }
    }

    /// How many of the bytes are batches to return. An error names the byte where it was found.
    ///
    /// `end_offset` is where the batches in `bytes` end, if they end with them.
    fn whole_batches(
        &self,
        bytes: &[u8],
        max_bytes: usize,
        end_offset: Option<Offset>,
        trusted: bool,
    ) -> Result<usize, (usize, String)> {
        let mut len = 0;
        let mut next_offset = None;
        loop {
            let rest = &bytes[len..];
            let Ok(header) = BatchHeader::parse(rest) else {
                // The end, or half a header. A batch that can't be read is the next reader's find,
                // unless it is the first.
                if next_offset > end_offset && end_offset.is_some() {
                    return Err((len, OVERLAP.into()));
                }
                return if len > 0 { Ok(len) } else { Err((0, "no batch starts here".into())) };
            };
            if next_offset.is_some_and(|next_offset| header.base_offset < next_offset) {
                return Err((len, OVERLAP.into()));
            }
            let size = header.size_in_bytes();
            if size > max_bytes - len || header.next_offset() > self.up_to {
                return Ok(len);
            }
            let Some(batch) = rest.get(..size) else {
                return Err((len, format!("a batch of {size} bytes, cut to {}", rest.len())));
            };
            if !trusted && !bug!(S5) {
                validate(batch).map_err(|error| (len, error.to_string()))?;
                self.check_epoch(&header).map_err(|reason| (len, reason))?;
            }
            len += size;
            next_offset = Some(header.next_offset());
        }
    }

    /// The leader epoch in a batch is not covered by its checksum.
    fn check_epoch(&self, header: &BatchHeader) -> Result<(), String> {
        let stored = header.partition_leader_epoch;
        match self.epochs.epoch_of(header.base_offset) {
            Some(epoch) if epoch != stored && stored != LeaderEpoch::default() => {
                Err(format!("leader epoch {stored} is stored, but {epoch} wrote the batch"))
            }
            _ => Ok(()),
        }
    }
}

const OVERLAP: &str = "a batch starts before the end of the one before";
