//! L4, leader completeness: whoever leads has everything that was ever committed, and so has
//! everyone who may come to lead: the brokers in the ISR and the ELR (KIP-966) that run.
//!
//! Committed is what a leader has counted as replicated: everything below the true high watermark,
//! acknowledged to a producer or not. Raft's leader completeness (Ongaro 2014, 3.4); museum R1, R4,
//! R5, R8.

use broker::witness::Event;

use super::{Scene, Verdict, demand};
use crate::observer::{
    model::Model,
    partition::{Partition, PartitionId},
};

const L4: &str = "L4";

/// Judges a leader when it begins to lead, and when it commits.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { model, of, broker, partition, replica, .. } = scene;
    let end = partition.true_high_watermark();
    let has_everything = || replica.log.has_prefix(&partition.committed, end);
    match scene.event {
        Event::Assigned(assignment) if scene.begins_to_lead() => {
            let epoch = assignment.leader_epoch;
            let is_permitted = partition.losses.permit(epoch, model.min_insync_replicas(*of));
            demand!(
                is_permitted || has_everything(),
                L4,
                "broker {broker} leads epoch {epoch}, and its log, which ends at {}, lacks some of \
                 what was committed before offset {end}",
                replica.log.end()
            );
        }
        Event::HighWatermark { high_watermark, as_leader: true, leader_epoch } => {
            let commits = *high_watermark > end && partition.counts(*leader_epoch);
            demand!(
                !commits || partition.losses.is_open() || has_everything(),
                L4,
                "broker {broker}, leading epoch {leader_epoch}, commits offsets before \
                 {high_watermark} on a log that lacks some of what was committed before {end}"
            );
        }
        _ => {}
    }
    Ok(())
}

/// Judges all that may come to lead.
pub(crate) fn check_candidates(model: &Model, _: PartitionId, partition: &Partition) -> Verdict {
    let end = partition.true_high_watermark();
    for (broker, replica) in model.candidates(partition) {
        demand!(
            replica.log.has_prefix(&partition.committed, end),
            L4,
            "broker {broker} may come to lead, and its log, which ends at {}, lacks some of what \
             was committed before offset {end}",
            replica.log.end()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn a_replica_that_lags_and_isnt_in_sync_is_fine() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1);
        story.append(1, 5).replicate(2).fetched(1, 2).claim_high_watermark(1, 5);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_leader_that_lacks_what_was_committed_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1);
        story.append(1, 5).replicate(2).fetched(1, 2).claim_high_watermark(1, 5);
        // KAFKA-7128: the controller believes that broker 3 is in sync.
        story.decide(&[1, 2, 3], None);
        assert_eq!(story.violated(), Some("L4"));
    }

    #[test]
    fn an_unclean_election_may_lose_what_was_committed_and_the_new_leader_has_the_truth() {
        let mut story = Story::unclean_allowed();
        story.decide(&[1, 2], None).assign(1);
        story.append(1, 5).replicate(2).fetched(1, 2).claim_high_watermark(1, 5);
        story.kill(1).kill(2).decide(&[3], Some(3)).assign(3);
        story.append(3, 2).claim_high_watermark(3, 2);
        assert_eq!(story.violated(), None);
        assert_eq!(story.reached("an election loses committed records"), 1);
    }
}
