//! L6, replication quorum superset: as long as a leader isn't deposed, it waits for every replica
//! that the controller counts as in sync.
//!
//! Its maximal ISR (decided and proposed, KIP-497) contains the controller's, its high watermark
//! isn't beyond what one of these has fetched in this epoch, and it proposes none that hasn't
//! reached the high watermark and the start of the epoch. Vanlightly's TLA+ of KIP-966
//! (`ReplicationQuorumSuperset`); museum R2, R3, R8.

use broker::witness::Event;
use protocol::{BrokerId, Offset};

use super::{Scene, Verdict, demand};
use crate::observer::{
    model::Model,
    partition::{Partition, PartitionId},
    replica::Leading,
};

const L6: &str = "L6";

/// Judges a high watermark that moves, and a proposal.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { broker, partition, replica, .. } = scene;
    let Some(leading) = replica.leading() else { return Ok(()) };
    match scene.event {
        Event::HighWatermark { high_watermark, as_leader: true, leader_epoch } => {
            let decided = partition.decided.as_ref();
            let decided = decided.filter(|decided| decided.leader_epoch == *leader_epoch);
            for member in decided.iter().flat_map(|decided| &decided.isr) {
                let fetched = fetched(leading, *broker, *member);
                demand!(
                    member == broker || fetched.is_some_and(|end| end >= *high_watermark),
                    L6,
                    "broker {broker} moves its high watermark to {high_watermark}, and broker \
                     {member}, which is in sync, has fetched up to {fetched:?}"
                );
            }
        }
        Event::IsrProposed { isr, .. } => {
            let bound = replica.high_watermark.max(leading.epoch_start);
            for member in isr.iter().filter(|member| !leading.isr.contains(member)) {
                let fetched = fetched(leading, *broker, *member);
                demand!(
                    fetched.is_some_and(|end| end >= bound),
                    L6,
                    "broker {broker} proposes broker {member}, which has fetched up to \
                     {fetched:?}; its high watermark is {}, and its epoch starts at {}",
                    replica.high_watermark,
                    leading.epoch_start
                );
            }
        }
        _ => {}
    }
    Ok(())
}

fn fetched(leading: &Leading, leader: BrokerId, member: BrokerId) -> Option<Offset> {
    if leader == member {
        return None;
    }
    leading.fetched.get(&member).copied()
}

/// Judges the leader when the controller has decided.
pub(crate) fn check_leader(model: &Model, _: PartitionId, partition: &Partition) -> Verdict {
    let Some(decided) = &partition.decided else { return Ok(()) };
    let Some(leader) = decided.leader.filter(|leader| model.is_itself(*leader)) else {
        return Ok(());
    };
    let leading = partition.replicas.get(&leader).and_then(|replica| replica.leading());
    let Some(leading) = leading.filter(|leading| leading.leader_epoch == decided.leader_epoch)
    else {
        return Ok(());
    };
    for member in &decided.isr {
        demand!(
            leading.counts_on(*member),
            L6,
            "the controller counts broker {member} as in sync, and broker {leader}, which leads, \
             has only {:?}, and has proposed {:?}",
            leading.isr,
            leading.proposed
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn a_leader_that_proposes_and_waits_is_fine() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1);
        story.append(1, 5).replicate_to_all().propose(1, &[1, 2, 3]).decide(&[1, 2, 3], None);
        story.append(1, 1).replicate_to_all();
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_leader_that_doesnt_wait_for_a_replica_in_sync_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1).append(1, 5).replicate_to_all();
        // It forgets that it proposed broker 3, and the controller has accepted.
        story.propose(1, &[1, 2, 3]).decide(&[1, 2, 3], None);
        story.append(1, 1).replicate(2).fetched(1, 2).claim_high_watermark(1, 6);
        assert_eq!(story.violated(), Some("L6"));
    }

    #[test]
    fn a_replica_in_sync_that_its_leader_hasnt_proposed_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1).append(1, 5).replicate_to_all();
        story.decide(&[1, 2, 3], None);
        assert_eq!(story.violated(), Some("L6"));
    }

    #[test]
    fn a_proposal_of_a_replica_that_hasnt_reached_the_start_of_the_epoch_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().append(1, 1).replicate(2);
        story.decide(&[2], Some(2)).assign(2).fetched(2, 3).propose(2, &[2, 3]);
        assert_eq!(story.violated(), Some("L6"), "broker 3 ends at 5, and the epoch starts at 6");
    }
}
