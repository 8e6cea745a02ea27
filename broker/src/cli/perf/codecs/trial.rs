//! One codec at one level, over all batches.

use std::time::Duration;

use protocol::records::{Batch, BatchBuilder, BatchOptions, Compression};
use serde::Serialize;

use crate::cli::perf::{
    cpu::thread_time,
    report::{float, rounded},
    turns::Stopping,
};

/// All batches are gone through again until a trial has taken this long: a small file's would be
/// over before the processor is warm.
const TRIAL_TIME_MIN: Duration = Duration::from_millis(500);

/// What became of the batches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Trial {
    codec: &'static str,
    /// None where the codec has but one.
    level: Option<i32>,
    /// Of the compressed batches.
    bytes: u64,
    /// How many times smaller they are.
    ratio: f64,
    compress_mb_per_second: f64,
    decompress_mb_per_second: f64,
}

impl Trial {
    /// From what was measured; the times are those of so many rounds.
    pub(super) fn new(
        (codec, level): (Compression, Option<i32>),
        (raw_bytes, bytes): (u64, u64),
        rounds: u64,
        (compressing, decompressing): (Duration, Duration),
    ) -> Self {
        let megabytes = float(raw_bytes) * float(rounds) / 1e6;
        // The clock may be too coarse for a batch of a few bytes.
        let per_second = |time: Duration| megabytes / time.as_secs_f64().max(1e-9);
        Self {
            codec: codec.name(),
            level,
            bytes,
            ratio: rounded(float(raw_bytes) / float(bytes), 3),
            compress_mb_per_second: rounded(per_second(compressing), 1),
            decompress_mb_per_second: rounded(per_second(decompressing), 1),
        }
    }

    /// Under CODEC, LEVEL, BYTES, RATIO and the speeds.
    pub(super) fn cells(&self) -> [String; 6] {
        [
            self.codec.to_owned(),
            self.level.map_or_else(|| "-".to_owned(), |level| level.to_string()),
            self.bytes.to_string(),
            format!("{:.2}", self.ratio),
            format!("{:.0}", self.compress_mb_per_second),
            format!("{:.0}", self.decompress_mb_per_second),
        ]
    }
}

/// Encodes and decodes all batches, several times if need be. None if it was stopped before all of
/// them had their turn.
pub(super) fn run(
    codec: Compression,
    level: Option<i32>,
    batches: &[BatchBuilder],
    stopping: &Stopping,
) -> Option<Trial> {
    let options =
        BatchOptions { compression: codec, compression_level: level, ..BatchOptions::default() };
    let (mut compressing, mut decompressing) = (Duration::ZERO, Duration::ZERO);
    let (mut raw_bytes, mut bytes, mut rounds) = (0, 0, 0);
    while rounds == 0 || compressing + decompressing < TRIAL_TIME_MIN {
        (raw_bytes, bytes) = (0, 0);
        for batch in batches {
            if stopping.is_asked_for() {
                return None;
            }
            let (builder, size) = (batch.clone(), batch.size_in_bytes());
            let start = thread_time();
            let encoded = builder.finish(&options);
            let encoded_at = thread_time();
            let decoded = Batch::decode(&encoded, size);
            decompressing += thread_time() - encoded_at;
            compressing += encoded_at - start;
            let decoded = decoded.expect("what was encoded can be decoded");
            assert_eq!(
                decoded.header().record_count,
                batch.record_count(),
                "all records are there"
            );
            raw_bytes += super::size(size);
            bytes += super::size(encoded.len());
        }
        rounds += 1;
    }
    Some(Trial::new((codec, level), (raw_bytes, bytes), rounds, (compressing, decompressing)))
}
