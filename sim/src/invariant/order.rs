//! L12, order: the offsets of a log follow each other without gaps, but for what compaction took;
//! and in every log the batches of an idempotent producer stand in the order of their sequences,
//! each once.
//!
//! `correctness.md` 4.1, and I1 and I2 of 4.4; museum T3 and T4.

use broker::witness::Event;

use super::{Scene, Verdict, demand};
use crate::observer::log::Mark;

const L12: &str = "L12";

/// Judges a batch that is appended.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { broker, replica, .. } = scene;
    let Event::Appended { header, as_leader, .. } = *scene.event else { return Ok(()) };
    let mark = Mark::from(header);
    let end = replica.log.end();
    let is_dense = mark.base == end || (mark.base > end && scene.is_compacted() && !as_leader);
    // A follower of a leader that deleted what is before begins where the leader does.
    let begins = replica.log.last().is_none() && mark.base >= end && !as_leader;
    demand!(is_dense || begins, L12, "broker {broker} appends {mark} to a log that ends at {end}");
    if !mark.is_numbered() || scene.is_compacted() {
        return Ok(());
    }
    let Some(last) = last_of_producer(scene, &mark) else { return Ok(()) };
    demand!(
        mark.producer_epoch >= last.producer_epoch,
        L12,
        "broker {broker} appends {mark} of producer {} in its epoch {} behind {last} of its epoch {}",
        mark.producer,
        mark.producer_epoch,
        last.producer_epoch
    );
    demand!(
        mark.producer_epoch > last.producer_epoch || mark.sequence == last.next_sequence(),
        L12,
        "broker {broker} appends {mark} with sequence {} of producer {} behind {last}, after which \
         sequence {} comes",
        mark.sequence,
        mark.producer,
        last.next_sequence()
    );
    Ok(())
}

/// The producer's last batch in the log.
fn last_of_producer<'a>(scene: &Scene<'a>, mark: &Mark) -> Option<&'a Mark> {
    let end = scene.replica.last_by_producer.get(&mark.producer)?;
    let last = scene.replica.log.before(*end)?;
    (last.producer == mark.producer).then_some(last)
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn batches_one_after_another_are_fine() {
        let mut story = Story::new();
        story.append_of_producer(1, 7, 0, 0, 5).append(1, 2).append_of_producer(1, 7, 0, 5, 1);
        story.append_of_producer(1, 7, 1, 0, 1);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_batch_that_is_appended_twice_is_caught() {
        let mut story = Story::new();
        story.append_of_producer(1, 7, 0, 0, 5).append(1, 2).append_of_producer(1, 7, 0, 0, 5);
        assert_eq!(story.violated(), Some("L12"));
    }

    #[test]
    fn a_batch_that_was_overtaken_is_caught() {
        let mut story = Story::new();
        story.append_of_producer(1, 7, 0, 0, 5).append_of_producer(1, 7, 0, 6, 1);
        assert_eq!(story.violated(), Some("L12"));
    }

    #[test]
    fn a_producer_that_was_fenced_and_writes_is_caught() {
        let mut story = Story::new();
        story.append_of_producer(1, 7, 1, 0, 5).append_of_producer(1, 7, 0, 0, 1);
        assert_eq!(story.violated(), Some("L12"));
    }

    #[test]
    fn a_gap_in_the_offsets_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).appends_as_leader(1, 6, 7, 0);
        assert_eq!(story.violated(), Some("L12"));
    }
}
