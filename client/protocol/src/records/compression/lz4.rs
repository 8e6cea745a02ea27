//! LZ4 frames, through lz4_flex.

use std::io::{self, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::read_bounded;

/// Frames that Java's client reads: it knows independent blocks only, and writes ones of 64 KiB.
pub(super) fn compress(records: &[u8]) -> io::Result<Vec<u8>> {
    let frame = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(records)?;
    Ok(encoder.finish()?)
}

/// A frame's blocks have at most 8 MiB, which is all that the decoder reserves on its word.
pub(super) fn decompress(compressed: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    read_bounded(FrameDecoder::new(compressed), limit)
}
