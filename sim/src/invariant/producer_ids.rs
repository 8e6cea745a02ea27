//! No producer id is given out twice.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::workload::producer_ids::Ids;

/// Judges the ids that were given out.
///
/// # Errors
/// One that was given out twice.
pub fn check(ids: &Ids) -> Result<()> {
    let mut seen = BTreeSet::new();
    for id in ids {
        ensure!(seen.insert(id), "producer id {id} was given out twice");
    }
    Ok(())
}
