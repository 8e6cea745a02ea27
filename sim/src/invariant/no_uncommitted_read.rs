//! L5, no uncommitted read: a consumer is given only what is committed, and an offset never changes
//! what it holds.
//!
//! The bound of a read is at most the reader's own high watermark and at most the true one, and
//! what is read is what is committed there. `correctness.md` 4.1; museum R11.

use broker::witness::Event;

use super::{Scene, Verdict, demand};

const L5: &str = "L5";

/// Judges what a consumer is given.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { broker, partition, replica, .. } = scene;
    let Event::Served { from, up_to, leader_epoch } = *scene.event else { return Ok(()) };
    if from >= up_to {
        return Ok(());
    }
    demand!(
        up_to <= replica.high_watermark,
        L5,
        "broker {broker} lets a consumer read up to {up_to}, and its high watermark is {}",
        replica.high_watermark
    );
    // A leader that an unclean election passed over can't know it.
    if !partition.counts(leader_epoch) || partition.losses.is_open() {
        return Ok(());
    }
    let end = partition.true_high_watermark();
    demand!(
        up_to <= end,
        L5,
        "broker {broker} lets a consumer read up to {up_to}, and only what is before {end} is \
         committed"
    );
    if let (Some(read), Some(committed)) =
        (replica.log.before(up_to), partition.committed.before(up_to))
    {
        demand!(
            read == committed,
            L5,
            "broker {broker} lets a consumer read {read}, and committed is {committed}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn what_is_committed_may_be_read() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().serve(1, 0, 5).append(1, 1).serve(1, 5, 5);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_read_beyond_the_high_watermark_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().append(1, 1).serve(1, 0, 6);
        assert_eq!(story.violated(), Some("L5"));
    }

    #[test]
    fn a_follower_whose_high_watermark_is_ahead_of_the_truth_is_caught() {
        let mut story = Story::new();
        // KAFKA-14704: it believes the leader's before it has truncated.
        story.append(1, 5).replicate(2).follower_high_watermark(2, 5).serve(2, 0, 5);
        assert_eq!(story.violated(), Some("L5"));
    }
}
