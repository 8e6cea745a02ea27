//! What a reader was given stays, and comes without gaps.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use client::ConsumerRecord;
use protocol::TopicPartition;

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
    if let Some(surprise) = reads.surprises.first() {
        anyhow::bail!("a reader was given what wasn't next: {surprise:?}");
    }
    if let Some((partition, offset)) = reads.while_paused.first() {
        anyhow::bail!("a reader was given {offset} of {partition}, which was paused");
    }
    for read in &reads.records {
        let log = log_of(logs, &read.partition);
        let there = usize::try_from(read.offset.0).ok().and_then(|index| log.get(index));
        ensure!(
            there.is_some_and(|record| record == read),
            "a reader was given an offset {} of {} that is gone, or another record now",
            read.offset,
            read.partition
        );
    }
    for (time, partition, offset) in &reads.found_by_time {
        let before = log_of(logs, partition).iter().take_while(|record| record.offset < *offset);
        if let Some(passed_over) = before.into_iter().find(|record| record.timestamp >= *time) {
            anyhow::bail!(
                "looking for time {time:?} in {partition}, a reader was led to {offset}, and not \
                 to {}",
                passed_over.offset
            );
        }
    }
    Ok(())
}

/// Judges a reader that went straight from the beginning to the end: it has seen all there is.
///
/// # Errors
/// What is wrong.
pub fn are_everything(reads: &Reads, logs: &Logs) -> Result<()> {
    let mut seen: BTreeMap<&TopicPartition, Vec<&ConsumerRecord>> = BTreeMap::new();
    for record in &reads.records {
        seen.entry(&record.partition).or_default().push(record);
    }
    for (partition, log) in logs {
        let seen = seen.get(partition).map(Vec::as_slice).unwrap_or_default();
        ensure!(
            seen.iter().copied().eq(log),
            "a reader has seen {} records of {partition}, which has {}",
            seen.len(),
            log.len()
        );
    }
    Ok(())
}

fn log_of<'a>(logs: &'a Logs, partition: &TopicPartition) -> &'a [ConsumerRecord] {
    logs.get(partition).map(Vec::as_slice).unwrap_or_default()
}
