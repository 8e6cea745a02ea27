//! Acknowledged records are there, once and in order; others were at least sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use client::{ConsumerRecord, ProducerRecord};
use protocol::{Offset, TopicPartition};

use super::Promise;
use crate::workload::{
    consume::Logs,
    produce::{Acknowledged, RecordId, Sends, Sent},
};

/// Judges what is in the partitions by what was sent to them.
///
/// # Errors
/// What is wrong.
pub fn check(sends: &Sends, logs: &Logs, promise: &Promise) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (partition, log) in logs {
        offsets_are_dense(log).with_context(|| partition.to_string())?;
        everything_was_sent(sends, partition, log).with_context(|| partition.to_string())?;
        idempotent_records_are_there_once_and_in_order(sends, log, &mut seen)
            .with_context(|| partition.to_string())?;
    }
    match promise {
        Promise::Kept => acknowledged_records_are_there(sends, logs, |_| true),
        Promise::KeptWhilePowered(clean_stops) => {
            let is_durable = |acknowledged: &Acknowledged| {
                let life = acknowledged.power_losses;
                let stopped = life.and_then(|power_losses| clean_stops.get(&power_losses));
                stopped.is_some_and(|stopped| acknowledged.at <= *stopped)
            };
            acknowledged_records_are_there(sends, logs, is_durable)?;
            a_power_loss_takes_a_suffix(sends, logs)
        }
    }
}

fn offsets_are_dense(log: &[ConsumerRecord]) -> Result<()> {
    for (expected, record) in (0..).zip(log) {
        ensure!(record.offset == Offset(expected), "{} where {expected} is next", record.offset);
    }
    Ok(())
}

fn everything_was_sent(
    sends: &Sends,
    partition: &TopicPartition,
    log: &[ConsumerRecord],
) -> Result<()> {
    for record in log {
        let sent = id_of(record).and_then(|id| sends.get(&id));
        ensure!(
            sent.is_some_and(|sent| is_what_was_sent(sent, partition, record)),
            "nobody sent what is at offset {}: {record:?}",
            record.offset
        );
    }
    Ok(())
}

/// A record is there as it was sent, where it belongs.
fn is_what_was_sent(sent: &Sent, partition: &TopicPartition, there: &ConsumerRecord) -> bool {
    let told = sent.acknowledged.as_ref();
    let belongs_here = sent.partition.as_ref().is_none_or(|belongs| belongs == partition);
    let was_told_another_time = told.is_some_and(|told| told.timestamp != there.timestamp);
    let same = |record: &ProducerRecord| {
        (&record.key, &record.value, &record.headers) == (&there.key, &there.value, &there.headers)
    };
    belongs_here && !was_told_another_time && same(&sent.record)
}

/// Each once in all partitions, and those of a partition in the order in which they were sent.
fn idempotent_records_are_there_once_and_in_order(
    sends: &Sends,
    log: &[ConsumerRecord],
    seen: &mut BTreeSet<RecordId>,
) -> Result<()> {
    let mut last: BTreeMap<u32, RecordId> = BTreeMap::new();
    for record in log {
        let Some(id) = id_of(record) else { continue };
        if !sends[&id].writer.is_idempotent {
            continue;
        }
        ensure!(seen.insert(id), "{id} is there twice, again at offset {}", record.offset);
        if let Some(before) = last.insert(id.writer, id) {
            ensure!(before < id, "{id} at offset {} comes after {before}", record.offset);
        }
    }
    Ok(())
}

/// Each is where the node said it is; where the node didn't say, it is anywhere.
fn acknowledged_records_are_there(
    sends: &Sends,
    logs: &Logs,
    is_promised: impl Fn(&Acknowledged) -> bool,
) -> Result<()> {
    let present = all_ids(logs);
    for (id, sent) in sends {
        let acknowledged = sent.acknowledged.as_ref().filter(|promise| is_promised(promise));
        let Some(acknowledged) = acknowledged else { continue };
        let partition = &acknowledged.partition;
        match acknowledged.offset {
            Some(offset) => {
                let found = at(logs, partition, offset);
                ensure!(
                    found == Some(*id),
                    "{id} was acknowledged at offset {offset} of {partition}, where {} is",
                    found.map_or_else(|| "nothing".to_owned(), |found| found.to_string())
                );
            }
            // acks=0 promises nothing.
            None if sent.writer.acks == client::Acks::None => {}
            None => ensure!(present.contains(id), "{id} was acknowledged, and isn't there"),
        }
    }
    Ok(())
}

/// Of what was acknowledged between two power losses the first records are there, up to some
/// offset, and those after it are not.
fn a_power_loss_takes_a_suffix(sends: &Sends, logs: &Logs) -> Result<()> {
    let mut lives: BTreeMap<(&TopicPartition, u32), BTreeMap<Offset, RecordId>> = BTreeMap::new();
    for (id, sent) in sends {
        if let Some(Acknowledged {
            partition,
            offset: Some(offset),
            power_losses: Some(power_losses),
            ..
        }) = &sent.acknowledged
        {
            lives.entry((partition, *power_losses)).or_default().insert(*offset, *id);
        }
    }
    for ((partition, _), acknowledged) in lives {
        let mut lost = None;
        for (offset, id) in acknowledged {
            if at(logs, partition, offset) != Some(id) {
                lost = lost.or(Some((offset, id)));
            } else if let Some((lost_offset, lost)) = lost {
                anyhow::bail!(
                    "{partition}: a power loss took {lost} at {lost_offset}, and left {id} behind \
                     it at {offset}"
                );
            }
        }
    }
    Ok(())
}

fn at(logs: &Logs, partition: &TopicPartition, offset: Offset) -> Option<RecordId> {
    id_of(logs.get(partition)?.get(usize::try_from(offset.0).ok()?)?)
}

fn all_ids(logs: &Logs) -> BTreeSet<RecordId> {
    logs.values().flatten().filter_map(id_of).collect()
}

fn id_of(record: &ConsumerRecord) -> Option<RecordId> {
    RecordId::of(record.value.as_deref()?)
}

/// Whoever had time enough was told that everything is there: retries succeed in the end (V5). A
/// broker that takes one for something else leaves its sender without a way on (museum T3). Only where nothing that was
/// acknowledged may be lost: otherwise what a producer relied on may be gone.
///
/// # Errors
/// A record that its writer gave up.
pub fn patient_writers_gave_up_nothing(sends: &Sends, longest_outage: Duration) -> Result<()> {
    for (id, sent) in sends.iter().filter(|(_, sent)| sent.writer.patience > longest_outage) {
        ensure!(sent.acknowledged.is_some(), "{id} was given up");
    }
    Ok(())
}
