//! The device damages a bit of a log, and nobody is told.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use madsim::rand::{Rng, thread_rng};
use storage::disk::Disk;
use tokio::time::sleep;

use super::{a_while, wipe};
use crate::{machine::Machine, shape::LOG_DIR};

/// Damages a bit of some log, or what is written next, which is on its way to followers in the same
/// moment. What is damaged stays damaged, so that an operator replaces the disk in the end.
pub(super) async fn strike(on: &Machine) -> Result<()> {
    let logs = logs(on);
    if !logs.is_empty() {
        on.disk_rots();
        if thread_rng().gen_bool(0.5) {
            for log in newest(&logs) {
                on.disk().damage_next_write(log)?;
            }
        } else {
            damage_a_bit(on, &logs[thread_rng().gen_range(0..logs.len())])?;
        }
    }
    sleep(a_while()).await;
    wipe::strike(on).await
}

fn damage_a_bit(on: &Machine, log: &Path) -> Result<()> {
    let bits = on.files().file_len(log)?.saturating_mul(8);
    if bits > 0 {
        on.disk().flip_bit(log, usize::try_from(thread_rng().gen_range(0..bits))?)?;
    }
    Ok(())
}

/// Of each partition the segment that is written to.
fn newest(logs: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    let newest: BTreeMap<_, _> = logs.iter().map(|log| (log.parent(), log)).collect();
    newest.into_values()
}

/// The segments of all partitions, in their order.
fn logs(on: &Machine) -> Vec<PathBuf> {
    if !on.is_running() {
        return Vec::new();
    }
    let files = on.files();
    let directories = files.list(Path::new(LOG_DIR)).unwrap_or_default().into_iter();
    let logs = directories.filter(|entry| entry.is_dir).flat_map(|directory| {
        let path = Path::new(LOG_DIR).join(directory.name);
        let entries = files.list(&path).unwrap_or_default();
        entries.into_iter().map(move |entry| path.join(entry.name))
    });
    logs.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
}
