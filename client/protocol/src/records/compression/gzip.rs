//! Gzip (RFC 1952), through flate2.

use std::io::{self, Write};

use flate2::{bufread::MultiGzDecoder, write::GzEncoder};

use super::read_bounded;

pub(super) fn compress(records: &[u8], level: Option<i32>) -> io::Result<Vec<u8>> {
    // Levels are 1 to 9; Kafka's -1 is zlib's own default.
    let level = match level.and_then(|level| u32::try_from(level).ok()) {
        Some(level) => flate2::Compression::new(level.min(9)),
        None => flate2::Compression::default(),
    };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(records)?;
    encoder.finish()
}

/// Several members in a row are one stream, as in Java.
pub(super) fn decompress(compressed: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    read_bounded(MultiGzDecoder::new(compressed), limit)
}
