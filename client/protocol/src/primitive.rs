//! The primitive types of the protocol, each with its place on the wire.
//!
//! Decoding is bounded: an array's length is believed only as far as bytes are left for its
//! elements, memory is reserved at first for no more than [`RESERVE_FACTOR`] times those bytes, and
//! more of it only as elements prove themselves.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Context, DecodeError, Reader, Sink, Wire};

/// An array reserves at most this many bytes of memory for each byte that is left to decode: enough
/// for what honest clients send. From there it grows by a quarter whenever it's full, so that it
/// and its predecessor take little more than twice its elements.
const RESERVE_FACTOR: usize = 4;

/// Decoding any bytes as any message of this crate never allocates more than this many times their
/// length (and a constant for the frame's reference count). The worst are empty strings, a byte
/// each on the wire, in an array that moves to a larger place, within an array that claims more
/// elements than it has.
pub const DECODED_BYTES_PER_BYTE_MAX: usize = 2 * size_of::<String>() + RESERVE_FACTOR;

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            fn encode(&self, out: &mut impl Sink, _: Context) {
                out.put(&self.to_be_bytes());
            }

            fn decode(from: &mut Reader, _: Context) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(from.array()?))
            }
        }
    )*};
}

integers!(i8, i16, u16, i32, u32, i64, u64, f64);

impl Wire for bool {
    fn encode(&self, out: &mut impl Sink, _: Context) {
        out.put(&[u8::from(*self)]);
    }

    fn decode(from: &mut Reader, _: Context) -> Result<Self, DecodeError> {
        Ok(from.i8()? != 0)
    }
}

/// How a length is written before a value of that kind.
#[derive(Clone, Copy)]
enum Length {
    /// Sixteen bits, -1 for null; a varint of the length plus one where flexible.
    Short,
    /// Thirty-two bits, -1 for null; a varint of the length plus one where flexible.
    Long,
}

impl Length {
    fn encode(self, length: Option<usize>, out: &mut impl Sink, cx: Context) {
        if cx.flexible {
            let plus_one = length.map_or(0, |length| length + 1);
            return out.put_uvarint(u32::try_from(plus_one).expect("a message is below 2 GiB"));
        }
        match self {
            Self::Short => {
                let length = length.map_or(-1, |length| {
                    i16::try_from(length).expect("a classic string is cut at 32 KiB")
                });
                out.put(&length.to_be_bytes());
            }
            Self::Long => {
                let length = length
                    .map_or(-1, |length| i32::try_from(length).expect("a message is below 2 GiB"));
                out.put(&length.to_be_bytes());
            }
        }
    }

    fn decode(self, from: &mut Reader, cx: Context) -> Result<Option<usize>, DecodeError> {
        if cx.flexible {
            return Ok(from.uvarint()?.checked_sub(1).map(|length| length as usize));
        }
        let length = match self {
            Self::Short => i32::from(i16::from_be_bytes(from.array()?)),
            Self::Long => i32::from_be_bytes(from.array()?),
        };
        match length {
            -1 => Ok(None),
            length => {
                usize::try_from(length).map(Some).map_err(|_| DecodeError::NegativeLength(length))
            }
        }
    }
}

/// A value whose null is a length: the plain forms follow from the nullable ones.
macro_rules! plain_from_nullable {
    () => {
        fn encode(&self, out: &mut impl Sink, cx: Context) {
            Self::encode_nullable(Some(self), out, cx);
        }

        fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError> {
            Self::decode_nullable(from, cx)?.ok_or(DecodeError::UnexpectedNull)
        }
    };
}

/// Appends text. A classic string ends at 32 KiB at the latest: what is longer (an error's message
/// that quotes a request) is cut there.
fn put_text(text: Option<&str>, out: &mut impl Sink, cx: Context) {
    let text = text.map(|text| {
        let mut end = text.len();
        if !cx.flexible {
            end = end.min(i16::MAX.unsigned_abs().into());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
        }
        &text[..end]
    });
    Length::Short.encode(text.map(str::len), out, cx);
    out.put(text.unwrap_or_default().as_bytes());
}

fn take_text(from: &mut Reader, cx: Context) -> Result<Option<&str>, DecodeError> {
    let Some(length) = Length::Short.decode(from, cx)? else { return Ok(None) };
    std::str::from_utf8(from.take(length)?).map(Some).map_err(|_| DecodeError::NotUtf8)
}

impl Wire for String {
    plain_from_nullable!();

    fn encode_nullable(value: Option<&Self>, out: &mut impl Sink, cx: Context) {
        put_text(value.map(Self::as_str), out, cx);
    }

    fn decode_nullable(from: &mut Reader, cx: Context) -> Result<Option<Self>, DecodeError> {
        Ok(take_text(from, cx)?.map(Self::from))
    }
}

impl Wire for Arc<str> {
    plain_from_nullable!();

    fn encode_nullable(value: Option<&Self>, out: &mut impl Sink, cx: Context) {
        put_text(value.map(|text| &**text), out, cx);
    }

    fn decode_nullable(from: &mut Reader, cx: Context) -> Result<Option<Self>, DecodeError> {
        Ok(take_text(from, cx)?.map(Self::from))
    }
}

/// Bytes share the memory of the frame they were decoded from, and are encoded without a copy.
impl Wire for Bytes {
    plain_from_nullable!();

    fn encode_nullable(value: Option<&Self>, out: &mut impl Sink, cx: Context) {
        Length::Long.encode(value.map(Self::len), out, cx);
        if let Some(value) = value {
            out.put_shared(value);
        }
    }

    fn decode_nullable(from: &mut Reader, cx: Context) -> Result<Option<Self>, DecodeError> {
        Length::Long.decode(from, cx)?.map(|length| from.share(length)).transpose()
    }
}

impl<T: Wire> Wire for Vec<T> {
    plain_from_nullable!();

    fn encode_nullable(value: Option<&Self>, out: &mut impl Sink, cx: Context) {
        Length::Long.encode(value.map(Self::len), out, cx);
        for element in value.into_iter().flatten() {
            element.encode(out, cx);
        }
    }

    fn decode_nullable(from: &mut Reader, cx: Context) -> Result<Option<Self>, DecodeError> {
        let Some(length) = Length::Long.decode(from, cx)? else { return Ok(None) };
        // Every element takes at least one byte, so a length beyond that is a lie.
        if length > from.remaining() {
            return Err(DecodeError::Truncated { needed: length, left: from.remaining() });
        }
        let affordable = from.remaining() * RESERVE_FACTOR / size_of::<T>().max(1);
        let mut elements = Self::with_capacity(length.min(affordable));
        for _ in 0..length {
            let start = from.position();
            let element = T::decode(from, cx)?;
            if elements.len() == elements.capacity() {
                let left = length - elements.len();
                elements.reserve_exact(left.min(elements.len() / 4 + 4));
            }
            elements.push(element);
            if from.position() == start {
                return Err(DecodeError::EmptyElements(length));
            }
        }
        Ok(Some(elements))
    }
}

/// An option is null where its version allows one; the notation checks that it does.
impl<T: Wire> Wire for Option<T> {
    fn encode(&self, out: &mut impl Sink, cx: Context) {
        T::encode_nullable(self.as_ref(), out, cx);
    }

    fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError> {
        T::decode_nullable(from, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: Context = Context { version: 0, flexible: false };
    const FLEXIBLE: Context = Context { version: 0, flexible: true };

    fn decode<T: Wire>(bytes: &[u8], cx: Context) -> Result<T, DecodeError> {
        T::decode(&mut Reader::new(Bytes::copy_from_slice(bytes)), cx)
    }

    #[test]
    fn a_null_is_not_an_empty_value() {
        assert_eq!(decode(&[0xff, 0xff], CLASSIC), Ok(None::<String>));
        assert_eq!(decode(&[0, 0], CLASSIC), Ok(Some(String::new())));
        assert_eq!(decode(&[0], FLEXIBLE), Ok(None::<Vec<i32>>));
        assert_eq!(decode(&[1], FLEXIBLE), Ok(Some(Vec::<i32>::new())));
        assert_eq!(decode::<String>(&[0xff, 0xff], CLASSIC), Err(DecodeError::UnexpectedNull));
        assert_eq!(decode::<Bytes>(&[0], FLEXIBLE), Err(DecodeError::UnexpectedNull));
    }

    #[test]
    fn a_negative_length_is_refused() {
        let minus_two = (-2_i32).to_be_bytes();
        assert_eq!(decode::<Bytes>(&minus_two, CLASSIC), Err(DecodeError::NegativeLength(-2)));
        assert_eq!(decode::<Vec<i8>>(&minus_two, CLASSIC), Err(DecodeError::NegativeLength(-2)));
        assert_eq!(decode::<String>(&[0xff, 0xfe], CLASSIC), Err(DecodeError::NegativeLength(-2)));
    }

    #[test]
    fn a_string_that_is_not_utf8_is_refused() {
        assert_eq!(decode::<String>(&[0, 1, 0xff], CLASSIC), Err(DecodeError::NotUtf8));
        assert_eq!(decode::<Arc<str>>(&[2, 0xc3], FLEXIBLE), Err(DecodeError::NotUtf8));
    }

    #[test]
    fn a_classic_string_is_cut_at_32_kib_between_characters() {
        let long = format!("x{}", "ß".repeat(20_000));
        let mut written = Vec::new();
        long.encode(&mut written, CLASSIC);
        assert_eq!(decode::<String>(&written, CLASSIC).unwrap(), long[..32_767]);
        let longer = format!("xx{}", "ß".repeat(20_000));
        written.clear();
        longer.encode(&mut written, CLASSIC);
        assert_eq!(decode::<String>(&written, CLASSIC).unwrap(), longer[..32_766]);
        written.clear();
        longer.encode(&mut written, FLEXIBLE);
        assert_eq!(decode::<String>(&written, FLEXIBLE).unwrap(), longer);
    }

    #[test]
    fn any_byte_but_zero_is_true() {
        assert_eq!(
            [0, 1, 2, 0xff].map(|byte| decode(&[byte], CLASSIC)),
            [false, true, true, true].map(Ok)
        );
    }

    #[test]
    fn an_array_of_nothing_is_refused() {
        crate::wire_struct! { Empty {} }
        assert_eq!(
            decode::<Vec<Empty>>(&[0, 0, 0, 2, 9, 9], CLASSIC),
            Err(DecodeError::EmptyElements(2))
        );
    }
}
