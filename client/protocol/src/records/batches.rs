//! The batches that stand one after another in a buffer: a fetch response, a piece of a segment.

use crate::records::{BatchError, BatchHeader, HEADER_SIZE};

/// Iterates over concatenated batches: each one's header and all of its bytes.
///
/// A last batch that is cut short ends the iteration without an error: a broker may cut a fetch
/// response at any byte, and the rest comes with the next one. After an error there is nothing
/// more, for no one knows where the next batch starts. Checksums are not looked at.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// Starts at the first byte, which must be a batch's first.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What wasn't iterated over yet; at the end the beginning of a batch that was cut short.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < HEADER_SIZE {
            return None;
        }
        let header = match BatchHeader::parse(self.rest) {
            Ok(header) => header,
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        let (batch, rest) = self.rest.split_at_checked(header.size_in_bytes())?;
        self.rest = rest;
        Some(Ok((header, batch)))
    }
}
