//! What must come about when nothing goes wrong any more, each within a limited time: the liveness
//! list. And, as all logs are looked at, that nobody has copied what was damaged (S5, museum S5).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use protocol::{
    BrokerId, TopicPartition,
    records::{Batches, validate},
};
use storage::disk::{Disk, Mode};
use tokio::time::{Instant, sleep};

use crate::{cast::Cast, invariant::Violation, machine::Machine, shape::LOG_DIR, world::World};

/// How long a cluster may take for all of it: to elect, to notice who is missing, to catch up.
const TIME_MAX: Duration = Duration::from_secs(90);

const GLANCE: Duration = Duration::from_millis(100);

/// Waits for the whole list, but for what clients are told, who know that themselves.
///
/// # Errors
/// A [`Violation`].
pub async fn until_settled(world: &World) -> Result<()> {
    let deadline = Instant::now() + TIME_MAX;
    while let Err(unsettled) = look(world) {
        if Instant::now() >= deadline {
            world.trace.note(format_args!("not settled: {unsettled}"));
            return if world.is_blind { Ok(()) } else { Err(unsettled.into()) };
        }
        sleep(GLANCE).await;
    }
    world.trace.note("settled");
    Ok(())
}

fn look(world: &World) -> Result<(), Violation> {
    a_controller_is_active(world)?;
    every_partition_has_a_leader(&world.cast)?;
    every_replica_is_in_sync(&world.cast)?;
    all_logs_are_equal(world)
}

fn a_controller_is_active(world: &World) -> Result<(), Violation> {
    let details = "no controller is active".to_owned();
    let violation = Violation { property: "V1", partition: None, details };
    world.cast.active_controller().map(drop).ok_or(violation)
}

fn every_partition_has_a_leader(cast: &Cast) -> Result<(), Violation> {
    for (at, partition) in partitions(cast) {
        if partition.leader.is_none() {
            let details = format!("no leader: {partition:?}");
            return Err(Violation { property: "V2", partition: Some(at), details });
        }
    }
    Ok(())
}

fn every_replica_is_in_sync(cast: &Cast) -> Result<(), Violation> {
    for (at, partition) in partitions(cast) {
        if partition.isr.len() != partition.replicas.len() {
            let details = format!("not all are in sync: {partition:?}");
            return Err(Violation { property: "V3", partition: Some(at), details });
        }
    }
    Ok(())
}

fn all_logs_are_equal(world: &World) -> Result<(), Violation> {
    for (at, partition) in partitions(&world.cast) {
        let read = |id: &BrokerId| (*id, read_log(world.machine(*id), &at));
        let logs: BTreeMap<BrokerId, Result<Vec<u8>>> =
            partition.replicas.iter().map(read).collect();
        let mut logs = logs.into_iter();
        let Some((first, expected)) = logs.next() else { continue };
        for (other, log) in logs {
            let is_equal = matches!((&expected, &log), (Ok(expected), Ok(log)) if expected == log);
            if !is_equal {
                let size = |log: &Result<Vec<u8>>| match log {
                    Ok(log) => format!("{} bytes", log.len()),
                    Err(error) => format!("{error:#}"),
                };
                let details = format!(
                    "node {first} has {}, node {other} {}, and they aren't equal",
                    size(&expected),
                    size(&log)
                );
                return Err(Violation { property: "V3", partition: Some(at), details });
            }
        }
        if let Some(details) = expected.ok().and_then(|log| damage(&log)) {
            return Err(Violation { property: "S5", partition: Some(at), details });
        }
    }
    Ok(())
}

/// What is wrong with a log that all replicas have. Only ever one of them was damaged, and that has a
/// new disk by now: somebody has copied it.
fn damage(log: &[u8]) -> Option<String> {
    Batches::new(log).find_map(|batch| match batch {
        Ok((header, batch)) => {
            let error = validate(batch).err()?;
            Some(format!("all have the damaged batch at offset {}: {error}", header.base_offset))
        }
        Err(error) => Some(format!("all have a damaged log: {error}")),
    })
}

fn partitions(cast: &Cast) -> Vec<(TopicPartition, metadata::Partition)> {
    let image = cast.image();
    let topics = image.topics().iter().flat_map(|topic| {
        topic.partitions().map(|(index, partition)| {
            let at = TopicPartition { topic: topic.name.clone(), partition: index };
            (at, partition.clone())
        })
    });
    topics.collect()
}

/// All segments of a replica, one behind the other.
fn read_log(machine: &Machine, of: &TopicPartition) -> Result<Vec<u8>> {
    let directory = Path::new(LOG_DIR).join(of.to_string());
    let files = machine.files();
    let entries = files.list(&directory).context("its directory")?;
    let segments = entries.into_iter().map(|entry| directory.join(entry.name));
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
    let mut log = Vec::new();
    for path in segments.filter(is_segment) {
        let file = files.open(&path, Mode::Read)?;
        let start = log.len();
        log.resize(start + usize::try_from(file.len()?)?, 0);
        let mut at = start;
        while at < log.len() {
            match file.read_at(&mut log[at..], u64::try_from(at - start)?)? {
                0 => break,
                count => at += count,
            }
        }
    }
    Ok(log)
}
