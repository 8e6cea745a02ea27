//! Reads untrusted bytes: every step is checked against what is left, and nothing here panics.

use bytes::Bytes;

/// Why bytes are no encoding of what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A length reaches past the end.
    #[error("{needed} bytes needed, {left} left")]
    Truncated {
        /// Bytes that the field claims.
        needed: usize,
        /// Bytes that there are.
        left: usize,
    },
    /// A length below zero that isn't a null.
    #[error("negative length {0}")]
    NegativeLength(i32),
    /// A null where this version has none.
    #[error("null in a field that has none at this version")]
    UnexpectedNull,
    /// A varint of more bytes, or more bits, than its type has.
    #[error("varint too long")]
    VarintTooLong,
    /// A string that isn't UTF-8.
    #[error("string is not UTF-8")]
    NotUtf8,
    /// An array whose elements take no bytes: a length would be all there is to it.
    #[error("array of {0} elements without bytes")]
    EmptyElements(usize),
    /// Tagged fields out of order, or twice the same.
    #[error("tag {0} is out of order")]
    TagOrder(u32),
    /// A message at a version that this build doesn't read.
    #[error("unsupported version {0}")]
    UnsupportedVersion(i16),
    /// A stored record of a type that this version doesn't know.
    #[error("unknown record type {0}")]
    UnknownType(u32),
    /// A stored record of a version that this version doesn't know.
    #[error("record type {record_type} has unknown version {version}")]
    UnknownVersion {
        /// The record's type.
        record_type: u32,
        /// Its version.
        version: i16,
    },
    /// Bytes after the end of a stored record.
    #[error("{0} bytes after the end")]
    TrailingBytes(usize),
    /// A value that no encoder writes, such as an unknown enumeration.
    #[error("invalid value: {0}")]
    Invalid(&'static str),
}

/// A position in shared bytes. Slices taken from it share the memory of the frame.
#[derive(Clone, Debug)]
pub struct Reader {
    bytes: Bytes,
    at: usize,
}

impl Reader {
    /// Starts at the first byte.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `length` bytes, borrowed.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn take(&mut self, length: usize) -> Result<&[u8], DecodeError> {
        let start = self.advance(length)?;
        Ok(&self.bytes[start..self.at])
    }

    /// The next `length` bytes, sharing the memory of the frame.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn share(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let start = self.advance(length)?;
        Ok(self.bytes.slice(start..self.at))
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// One signed byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    /// An unsigned varint of at most five bytes and 32 bits.
    ///
    /// # Errors
    /// [`DecodeError::VarintTooLong`], [`DecodeError::Truncated`].
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| DecodeError::VarintTooLong);
            }
        }
        Err(DecodeError::VarintTooLong)
    }

    fn advance(&mut self, length: usize) -> Result<usize, DecodeError> {
        if length > self.remaining() {
            return Err(DecodeError::Truncated { needed: length, left: self.remaining() });
        }
        let start = self.at;
        self.at += length;
        Ok(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sink;

    fn uvarint(bytes: &[u8]) -> Result<(u32, usize), DecodeError> {
        let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
        reader.uvarint().map(|value| (value, reader.remaining()))
    }

    #[test]
    fn a_varint_is_as_long_as_its_value_needs() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 1]),
            (1 << 28, &[0x80, 0x80, 0x80, 0x80, 1]),
            (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut written = Vec::new();
            written.put_uvarint(value);
            assert_eq!(written, bytes);
            assert_eq!(uvarint(bytes), Ok((value, 0)));
        }
    }

    #[test]
    fn a_varint_may_have_leading_zeros() {
        assert_eq!(uvarint(&[0x81, 0x80, 0x00, 7]), Ok((1, 1)));
    }

    #[test]
    fn a_varint_beyond_32_bits_or_five_bytes_is_refused() {
        assert_eq!(uvarint(&[0xff, 0xff, 0xff, 0xff, 0x10]), Err(DecodeError::VarintTooLong));
        assert_eq!(uvarint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]), Err(DecodeError::VarintTooLong));
    }

    #[test]
    fn a_varint_that_ends_early_is_refused() {
        for bytes in [&[][..], &[0x80], &[0xff, 0xff]] {
            assert_eq!(uvarint(bytes), Err(DecodeError::Truncated { needed: 1, left: 0 }));
        }
    }

    #[test]
    fn what_is_shared_is_not_copied() {
        let frame = Bytes::from(vec![1, 2, 3, 4]);
        let mut reader = Reader::new(frame.clone());
        reader.take(1).unwrap();
        let shared = reader.share(2).unwrap();
        assert_eq!(shared, [2, 3].as_slice());
        assert_eq!(shared.as_ptr(), frame[1..].as_ptr());
        assert_eq!(reader.share(2), Err(DecodeError::Truncated { needed: 2, left: 1 }));
        assert_eq!((reader.position(), reader.remaining()), (3, 1));
    }
}
