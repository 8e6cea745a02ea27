//! What a reader was given stays, and comes without gaps.

use anyhow::{Result, ensure};

use crate::workload::consume::{Logs, Reads};

/// Judges what a reader was given by what is there at the end. Only where nothing that was
/// acknowledged may be lost: there what isn't safe yet must not be given out.
///
/// # Errors
/// What is wrong.
pub fn check(reads: &Reads, logs: &Logs) -> Result<()> {
    if let Some(error) = reads.errors.first() {
        anyhow::bail!("a reader was told: {error}");
    }
    if let Some((partition, offset, next)) = reads.gaps.first() {
        anyhow::bail!("a reader of {partition} was given {offset} where {next} was next");
    }
    for read in &reads.records {
        let log = logs.get(&read.partition).map(Vec::as_slice).unwrap_or_default();
        let there = usize::try_from(read.offset.0).ok().and_then(|index| log.get(index));
        ensure!(
            there.is_some_and(|record| record.value == read.value),
            "a reader was given an offset {} of {} that is gone, or another record now",
            read.offset,
            read.partition
        );
    }
    Ok(())
}
