//! L11, truncation discipline: a leader never truncates. A follower never cuts off what is
//! committed, nor what its log and its leader's have in common: what is lost is a suffix, from an
//! epoch's boundary on.
//!
//! KIP-101, KIP-279; museum R1 and R6. A follower may cut in several steps and stop above the common
//! end in between: L2 catches one that goes on from there. After an unclean election the new
//! leader's log is what is committed.

use broker::witness::Event;
use protocol::Offset;

use super::{Scene, Verdict, demand};
use crate::observer::log::Log;

const L11: &str = "L11";

/// Judges a truncation.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { broker, partition, replica, .. } = scene;
    let Event::Truncated { log_end_offset: end } = *scene.event else { return Ok(()) };
    demand!(
        replica.leading().is_none(),
        L11,
        "broker {broker} leads, and truncates its log to {end}"
    );
    let leader = scene.leader();
    // What a leader has deleted isn't replicated any more.
    let deleted = leader.map_or(Offset(0), Log::start);
    let mut cut = replica.log.beyond(end).filter(|mark| mark.end > deleted);
    if !partition.losses.is_open() {
        let committed = cut.find(|mark| partition.committed.has(mark));
        demand!(
            committed.is_none(),
            L11,
            "broker {broker} truncates its log to {end}, and cuts off what is committed: {}",
            committed.map(ToString::to_string).unwrap_or_default()
        );
    }
    let Some(leader) = leader.filter(|leader| leader.start() <= replica.log.end()) else {
        return Ok(());
    };
    let common = replica.log.common_end(leader);
    demand!(
        end >= common || replica.log.beyond(end).next().is_none(),
        L11,
        "broker {broker} truncates its log to {end}, and its leader's is the same up to {common}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    /// Broker 1 has one batch more than the others, and broker 2 leads.
    fn deposed() -> Story {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().append(1, 2);
        story.decide(&[2, 3], Some(2)).assign(2).assign(1).append(2, 1);
        story
    }

    #[test]
    fn a_follower_that_truncates_to_where_it_diverges_is_fine() {
        let mut story = deposed();
        story.truncate(1, 5);
        assert_eq!(story.violated(), None);
        assert_eq!(story.reached("a follower truncates"), 1);
    }

    #[test]
    fn a_follower_that_truncates_what_is_committed_is_caught() {
        let mut story = deposed();
        story.truncate(1, 0);
        assert_eq!(story.violated(), Some("L11"));
    }

    #[test]
    fn a_follower_that_truncates_what_its_leader_has_is_caught() {
        let mut story = Story::new();
        // KIP-101: nothing of it is known to be committed, and yet it must not go.
        story.append(1, 5).replicate(2);
        story.decide(&[1, 2, 3], Some(2)).assign(2).assign(1).truncate(1, 0);
        assert_eq!(story.violated(), Some("L11"));
    }

    #[test]
    fn a_leader_that_truncates_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).truncate(1, 0);
        assert_eq!(story.violated(), Some("L11"));
    }
}
