//! `ottla perf codecs`: what each codec makes of the user's own data. No broker takes part.

mod sample;
mod trial;

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use clap::Args;
use client::ProducerOptions;
use protocol::records::{BatchBuilder, Compression};
use serde::Serialize;

use self::{
    sample::{Cut, batches},
    trial::Trial,
};
use super::{
    files,
    report::{self, Report},
    turns::Stopping,
    watch::watch,
};
use crate::{
    blocking,
    cli::{
        Error, Process,
        output::{Output, Table},
    },
};

const EXAMPLES: &str = "\
Examples:
  The lines of a file as records, in batches as a producer sends them by default:
    ottla perf codecs events.json
  Records of 1000 bytes in large batches, for a program to read:
    ottla perf codecs data.bin --record-size 1000 --batch-size 1000000 -o json";

/// Every codec, at some of its levels. Unless told otherwise, a producer compresses with gzip at 6
/// and with zstd at 3, as Kafka's does (KIP-390).
const CODECS: [(Compression, &[Option<i32>]); 5] = [
    (Compression::None, &[None]),
    (Compression::Gzip, &[Some(1), Some(6), Some(9)]),
    (Compression::Snappy, &[None]),
    (Compression::Lz4, &[None]),
    (Compression::Zstd, &[Some(1), Some(3), Some(9), Some(19)]),
];

/// Compares the codecs on a file of yours: size and speed, on one processor.
///
/// The file is cut into records, the records into batches, and every batch is encoded and decoded
/// with its checksum, as producers and consumers do. MB are 1,000,000 bytes of batches before
/// compression. None of it needs a broker.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Codecs {
    /// The data; a record for each line unless --record-size is given.
    file: PathBuf,
    /// Cut the file into records of this size.
    #[arg(long, short = 's', value_name = "BYTES")]
    record_size: Option<NonZeroUsize>,
    /// A batch has at most this many bytes, before compression.
    #[arg(long, value_name = "BYTES", default_value_t = ProducerOptions::default().batch_bytes)]
    batch_size: usize,
    /// Take so much from the beginning of the file.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    sample: u64,
    #[command(flatten)]
    output: Output,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Comparison {
    file: String,
    records: u64,
    batches: usize,
    /// Of the batches, uncompressed.
    bytes: u64,
    codecs: Vec<Trial>,
    interrupted: bool,
}

impl Codecs {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let file = self.file.display().to_string();
        let sample = files::read(&self.file, self.sample)?;
        let cut = self.record_size.map_or(Cut::Lines, Cut::Every);
        let batches = batches(cut.records(&sample), self.batch_size);
        if batches.is_empty() {
            return Err(Error::Usage(format!("{file}: it's empty, there is nothing to compare")));
        }
        let mut comparison = Comparison {
            file,
            records: batches
                .iter()
                .map(|batch| u64::from(batch.record_count().unsigned_abs()))
                .sum(),
            batches: batches.len(),
            bytes: batches.iter().map(|batch| size(batch.size_in_bytes())).sum(),
            codecs: Vec::new(),
            interrupted: false,
        };
        let stopping = Stopping::default();
        let tried = Arc::new(AtomicUsize::new(0));
        let line = || format!("codec {} of {}", tried.load(Ordering::Relaxed) + 1, all().count());
        let trials = blocking::begin({
            let (stopping, tried) = (stopping.clone(), tried.clone());
            move || try_all(&batches, &tried, &stopping)
        });
        let trials = watch(&mut process, &stopping, line, trials).await;
        comparison.interrupted = stopping.is_asked_for();
        comparison.codecs = trials.map_or_else(Vec::new, |all| all.expect("no trial panics"));
        report::print(&comparison, &self.output, &mut *process.output)?;
        stopping.result()
    }
}

fn all() -> impl Iterator<Item = (Compression, Option<i32>)> {
    CODECS.into_iter().flat_map(|(codec, levels)| levels.iter().map(move |level| (codec, *level)))
}

fn try_all(batches: &[BatchBuilder], tried: &AtomicUsize, stopping: &Stopping) -> Vec<Trial> {
    let trial = |(codec, level)| {
        let trial = trial::run(codec, level, batches, stopping);
        tried.fetch_add(1, Ordering::Relaxed);
        trial
    };
    all().map_while(trial).collect()
}

impl Report for Comparison {
    fn tables(&self) -> Vec<Table> {
        let mut sample = Table::new(["FILE", "RECORDS", "BATCHES", "BYTES"]);
        let counts = [self.records, size(self.batches), self.bytes].map(|count| count.to_string());
        let [records, batches, bytes] = counts;
        sample.row([self.file.clone(), records, batches, bytes]);
        let headings = ["CODEC", "LEVEL", "BYTES", "RATIO", "COMPRESS MB/S", "DECOMPRESS MB/S"];
        let mut codecs = Table::new(headings);
        for trial in &self.codecs {
            codecs.row(trial.cells());
        }
        vec![sample, codecs]
    }
}

fn size(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
