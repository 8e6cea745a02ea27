//! The device damages a bit of a log, and nobody is told.

use std::path::{Path, PathBuf};

use anyhow::Result;
use madsim::rand::{Rng, thread_rng};
use storage::disk::Disk;
use tokio::time::sleep;

use super::{a_while, wipe};
use crate::{machine::Machine, shape::LOG_DIR};

/// Damages a bit of some log. What is damaged stays damaged, so that an operator replaces the disk
/// in the end.
pub(super) async fn strike(on: &Machine) -> Result<()> {
    if let Some(log) = some_log(on) {
        let bits = on.files().file_len(&log)?.saturating_mul(8);
        if bits > 0 {
            let bit = usize::try_from(thread_rng().gen_range(0..bits))?;
            on.disk_is_damaged();
            on.disk().flip_bit(&log, bit)?;
        }
    }
    sleep(a_while()).await;
    wipe::strike(on).await
}

fn some_log(on: &Machine) -> Option<PathBuf> {
    if !on.is_running() {
        return None;
    }
    let files = on.files();
    let directories = files.list(Path::new(LOG_DIR)).ok()?.into_iter().filter(|entry| entry.is_dir);
    let logs = directories.flat_map(|directory| {
        let path = Path::new(LOG_DIR).join(directory.name);
        let entries = files.list(&path).unwrap_or_default();
        let logs = entries.into_iter().map(move |entry| path.join(entry.name));
        logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"))
    });
    let logs: Vec<PathBuf> = logs.collect();
    (!logs.is_empty()).then(|| logs[thread_rng().gen_range(0..logs.len())].clone())
}
