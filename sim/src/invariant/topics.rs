//! Topics that were created are there as they were; those that were deleted are not.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result, ensure};
use client::metadata_cache::Topic;
use protocol::TopicName;

use crate::workload::topics::{Fate, Fates};

/// Judges the topics that there are by what was promised of them.
///
/// # Errors
/// What is wrong.
pub fn check(fates: &Fates, topics: &[Arc<Topic>]) -> Result<()> {
    let topics: BTreeMap<&TopicName, &Topic> =
        topics.iter().map(|topic| (&topic.name, &**topic)).collect();
    for (name, fate) in fates {
        match fate {
            Fate::MayExist | Fate::MayBeDeleted => {}
            Fate::Deleted => {
                ensure!(!topics.contains_key(name), "topic {name} was deleted, and is there");
            }
            Fate::Exists { id, partitions } => {
                let topic = topics.get(name);
                let topic = topic.with_context(|| format!("topic {name} is gone"))?;
                let count = topic.partitions.len();
                ensure!(count == *partitions, "topic {name} has {count} partitions");
                ensure!(
                    id.is_none() || topic.id == *id,
                    "topic {name} had the id {id:?} and has {:?}",
                    topic.id
                );
            }
        }
    }
    Ok(())
}
