//! Q-S2 and Q-S3, same applied: whatever controller applies the entry of an index, it is the same entry,
//! and it leads to the same image; so does a snapshot, and what a store holds. A controller applies
//! each entry once, in order.
//!
//! What is committed is never lost and never changes (Raft's state machine safety); museum Q2, an
//! entry that is acknowledged before it is durable, and Q8, one that is applied twice.

use protocol::BrokerId;

use super::{Verdict, demand};
use crate::observer::quorum::Quorum;

const Q_S2: &str = "Q-S2";
const Q_S3: &str = "Q-S3";

/// Judges the image that a controller has at an index; the term is that of the entry, if there is
/// one.
pub(crate) fn check(
    quorum: &Quorum,
    node: BrokerId,
    term: Option<u64>,
    index: u64,
    digest: u64,
) -> Verdict {
    // Beyond what anybody applied there is nothing to compare with.
    let Some((known_index, known)) = quorum.at(index).filter(|_| quorum.reaches(index)) else {
        return Ok(());
    };
    if known_index == index
        && let (Some(term), Some(known_term)) = (term, known.term)
    {
        demand!(
            term == known_term,
            Q_S2,
            "controller {node} applies entry {index} of term {term}, and another one of term \
             {known_term} was applied"
        );
    }
    demand!(
        known.digest == digest,
        Q_S3,
        "controller {node} has image {digest:016x} at entry {index}, and another has {:016x}",
        known.digest
    );
    Ok(())
}

/// Judges the order in which a controller applies entries.
pub(crate) fn check_order(quorum: &Quorum, node: BrokerId, index: u64) -> Verdict {
    let before = quorum.applied.get(&node);
    demand!(
        before.is_none_or(|before| index > *before),
        Q_S3,
        "controller {node} applies entry {index} after {}",
        before.copied().unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn the_same_entries_lead_to_the_same_images() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).follow(2).decide(&[1], None).follow(2).restore(3);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn another_entry_at_the_same_index_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).follow_in_another_term(2);
        assert_eq!(story.violated(), Some("Q-S2"));
    }

    #[test]
    fn another_image_at_the_same_index_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).follow_with_an_empty_image(2);
        assert_eq!(story.violated(), Some("Q-S3"));
    }

    #[test]
    fn an_entry_that_is_applied_twice_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).follow(2).follow(2);
        assert_eq!(story.violated(), Some("Q-S3"));
    }

    #[test]
    fn a_store_that_has_another_image_than_its_index_says_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).restore_an_empty_image(2);
        assert_eq!(story.violated(), Some("Q-S3"));
    }
}
