//! One record, borrowed from its batch or owned, and the iterator over those of a batch.
//!
//! ```text
//! record  length varint, attributes i8, timestamp delta varlong, offset delta varint,
//!         key (length varint, -1 = null; bytes), value (the same), headers (count varint)
//! header  key (length varint; bytes), value (length varint, -1 = null; bytes)
//! ```

use bytes::Bytes;

use crate::{
    Offset, Timestamp,
    records::{
        BatchError, BatchHeader,
        varint::{take_byte, take_bytes, take_varint, take_varlong},
    },
};

/// A header of a record: its key and its value, which may be null.
pub type RecordHeader = (String, Option<Bytes>);

/// A record as a client has it: with an offset and a timestamp of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: Offset,
    /// When it was created, or appended: as the batch's timestamp type has it.
    pub timestamp: Timestamp,
    /// What partitioning and compaction go by.
    pub key: Option<Bytes>,
    /// The content. Null in a compacted topic deletes what had the same key.
    pub value: Option<Bytes>,
    /// In the order in which they were written; a key may occur twice.
    pub headers: Vec<RecordHeader>,
}

impl Record {
    /// An owned record that shares the memory of the batch's records.
    pub(super) fn share(header: &BatchHeader, records: &Bytes, from: &RecordRef<'_>) -> Self {
        let share = |bytes: &[u8]| records.slice_ref(bytes);
        Self {
            offset: header.base_offset.plus(i64::from(from.offset_delta)),
            timestamp: header.timestamp(from.timestamp_delta),
            key: from.key.map(share),
            value: from.value.map(share),
            headers: from
                .headers()
                .map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), value.map(share)))
                .collect(),
        }
    }
}

/// A record as it stands in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Flags, of which Kafka has none so far.
    pub attributes: u8,
    /// From the batch's base timestamp, in milliseconds.
    pub timestamp_delta: i64,
    /// From the batch's base offset.
    pub offset_delta: i32,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value, if any.
    pub value: Option<&'a [u8]>,
    headers: HeaderRefs<'a>,
}

impl<'a> RecordRef<'a> {
    /// The headers in their order.
    #[must_use]
    pub fn headers(&self) -> HeaderRefs<'a> {
        self.headers
    }

    /// Takes a record off the front.
    #[inline]
    fn take(from: &mut &'a [u8]) -> Result<Self, BatchError> {
        let mut body = take_block(from)?.ok_or(BatchError::Record("its length is negative"))?;
        let record = Self {
            attributes: take_byte(&mut body)?,
            timestamp_delta: take_varlong(&mut body)?,
            offset_delta: take_varint(&mut body)?,
            key: take_block(&mut body)?,
            value: take_block(&mut body)?,
            headers: HeaderRefs::take(&mut body)?,
        };
        if !body.is_empty() {
            return Err(BatchError::Record("it is longer than its fields"));
        }
        Ok(record)
    }
}

/// Takes a length and as many bytes off the front; `None` for a null.
#[inline]
fn take_block<'a>(from: &mut &'a [u8]) -> Result<Option<&'a [u8]>, BatchError> {
    match take_varint(from)? {
        -1 => Ok(None),
        length => {
            let length =
                usize::try_from(length).map_err(|_| BatchError::Record("a length is negative"))?;
            take_bytes(from, length).map(Some)
        }
    }
}

/// The headers of a record: keys, which ought to be UTF-8 but are anybody's, and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRefs<'a> {
    left: i32,
    bytes: &'a [u8],
}

impl<'a> HeaderRefs<'a> {
    /// Takes headers off the front, having read each of them once.
    #[inline]
    fn take(from: &mut &'a [u8]) -> Result<Self, BatchError> {
        let count = take_varint(from)?;
        if count < 0 {
            return Err(BatchError::Record("the number of headers is negative"));
        }
        let start = *from;
        // A header takes at least two bytes, so that a hostile count ends with the bytes.
        for _ in 0..count {
            take_header(from)?;
        }
        Ok(Self { left: count, bytes: &start[..start.len() - from.len()] })
    }
}

fn take_header<'a>(from: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), BatchError> {
    let key = take_block(from)?.ok_or(BatchError::Record("a header has no key"))?;
    Ok((key, take_block(from)?))
}

impl<'a> Iterator for HeaderRefs<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1).filter(|left| *left >= 0)?;
        Some(take_header(&mut self.bytes).expect("read once before"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(0);
        (left, Some(left))
    }
}

/// Iterates over the records of one batch, given their bytes: without the header, decompressed.
///
/// Yields as many as the header says, or one error and then nothing more; bytes that are left over
/// after the last one are an error too. Allocates nothing.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: i32,
}

impl<'a> Records<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(records: &'a [u8], record_count: i32) -> Self {
        Self { rest: records, left: record_count.max(0) }
    }

    /// The bytes that weren't iterated over yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn fail(&mut self, error: BatchError) -> Option<Result<RecordRef<'a>, BatchError>> {
        *self = Self { rest: &[], left: 0 };
        Some(Err(error))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordRef<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            if self.rest.is_empty() {
                return None;
            }
            return self.fail(BatchError::Record("there are more bytes than records"));
        }
        self.left -= 1;
        match RecordRef::take(&mut self.rest) {
            Ok(record) => Some(Ok(record)),
            Err(error) => self.fail(error),
        }
    }
}
