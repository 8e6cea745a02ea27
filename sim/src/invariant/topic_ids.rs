//! M6, topic ids: no topic ever has an id that another one had, whether that still exists or not.
//!
//! KIP-516: an id tells a topic from an earlier one of its name. `correctness.md` 4.2.

use std::collections::BTreeSet;

use metadata::MetadataRecord;

use super::{Entry, Finding, demand};
use crate::observer::partition::PartitionId;

const M6: &str = "M6";

/// Judges the topics that an entry creates.
pub(crate) fn check(entry: &Entry<'_>) -> Result<(), (Finding, Option<PartitionId>)> {
    let mut now = BTreeSet::new();
    for record in entry.records {
        let MetadataRecord::Topic(record) = record else { continue };
        let id = record.topic_id;
        let is_new = now.insert(id) && !entry.model.quorum.topic_ids.contains(&id);
        let judge = || {
            demand!(is_new, M6, "topic {} gets the id {id}, which a topic had", record.name);
            Ok(())
        };
        judge().map_err(|finding| (finding, None))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn another_id_for_another_topic_of_the_same_name_is_fine() {
        let mut story = Story::new();
        story.delete_topic().create_topic(2);
        assert_eq!(story.violated(), None);
        assert_eq!(story.reached("a topic is created again under its name"), 1);
    }

    #[test]
    fn an_id_that_a_deleted_topic_had_is_caught() {
        let mut story = Story::new();
        story.delete_topic().create_topic(1);
        assert_eq!(story.violated(), Some("M6"));
    }
}
