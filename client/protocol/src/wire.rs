//! How one value is written at one version: the trait that every field type implements.
//!
//! A message is a list of fields; what a field looks like depends on the version of the message and
//! on whether that version is flexible (KIP-482), and on nothing else. Both travel in a [`Context`].
//! There is no size function to keep in step with the encoder: a size is what the encoder writes
//! into a [`Sink`] that only counts.

use crate::{DecodeError, Reader, Sink, sink::Counter};

/// The version a value is encoded at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The API version, or the version of a stored record.
    pub version: i16,
    /// Whether lengths are compact and structs end in tagged fields (KIP-482).
    pub flexible: bool,
}

/// A value with a place on the wire.
///
/// `encode` and `decode` are each other's inverse at every version. The three methods on options
/// exist because a null is spelt differently by each kind of type: length -1 in a string, 0 in a
/// compact one, a leading byte of -1 before a struct.
pub trait Wire: Sized {
    /// Appends the value.
    fn encode(&self, out: &mut impl Sink, cx: Context);

    /// Reads the value.
    ///
    /// # Errors
    /// Any bytes that are no encoding of a value; the reader's position is then unspecified.
    fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError>;

    /// Appends a value that may be null. Types that can't be null on the wire write a byte first.
    fn encode_nullable(value: Option<&Self>, out: &mut impl Sink, cx: Context) {
        match value {
            None => out.put(&[0xff]),
            Some(value) => {
                out.put(&[1]);
                value.encode(out, cx);
            }
        }
    }

    /// Reads a value that may be null.
    ///
    /// # Errors
    /// As [`Wire::decode`].
    fn decode_nullable(from: &mut Reader, cx: Context) -> Result<Option<Self>, DecodeError> {
        match from.i8()? {
            n if n < 0 => Ok(None),
            _ => Self::decode(from, cx).map(Some),
        }
    }

    /// The encoded size, in bytes.
    fn size(&self, cx: Context) -> usize {
        let mut counter = Counter::default();
        self.encode(&mut counter, cx);
        counter.count()
    }
}
