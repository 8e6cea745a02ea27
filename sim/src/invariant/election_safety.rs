//! Q1, election safety: at most one controller is active in a term.
//!
//! Raft's first property (Ongaro 2014, figure 3.2); museum Q1, a vote that is given before it is
//! durable. A controller may be deposed and not know: that is another term.

use protocol::BrokerId;

use super::{Verdict, demand};
use crate::observer::quorum::Quorum;

const Q1: &str = "Q1";

/// Judges a controller that takes itself for the active one.
pub(crate) fn check(quorum: &Quorum, node: BrokerId, term: u64) -> Verdict {
    let other = quorum.active.get(&term).filter(|other| **other != node);
    demand!(
        other.is_none(),
        Q1,
        "controller {node} is active in term {term}, and so was {}",
        other.copied().unwrap_or_default()
    );
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
        assert_eq!(story.violated(), Some("Q1"));
    }
}
