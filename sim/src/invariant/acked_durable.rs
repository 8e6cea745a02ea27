//! L1, acked durable: what was acknowledged to somebody who asked for all in-sync replicas is
//! there for good, on the leader and on every replica that may become one.
//!
//! An acknowledgement is given by a leader whose log has the batch below the high watermark; where
//! every batch is to be synced first, it is durable by then on all that may lead. From then on
//! every new leader has it, and so has every broker in the ISR or the ELR that runs. A machine that
//! is down has lost nothing; a process that isn't registered yet can't lead. Only a dangerous
//! election within the budget (`observer::losses`) excuses a loss.
//!
//! The first promise of Kafka's replication; `correctness.md` 4.1.

use broker::witness::Event;
use replica::Acks;

use super::{Scene, Verdict, demand};
use crate::observer::{
    model::Model,
    partition::{Partition, PartitionId},
};

const L1: &str = "L1";

/// Judges an acknowledgement, and a leader when it begins to lead.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { model, of, broker, partition, replica, .. } = scene;
    match scene.event {
        Event::Acknowledged { end, acks: Acks::All, leader_epoch, .. } => {
            let batch = replica.log.before(*end);
            demand!(
                *end <= replica.log.end() && batch.is_none_or(|batch| batch.end == *end),
                L1,
                "broker {broker} acknowledges offsets before {end}, which its log doesn't have"
            );
            if !partition.counts(*leader_epoch) || !scene.is_synced() {
                return Ok(());
            }
            // Of those that the leader takes to be in sync, one may have lost its disk since it
            // fetched. It isn't in sync any more once it is back, and the leader hears of it late.
            for (member, other) in model.candidates(partition) {
                let synced_end = other.synced_end.max(other.recovered_end);
                demand!(
                    synced_end >= *end,
                    L1,
                    "broker {broker} acknowledges offsets before {end}, and broker {member} has \
                     synced only those before {synced_end}"
                );
            }
            Ok(())
        }
        Event::Assigned(assignment) if scene.begins_to_lead() => {
            let (end, epoch) = (partition.acked_end, assignment.leader_epoch);
            let is_permitted = partition.losses.permit(epoch, model.min_insync_replicas(*of));
            demand!(
                is_permitted || replica.log.has_prefix(&partition.committed, end),
                L1,
                "broker {broker} leads epoch {epoch}, and its log lacks some of what was \
                 acknowledged before offset {end}: it ends at {}{}",
                replica.log.end(),
                diverging(scene)
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Judges all that may come to lead.
pub(crate) fn check_candidates(model: &Model, _: PartitionId, partition: &Partition) -> Verdict {
    let end = partition.acked_end;
    for (broker, replica) in model.candidates(partition) {
        demand!(
            replica.log.has_prefix(&partition.committed, end),
            L1,
            "broker {broker} may come to lead, and lacks some of what was acknowledged before \
             offset {end}: its log ends at {}",
            replica.log.end()
        );
    }
    Ok(())
}

/// Where the log leaves the committed one, for the report.
fn diverging(scene: &Scene<'_>) -> String {
    let common = scene.replica.log.common_end(&scene.partition.committed);
    let next = scene.replica.log.beyond(common).next();
    next.map_or_else(String::new, |mark| format!(", with another {mark}"))
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn a_replicated_and_acknowledged_batch_survives_an_election() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().acknowledge(1, 5);
        story.kill(1).decide(&[2, 3], Some(2)).assign(2).append(2, 1);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_leader_without_what_was_acknowledged_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).replicate(2).fetched(1, 2).claim_high_watermark(1, 5);
        // The high watermark moved without broker 3, which is in sync.
        assert_eq!(story.violated(), Some("L6"));

        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().acknowledge(1, 5);
        story.lose_power(2, 0).decide(&[1, 2, 3], Some(2));
        story.opens(2).assign(2);
        assert_eq!(story.violated(), Some("L1"), "it lost everything and was elected in sync");
    }

    #[test]
    fn a_replica_that_lost_it_and_stays_in_sync_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().acknowledge(1, 5);
        story.lose_power(2, 0).opens(2);
        assert_eq!(story.violated(), None, "the controller doesn't know it yet");
        story.register(2);
        assert_eq!(story.violated(), Some("L1"));
    }

    #[test]
    fn a_dangerous_election_may_lose_it_only_after_enough_unclean_stops() {
        for (stops, violated) in [(&[3][..], Some("L1")), (&[2, 3][..], None)] {
            let mut story = Story::new();
            story.append(1, 5).replicate_to_all().acknowledge(1, 5);
            for broker in stops {
                story.lose_power(*broker, 0);
            }
            // Broker 3 led last, and nobody else is known to have more.
            story.decide_last_known(3);
            story.opens(3).register(3).decide(&[3], Some(3)).assign(3);
            assert_eq!(story.violated(), violated, "{stops:?} stopped");
        }
    }

    #[test]
    fn a_topic_that_is_synced_first_is_synced_everywhere_when_it_acknowledges() {
        let mut story = Story::synced_first();
        story.append(1, 5).sync(1, 5).replicate_to_all();
        story.sync(2, 5).sync(3, 5).acknowledge(1, 5);
        assert_eq!(story.violated(), None);

        let mut story = Story::synced_first();
        story.append(1, 5).sync(1, 5).replicate_to_all().sync(2, 5).acknowledge(1, 5);
        assert_eq!(story.violated(), Some("L1"), "broker 3 hasn't synced it");
    }

    #[test]
    fn who_lost_its_disk_after_it_fetched_need_not_have_what_it_is_counted_for() {
        let mut story = Story::synced_first();
        story.append(1, 5).sync(1, 5);
        for follower in [2, 3] {
            story.replicate(follower).sync(follower, 5).fetched(1, follower);
        }
        // The leader hears of the fetches late, and later still of what became of broker 2.
        story.wipe(2).opens(2).decide(&[1, 3], None).register(2);
        story.claim_high_watermark(1, 5).acknowledge(1, 5);
        assert_eq!(story.violated(), None);

        story.fetched(1, 2).decide(&[1, 2, 3], None);
        assert_eq!(story.violated(), Some("L1"), "it is in sync again, and has nothing");
    }

    #[test]
    fn what_isnt_there_cant_be_acknowledged() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().acknowledge(1, 7);
        assert_eq!(story.violated(), Some("L1"));
    }
}
