//! L7, unclean only if allowed: the controller elects nobody but brokers in the ISR or the ELR, or
//! who led last when both are empty (KIP-966), unless the topic allows unclean election at that
//! moment or an operator asked for it.
//!
//! `correctness.md` 4.1; museum R12.

use super::{Entry, Finding, demand};
use crate::observer::{losses::Election, partition::PartitionId};

const L7: &str = "L7";

/// Judges every election of an entry.
pub(crate) fn check(entry: &Entry<'_>) -> Result<(), (Finding, Option<PartitionId>)> {
    for step in entry.steps {
        if step.election() != Some(Election::Unclean) {
            continue;
        }
        let topic = entry.model.topics.get(&step.of.topic);
        let is_allowed = topic.is_some_and(|topic| topic.is_unclean_allowed);
        let judge = || {
            demand!(
                is_allowed,
                L7,
                "an unclean election, which isn't allowed: {:?} becomes {:?}",
                step.before,
                step.after
            );
            Ok(())
        };
        judge().map_err(|finding| (finding, Some(step.of)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn a_clean_election_and_an_allowed_one_are_fine() {
        let mut story = Story::new();
        story.kill(1).decide(&[2, 3], Some(2));
        assert_eq!(story.violated(), None);

        let mut story = Story::unclean_allowed();
        story.decide(&[1], None).kill(1).decide(&[2], Some(2));
        assert_eq!(story.violated(), None);
        assert_eq!(story.reached("a leader is elected uncleanly"), 1);
    }

    #[test]
    fn an_unclean_election_that_nobody_allowed_is_caught() {
        let mut story = Story::new();
        story.decide(&[1], None).kill(1).decide(&[2], Some(2));
        assert_eq!(story.violated(), Some("L7"));
    }

    #[test]
    fn who_led_last_is_no_heir_while_one_who_is_eligible_is_only_away() {
        let mut story = Story::new();
        story.kill(2).decide(&[1, 3], None).fence(2);
        story.decide_eligible(&[2], 1).decide(&[1], Some(1));
        assert_eq!(story.violated(), Some("L7"));

        let mut story = Story::new();
        story.decide_last_known(1).decide(&[1], Some(1));
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn an_operator_may_ask_for_one() {
        let mut story = Story::new();
        story.decide(&[1], None).kill(1).request_unclean().decide(&[2], Some(2));
        assert_eq!(story.violated(), None);
    }
}
