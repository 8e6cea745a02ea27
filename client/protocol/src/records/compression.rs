//! The codecs of record batches, one file each.
//!
//! Decompression never yields more than it is allowed to, however small its input: it stops there
//! with [`BatchError::TooLarge`].

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::io::{self, Read};

use crate::records::BatchError;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Snappy, plain or in the frames of Java's library.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

impl Compression {
    /// All of them, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Its number in a batch's attributes.
    #[must_use]
    pub fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec of a number in a batch's attributes.
    #[must_use]
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// Its name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of a name in configurations.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Compresses the bytes of records. The level is the codec's own scale (KIP-390) and `None` is
/// Kafka's default; Snappy and LZ4 have but one here.
#[must_use]
pub fn compress(compression: Compression, level: Option<i32>, records: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => Ok(records.to_vec()),
        Compression::Gzip => gzip::compress(records, level),
        Compression::Snappy => snappy::compress(records),
        Compression::Lz4 => lz4::compress(records),
        Compression::Zstd => zstd::compress(records, level),
    }
    .expect("a write to memory succeeds")
}

/// Decompresses the bytes of records to at most `limit` bytes.
///
/// # Errors
/// [`BatchError::Decompression`], [`BatchError::TooLarge`].
pub fn decompress(
    compression: Compression,
    compressed: &[u8],
    limit: usize,
) -> Result<Vec<u8>, BatchError> {
    let read = match compression {
        Compression::None => read_bounded(compressed, limit),
        Compression::Gzip => gzip::decompress(compressed, limit),
        Compression::Snappy => snappy::decompress(compressed, limit),
        Compression::Lz4 => lz4::decompress(compressed, limit),
        Compression::Zstd => zstd::decompress(compressed, limit),
    };
    match read {
        Ok(Some(records)) => Ok(records),
        Ok(None) => Err(BatchError::TooLarge { limit }),
        Err(error) => Err(BatchError::Decompression { compression, reason: error.to_string() }),
    }
}

/// Reads to the end, growing as bytes come; `None` if there are more than `limit`.
fn read_bounded(source: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut records = Vec::new();
    let read = source.take(limit.saturating_add(1)).read_to_end(&mut records)?;
    Ok((u64::try_from(read).unwrap_or(u64::MAX) <= limit).then_some(records))
}
