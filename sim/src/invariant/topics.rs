//! Topics that were created are there as they were, with all that was changed since; those that were
//! deleted are not.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use protocol::TopicName;

use crate::workload::topics::{Fate, Fates, Known, Seen};

/// Judges the topics that there are by what was promised of them.
///
/// # Errors
/// What is wrong.
pub fn check(fates: &Fates, topics: &BTreeMap<TopicName, Seen>) -> Result<()> {
    for (name, fate) in fates {
        match fate {
            Fate::MayExist | Fate::MayBeDeleted => {}
            Fate::Deleted => {
                ensure!(!topics.contains_key(name), "topic {name} was deleted, and is there");
            }
            Fate::Exists(known) => {
                let seen = topics.get(name).with_context(|| format!("topic {name} is gone"))?;
                is_as_promised(known, seen).with_context(|| format!("topic {name}"))?;
            }
        }
    }
    Ok(())
}

fn is_as_promised(known: &Known, Seen { topic, retention_ms }: &Seen) -> Result<()> {
    let (id, count) = (topic.id, topic.partitions.len());
    ensure!(known.id.is_none() || id == known.id, "it had the id {:?} and has {id:?}", known.id);
    ensure!(known.partitions.may_be(&count), "{count} partitions, not {:?}", known.partitions);
    ensure!(
        known.retention_ms.may_be(retention_ms),
        "retention.ms {retention_ms:?}, not {:?}",
        known.retention_ms
    );
    Ok(())
}
