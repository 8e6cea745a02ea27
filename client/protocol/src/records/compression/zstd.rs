//! Zstandard, through the zstd crate.

use std::io;

use ::zstd::stream::read::Decoder;

use super::read_bounded;

/// Kafka's `compression.zstd.level`.
const LEVEL_DEFAULT: i32 = 3;
/// The decoder reserves its window before it reads a byte, on the frame's word. Windows up to
/// 8 MiB, which the levels up to 19 need, are always granted, and never more than the library's
/// own limit of 128 MiB; in between the caller's limit decides.
const WINDOW_LOG: std::ops::RangeInclusive<u32> = 23..=27;

pub(super) fn compress(records: &[u8], level: Option<i32>) -> io::Result<Vec<u8>> {
    ::zstd::bulk::compress(records, level.unwrap_or(LEVEL_DEFAULT))
}

pub(super) fn decompress(compressed: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut decoder = Decoder::with_buffer(compressed)?;
    let limit_log = limit.checked_ilog2().map_or(0, |log| log + 1);
    decoder.window_log_max(limit_log.clamp(*WINDOW_LOG.start(), *WINDOW_LOG.end()))?;
    read_bounded(decoder, limit)
}
