//! A walk over the batches of a segment file, from header to header.

use std::sync::Arc;

use bytes::Bytes;
use protocol::records::{self, BatchError, BatchHeader, HEADER_SIZE};

use crate::{
    Error,
    segment_file::{SegmentFile, Touch},
};

/// Bytes read at once. Small batches share a read; of large ones only the start is wanted.
const READ_BYTES: usize = 64 * 1024;

/// One step of the walk.
#[derive(Debug)]
pub(crate) enum Step {
    /// A header, and where its batch starts. Only the header has been looked at.
    Batch(u64, BatchHeader),
    /// The end, exactly behind a batch.
    End,
    /// No batch starts here, or not a whole one.
    Broken(BatchError),
    /// Memory doesn't hold what comes next, and the disk may not be touched.
    Blocked,
}

/// The walk.
#[derive(Debug)]
pub(crate) struct Scan {
    file: Arc<SegmentFile>,
    touch: Touch,
    position: u64,
    limit: u64,
    read_bytes: usize,
    /// Its start holds what was read last; the rest is left from larger reads.
    buffer: Vec<u8>,
    buffered: usize,
    /// Where in the file the buffer starts.
    buffered_at: u64,
}

impl Scan {
    /// Starts at `position`, where a batch must start, and ends at `limit`.
    pub(crate) fn new(file: &Arc<SegmentFile>, position: u64, limit: u64) -> Self {
        Self {
            file: Arc::clone(file),
            touch: Touch::Disk,
            position,
            limit,
            read_bytes: READ_BYTES,
            buffer: Vec::new(),
            buffered: 0,
            buffered_at: 0,
        }
    }

    /// The same walk, by reads of another size and maybe of memory only.
    pub(crate) fn reading(self, touch: Touch, read_bytes: usize) -> Self {
        Self { touch, read_bytes, ..self }
    }

    /// Whether the walk reads memory only.
    pub(crate) fn touch(&self) -> Touch {
        self.touch
    }

    /// Where the next step looks.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn next(&mut self) -> Result<Step, Error> {
        let position = self.position;
        if position >= self.limit {
            return Ok(Step::End);
        }
        let Some(bytes) = self.read(position, HEADER_SIZE)? else { return Ok(Step::Blocked) };
        let header = match BatchHeader::parse(bytes) {
            Ok(header) => header,
            Err(error) => return Ok(Step::Broken(error)),
        };
        let needed = header.size_in_bytes();
        let end = position + needed as u64;
        if end > self.limit {
            return Ok(Step::Broken(BatchError::Truncated { needed, left: self.left(position) }));
        }
        self.position = end;
        Ok(Step::Batch(position, header))
    }

    /// The bytes of a batch that a step found, checked to be what was written. `None` when memory
    /// doesn't hold them.
    pub(crate) fn validated(
        &mut self,
        position: u64,
        header: &BatchHeader,
    ) -> Result<Option<Result<Bytes, BatchError>>, Error> {
        let Some(bytes) = self.bytes(position, header.size_in_bytes())? else { return Ok(None) };
        Ok(Some(records::validate(&bytes).map(|_| bytes)))
    }

    /// Checks a batch that a step found, without keeping its bytes.
    pub(crate) fn validate(
        &mut self,
        position: u64,
        header: &BatchHeader,
    ) -> Result<Result<(), BatchError>, Error> {
        let bytes = self.read(position, header.size_in_bytes())?;
        let bytes = bytes.expect("a walk that may touch the disk never blocks");
        Ok(records::validate(bytes).map(|_| ()))
    }

    /// Up to `len` bytes, to keep; fewer only at the end. Takes over the walk's buffer where that
    /// holds them. `None` when memory doesn't hold all of them.
    pub(crate) fn bytes(&mut self, position: u64, len: usize) -> Result<Option<Bytes>, Error> {
        let len = self.left(position).min(len);
        let Some(found) = self.read(position, len)?.map(<[u8]>::len) else { return Ok(None) };
        let start = usize::try_from(position - self.buffered_at).expect("it is in the buffer");
        self.buffered = 0;
        let buffer = Bytes::from(std::mem::take(&mut self.buffer));
        Ok(Some(buffer.slice(start..start + found)))
    }

    fn left(&self, position: u64) -> usize {
        usize::try_from(self.limit - position).unwrap_or(usize::MAX)
    }

    /// Up to `len` bytes; fewer only at the end.
    fn read(&mut self, position: u64, len: usize) -> Result<Option<&[u8]>, Error> {
        let len = self.left(position).min(len);
        let is_buffered = position >= self.buffered_at
            && position + len as u64 <= self.buffered_at + self.buffered as u64;
        if !is_buffered {
            let wanted = self.left(position).min(len.max(self.read_bytes));
            if self.buffer.len() < wanted {
                // A new one: nothing of the old one is wanted, and fresh memory is zero already.
                self.buffer = vec![0; wanted];
            }
            self.buffered_at = position;
            let read = self.file.read(self.touch, &mut self.buffer[..wanted], position);
            self.buffered = read.as_ref().map_or(0, |read| read.unwrap_or(0));
            read?;
            if self.touch == Touch::Memory && self.buffered < len {
                return Ok(None);
            }
        }
        let start = usize::try_from(position - self.buffered_at).expect("it is in the buffer");
        let end = (start + len).min(self.buffered);
        Ok(Some(&self.buffer[start..end]))
    }
}
