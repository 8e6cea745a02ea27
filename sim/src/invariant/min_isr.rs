//! L10, min ISR: when a batch is acknowledged to somebody who asked for all, at least
//! `min.insync.replicas` are in sync at that moment, as the leader knows them.
//!
//! Asked when the batch is appended *and* when it is acknowledged; museum R10.

use broker::witness::Event;
use replica::Acks;

use super::{Scene, Verdict, demand};

const L10: &str = "L10";

/// Judges an acknowledgement.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { model, of, broker, replica, .. } = scene;
    let Event::Acknowledged { end, acks: Acks::All, isr, min_insync_replicas, .. } = *scene.event
    else {
        return Ok(());
    };
    // What the broker goes by may be behind what was configured, but not below what ever was.
    let least = min_insync_replicas.max(model.min_insync_replicas(*of));
    demand!(
        isr.len() >= least,
        L10,
        "broker {broker} acknowledges offsets before {end} with {isr:?} in sync, not {least}"
    );
    let known = replica.leading().map(|leading| &leading.isr);
    demand!(
        known.is_none_or(|known| known == isr),
        L10,
        "broker {broker} acknowledges offsets before {end} as if {isr:?} were in sync, and was \
         told {known:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn two_of_three_are_enough() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1).append(1, 5).replicate_to_all().acknowledge(1, 5);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn an_isr_that_shrank_while_the_batch_waited_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().decide(&[1], None).assign(1).acknowledge(1, 5);
        assert_eq!(story.violated(), Some("L10"));
    }

    #[test]
    fn a_leader_that_shrinks_it_by_itself_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().acknowledge_with(1, 5, &[1, 2]);
        assert_eq!(story.violated(), Some("L10"));
    }
}
