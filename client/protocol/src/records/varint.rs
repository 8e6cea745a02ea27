//! The variable-length integers inside records: seven bits a byte, lowest first, signed numbers
//! folded so that small ones of either sign are short ("zigzag").

use crate::records::BatchError;

const TRUNCATED: BatchError = BatchError::Record("it ends too early");
const TOO_LONG: BatchError = BatchError::Record("a varint is too long");

/// Takes a number of 32 bits off the front.
#[inline]
pub(super) fn take_varint(from: &mut &[u8]) -> Result<i32, BatchError> {
    // Most numbers in records are small: one byte, or two.
    match **from {
        [byte @ ..0x80, ref rest @ ..] => {
            *from = rest;
            Ok(unfold(u32::from(byte)))
        }
        [low, high @ ..0x80, ref rest @ ..] => {
            *from = rest;
            Ok(unfold(u32::from(low & 0x7f) | u32::from(high) << 7))
        }
        _ => take_long_varint(from),
    }
}

fn take_long_varint(from: &mut &[u8]) -> Result<i32, BatchError> {
    let mut folded = 0_u32;
    for shift in (0..35).step_by(7) {
        let byte = take_byte(from)?;
        // Kafka drops the bits of a fifth byte that don't fit; so do we.
        folded |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(unfold(folded));
        }
    }
    Err(TOO_LONG)
}

fn unfold(folded: u32) -> i32 {
    (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()
}

/// Takes a number of 64 bits off the front.
#[inline]
pub(super) fn take_varlong(from: &mut &[u8]) -> Result<i64, BatchError> {
    if let [byte @ ..0x80, ref rest @ ..] = **from {
        *from = rest;
        return Ok(i64::from(unfold(u32::from(byte))));
    }
    take_long_varlong(from)
}

fn take_long_varlong(from: &mut &[u8]) -> Result<i64, BatchError> {
    let mut folded = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = take_byte(from)?;
        folded |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed());
        }
    }
    Err(TOO_LONG)
}

/// Takes one byte off the front.
#[inline]
pub(super) fn take_byte(from: &mut &[u8]) -> Result<u8, BatchError> {
    let (byte, rest) = from.split_first().ok_or(TRUNCATED)?;
    *from = rest;
    Ok(*byte)
}

/// Takes some bytes off the front.
#[inline]
pub(super) fn take_bytes<'a>(from: &mut &'a [u8], length: usize) -> Result<&'a [u8], BatchError> {
    let (bytes, rest) = from.split_at_checked(length).ok_or(TRUNCATED)?;
    *from = rest;
    Ok(bytes)
}

/// Appends a number of 32 bits; it's the same as one of 64.
pub(super) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_varlong(out, i64::from(value));
}

/// Appends a number of 64 bits.
pub(super) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut folded = fold(value);
    while folded > 0x7f {
        out.push(folded.to_le_bytes()[0] | 0x80);
        folded >>= 7;
    }
    out.push(folded.to_le_bytes()[0]);
}

/// How many bytes [`put_varlong`] appends.
pub(super) fn varlong_size(value: i64) -> usize {
    let bits = u64::BITS - fold(value).leading_zeros();
    (bits.max(1)).div_ceil(7) as usize
}

fn fold(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}
