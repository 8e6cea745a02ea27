//! L2, log matching: where two replicas have a batch of the same offset and leader epoch, it is the
//! same batch, and so is everything before it. What is below the high watermark of both is the same.
//!
//! A batch comes into the world when a leader appends it, behind another one. Whoever appends it
//! later must have got the same batch, and must have the same one before it: by induction the logs
//! agree up to there. So each event needs one look at one table. And whoever follows a leader appends
//! what that one has: an answer that was asked of an earlier one is void (KAFKA-13266; museum R9).
//!
//! Raft's log matching (Ongaro 2014, 3.5), which KIP-101, KIP-279 and KIP-320 brought to Kafka.

use broker::witness::Event;
use protocol::Offset;

use super::{Scene, Verdict, demand};
use crate::observer::log::Mark;

const L2: &str = "L2";

/// Judges what is appended, and what is called committed.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    match scene.event {
        Event::Appended { header, as_leader, .. } => {
            appended(scene, &Mark::from(*header), *as_leader)
        }
        Event::HighWatermark { high_watermark, leader_epoch, .. }
            if scene.partition.counts(*leader_epoch) =>
        {
            below_both(scene, *high_watermark)
        }
        Event::Opened { .. } => read_back(scene),
        _ => Ok(()),
    }
}

fn appended(scene: &Scene<'_>, mark: &Mark, as_leader: bool) -> Verdict {
    let Scene { broker, partition, replica, .. } = scene;
    let known = partition.batches.get(mark);
    if as_leader {
        demand!(
            known.is_none(),
            L2,
            "broker {broker} appends {mark} as leader, and there is one already of that offset \
             and epoch"
        );
        return Ok(());
    }
    if scene.is_compacted() {
        return Ok(());
    }
    let Some(known) = known else {
        demand!(false, L2, "broker {broker} replicates {mark}, which no leader has appended");
        return Ok(());
    };
    demand!(
        known.mark == *mark,
        L2,
        "broker {broker} replicates {mark}, and the leader has appended {}",
        known.mark
    );
    let before = replica.log.last().map(|last| (last.base, last.epoch));
    demand!(
        before.is_none() || known.previous.is_none() || before == known.previous,
        L2,
        "broker {broker} appends {mark} behind {}, and elsewhere it comes behind the batch at {:?}",
        replica.log.last().map(ToString::to_string).unwrap_or_default(),
        known.previous
    );
    // A leader cuts off nothing but its log's beginning.
    let leader = scene.leader().filter(|leader| mark.end > leader.start());
    demand!(
        leader.is_none_or(|leader| leader.has(mark)),
        L2,
        "broker {broker} replicates {mark}, and the leader that it follows doesn't have it"
    );
    Ok(())
}

/// What a replica takes for committed is what is committed.
fn below_both(scene: &Scene<'_>, high_watermark: Offset) -> Verdict {
    let Scene { broker, partition, replica, .. } = scene;
    let end = high_watermark.min(partition.true_high_watermark());
    if let (Some(ours), Some(committed)) =
        (replica.log.before(end), partition.committed.before(end))
    {
        demand!(
            ours == committed,
            L2,
            "broker {broker} takes {ours} for committed, and committed is {committed}"
        );
    }
    Ok(())
}

/// What is on a disk is what was appended to it, and at most one batch that nobody was told of.
fn read_back(scene: &Scene<'_>) -> Verdict {
    let Some(Ok(log)) = scene.found.map(|found| &found.log) else { return Ok(()) };
    for mark in log.marks() {
        if let Some(known) = scene.partition.batches.get(mark) {
            demand!(
                known.mark == *mark,
                L2,
                "on the disk of broker {} there is {mark}, and it was {}",
                scene.broker,
                known.mark
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn followers_that_have_what_the_leader_has_are_fine() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).replicate_to_all();
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_batch_that_changes_on_its_way_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).appends_as_follower(2, 0, 5, 0, 4711);
        assert_eq!(story.violated(), Some("L2"));
    }

    #[test]
    fn a_batch_out_of_nowhere_is_caught() {
        let mut story = Story::new();
        story.appends_as_follower(2, 0, 5, 0, 0);
        assert_eq!(story.violated(), Some("L2"));
    }

    #[test]
    fn a_batch_behind_another_one_than_elsewhere_is_caught() {
        let mut story = Story::new();
        // Broker 2 keeps what broker 1 wrote in epoch 0, and goes on with what 3 wrote in epoch 1.
        story.append(1, 5).replicate(2);
        story.kill(1).decide(&[2, 3], Some(3)).assign(3).assign(2);
        story.append(3, 5).append(3, 1).copies(2, 3, 1);
        assert_eq!(story.violated(), Some("L2"));
    }

    #[test]
    fn a_batch_that_the_leader_of_now_doesnt_have_is_caught() {
        let mut story = Story::new();
        // What broker 3 asked broker 1 for is still under way when broker 2 leads.
        story.append(1, 5).replicate_to_all().append(1, 2);
        story.decide(&[2, 3], Some(2)).assign(2).assign(3).copies(3, 1, 1);
        assert_eq!(story.violated(), Some("L2"));
    }

    #[test]
    fn a_follower_that_takes_something_else_for_committed_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).replicate(2);
        story.decide(&[1, 3], Some(3)).assign(3).append(3, 5);
        story.assign(1).truncate(1, 0).copies(1, 3, 0).fetched(3, 1).claim_high_watermark(3, 5);
        story.follower_high_watermark(2, 5);
        assert_eq!(story.violated(), Some("L2"));
    }
}
