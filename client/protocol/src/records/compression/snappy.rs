//! Snappy, in the two ways in which clients send it.
//!
//! Java's library puts blocks into frames of its own: a magic, two versions, then each block after
//! its length. librdkafka and others send one plain block. Both are read; frames are written, as
//! Java's consumers expect them and all others understand them.

use std::io;

use snap::raw::{Decoder, Encoder, decompress_len};

/// What a framed stream starts with; no plain block does, for its first bytes are a length.
const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// The version, and the oldest one that can read it.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// How much of the input goes into one block.
const BLOCK_SIZE: usize = 32 * 1024;

pub(super) fn compress(records: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::from(MAGIC);
    out.extend_from_slice(&VERSIONS);
    let mut encoder = Encoder::new();
    for chunk in records.chunks(BLOCK_SIZE) {
        let block = encoder.compress_vec(chunk).map_err(io::Error::other)?;
        let length = u32::try_from(block.len()).expect("a block is a little larger than its input");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&block);
    }
    Ok(out)
}

pub(super) fn decompress(compressed: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut records = Vec::new();
    let Some(framed) = compressed.strip_prefix(&MAGIC) else {
        return Ok(append_block(compressed, limit, &mut records)?.then_some(records));
    };
    let mut rest = framed.get(VERSIONS.len()..).ok_or(io::ErrorKind::UnexpectedEof)?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (block, after) = after.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
        if !append_block(block, limit, &mut records)? {
            return Ok(None);
        }
        rest = after;
    }
    Ok(Some(records))
}

/// Appends a decompressed block; false if that would exceed the limit.
fn append_block(block: &[u8], limit: usize, records: &mut Vec<u8>) -> io::Result<bool> {
    let start = records.len();
    let length = decompress_len(block).map_err(io::Error::other)?;
    if length > limit - start {
        return Ok(false);
    }
    records.resize(start + length, 0);
    let written =
        Decoder::new().decompress(block, &mut records[start..]).map_err(io::Error::other)?;
    records.truncate(start + written);
    Ok(true)
}
