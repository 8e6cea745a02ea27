//! Q-S1, election safety: at most one controller is active in a term, and one of an earlier term
//! ceases to be.
//!
//! Raft's first property (Ongaro 2014, figure 3.2); museum Q1, a vote that is given before it is
//! durable. A controller may be deposed and not know, but no longer than an election timeout: a quorum
//! that follows another one doesn't answer it any more (KAFKA-15489, museum Q10).

use std::time::Duration;

use protocol::BrokerId;

use super::{Verdict, demand};
use crate::observer::quorum::Quorum;

const Q_S1: &str = "Q-S1";

/// Judges a controller that takes itself for the active one.
pub(crate) fn check(quorum: &Quorum, node: BrokerId, term: u64, now: Duration) -> Verdict {
    let other = quorum.active.get(&term).filter(|reign| reign.node != node);
    demand!(
        other.is_none(),
        Q_S1,
        "controller {node} is active in term {term}, and so was {}",
        other.map(|reign| reign.node).unwrap_or_default()
    );
    let later = quorum.active.range(term + 1..).next();
    if let Some((later_term, reign)) = later {
        demand!(
            now <= reign.since + quorum.election_timeout,
            Q_S1,
            "controller {node} is still active in term {term}, {:?} after {} was in term {later_term}",
            now.saturating_sub(reign.since),
            reign.node
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn one_controller_in_each_term_is_fine() {
        let mut story = Story::new();
        story.active(1, 1).active(1, 1).active(2, 2).active(1, 3);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn two_in_one_term_are_caught() {
        let mut story = Story::new();
        story.active(1, 1).active(2, 1);
        assert_eq!(story.violated(), Some("Q-S1"));
    }

    #[test]
    fn one_that_does_not_notice_that_it_is_deposed_is_caught() {
        let mut story = Story::new();
        story.active(1, 1).active(2, 2).passes(900).active(1, 1);
        assert_eq!(story.violated(), None);
        story.passes(200).active(1, 1);
        assert_eq!(story.violated(), Some("Q-S1"));
    }
}
