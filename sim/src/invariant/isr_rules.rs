//! M3, ISR rules: in-sync replicas and eligible ones are replicas, named once; the leader is one of
//! the in-sync ones, or there is none; a broker that is fenced or shuts down isn't in sync, unless
//! it is the only one. Whoever becomes in sync has fetched from the leader in the registration that
//! it is known by: what an earlier one had may be gone.
//!
//! `correctness.md` 4.2; museum R13 (KAFKA-13916), R5 (KIP-903).

use std::collections::BTreeSet;

use metadata::{ClusterImage, Partition};
use protocol::BrokerId;

use super::{Entry, Finding, Step, Verdict, demand};
use crate::observer::partition::PartitionId;

const M3: &str = "M3";

/// Judges the partitions of the image that an entry leads to.
pub(crate) fn check(entry: &Entry<'_>) -> Result<(), (Finding, Option<PartitionId>)> {
    if entry.records.is_empty() {
        return Ok(());
    }
    for topic in entry.image.topics().iter() {
        for (partition, decided) in topic.partitions() {
            let of = PartitionId { topic: topic.id, partition };
            judge(decided, entry.image).map_err(|finding| (finding, Some(of)))?;
        }
    }
    for step in entry.steps {
        joins(entry, step).map_err(|finding| (finding, Some(step.of)))?;
    }
    Ok(())
}

/// Whether those that join the in-sync replicas of a leader are whom it has seen fetch. How far they
/// were is for others to judge.
fn joins(entry: &Entry<'_>, step: &Step) -> Verdict {
    let (Some(before), Some(after)) = (&step.before, &step.after) else { return Ok(()) };
    let partition = entry.model.partitions.get(&step.of);
    let leader = partition.zip(after.leader).and_then(|(known, id)| known.replicas.get(&id));
    let leading = leader.and_then(|leader| leader.leading());
    let epoch = after.leader_epoch;
    let leading =
        leading.filter(|leading| before.leader_epoch == epoch && leading.leader_epoch == epoch);
    let Some(leading) = leading else { return Ok(()) };
    for member in after.isr.iter().filter(|member| !before.isr.contains(member)) {
        let registered = entry.image.brokers().get(*member).map(|broker| broker.epoch);
        let fetched_in = leading.fetched_in.get(member).copied();
        demand!(
            fetched_in.is_none() || fetched_in == registered,
            M3,
            "broker {member} joins the ISR in registration {registered:?}, and its leader has \
             seen it fetch in {fetched_in:?}"
        );
    }
    Ok(())
}

fn judge(decided: &Partition, image: &ClusterImage) -> Verdict {
    let Partition { replicas, isr, elr, leader, .. } = decided;
    for (name, some) in [("replicas", replicas), ("ISR", isr), ("ELR", elr)] {
        let distinct: BTreeSet<&BrokerId> = some.iter().collect();
        demand!(distinct.len() == some.len(), M3, "a broker is twice in the {name}: {decided:?}");
        let stranger = some.iter().find(|broker| !replicas.contains(broker));
        demand!(stranger.is_none(), M3, "{stranger:?} in the {name} is no replica: {decided:?}");
    }
    let both = elr.iter().find(|broker| isr.contains(broker));
    demand!(both.is_none(), M3, "{both:?} is in the ISR and in the ELR: {decided:?}");
    demand!(
        leader.is_none_or(|leader| isr.contains(&leader)),
        M3,
        "the leader isn't in the ISR: {decided:?}"
    );
    if isr.len() > 1 {
        let out = isr.iter().find(|broker| !image.brokers().is_active(**broker));
        demand!(
            out.is_none(),
            M3,
            "{out:?} is fenced or shuts down, and is in the ISR: {decided:?}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn a_broker_that_leaves_the_isr_when_it_is_fenced_is_fine() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).fence(3);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_broker_that_joins_as_another_one_than_its_leader_has_seen_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1).append(1, 5).replicate(3).fetched(1, 3);
        story.propose(1, &[1, 2, 3]).register(3).decide(&[1, 2, 3], None);
        assert_eq!(story.violated(), Some("M3"));

        let mut story = Story::new();
        story.decide(&[1, 2], None).assign(1).append(1, 5).register(3).replicate(3).fetched(1, 3);
        story.propose(1, &[1, 2, 3]).decide(&[1, 2, 3], None);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_fenced_broker_in_the_isr_is_caught() {
        let mut story = Story::new();
        story.fence(3);
        assert_eq!(story.violated(), Some("M3"));
    }
}
