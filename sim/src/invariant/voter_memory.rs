//! Q-S1 and Q-S2, what a voter answers for: when it comes back, it remembers whom it has voted for,
//! and has all entries that it has acknowledged.
//!
//! That no two win a term (Q-S1), and that what is committed stays (Q-S2), rests on it: what is seen
//! here would lead to that one day. `correctness.md`, "Raft pitfalls"; museum Q1 and Q2.

use controller::Vow;
use protocol::BrokerId;

use super::{Verdict, demand};
use crate::observer::quorum::{Quorum, Vows};

const Q_S1: &str = "Q-S1";
const Q_S2: &str = "Q-S2";

/// Judges what a voter remembers when it starts.
pub(crate) fn check(quorum: &Quorum, node: BrokerId, remembered: &[Vow]) -> Verdict {
    let Some(vowed) = quorum.vows.get(&node) else { return Ok(()) };
    let mut now = Vows::default();
    remembered.iter().for_each(|vow| now.take(*vow));
    demand!(
        now.vote == vowed.vote || vowed.vote.is_none(),
        Q_S1,
        "controller {node} had answered for {:?}, and remembers {:?}",
        vowed.vote,
        now.vote
    );
    // A purge that is forgotten, or a snapshot, may leave more.
    let (had, has) = (end_of(vowed.log_end), end_of(now.log_end));
    demand!(
        has >= had,
        Q_S2,
        "controller {node} had acknowledged what is before entry {had}, and has what is before {has}"
    );
    Ok(())
}

fn end_of(vow: Option<Vow>) -> u64 {
    match vow {
        Some(Vow::LogEnd { end, .. }) => end,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use controller::Vow;
    use protocol::BrokerId;

    use crate::observer::story::Story;

    fn vote(term: u64, candidate: i32) -> Vow {
        Vow::Vote { term, candidate: BrokerId(candidate), is_elected: false }
    }

    fn log_end(end: u64) -> Vow {
        Vow::LogEnd { term: 1, end }
    }

    #[test]
    fn a_voter_that_remembers_all_is_fine() {
        let mut story = Story::new();
        story.vow(1, vote(1, 2)).vow(1, vote(2, 3)).vow(1, log_end(7));
        story.remembers(1, &[vote(2, 3), log_end(7)]).remembers(2, &[]);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_forgotten_vote_is_caught() {
        let mut story = Story::new();
        story.vow(1, vote(1, 2)).vow(1, vote(2, 3)).remembers(1, &[vote(1, 2)]);
        assert_eq!(story.violated(), Some("Q-S1"));
    }

    #[test]
    fn a_forgotten_entry_is_caught_unless_another_leader_took_it() {
        let mut story = Story::new();
        story.vow(1, log_end(7)).vow(1, log_end(5)).remembers(1, &[log_end(5)]);
        assert_eq!(story.violated(), None);
        story.vow(1, log_end(6)).remembers(1, &[log_end(5)]);
        assert_eq!(story.violated(), Some("Q-S2"));
    }
}
