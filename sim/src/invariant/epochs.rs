//! M4, epochs: every change of a partition raises its partition epoch by one, and every naming of a
//! leader its leader epoch by one; broker epochs only go up and no two registrations share one;
//! blocks of producer ids don't overlap.
//!
//! The observer counts by its own reading of the records. `correctness.md` 4.2; museum Q8 and Q13.

use metadata::MetadataRecord;
use protocol::{BrokerEpoch, BrokerId};

use super::{Entry, Finding, Verdict, demand};
use crate::observer::{model::Model, partition::PartitionId};

const M4: &str = "M4";

/// Judges an entry, and the image that it leads to.
pub(crate) fn check(entry: &Entry<'_>) -> Result<(), (Finding, Option<PartitionId>)> {
    of_brokers(entry).and_then(|()| of_producers(entry)).map_err(|finding| (finding, None))?;
    for step in entry.steps {
        let last = entry.steps.iter().rev().find(|last| last.of == step.of);
        let expected = last.and_then(|last| last.after.as_ref());
        let there = entry.image.topics().partition(step.of.topic, step.of.partition);
        let judge = || {
            demand!(
                there == expected,
                M4,
                "by the records it should be {expected:?}, and it is {there:?}"
            );
            Ok(())
        };
        judge().map_err(|finding| (finding, Some(step.of)))?;
    }
    Ok(())
}

/// Judges a process of a broker that has come into service: it has registered, so that nobody takes
/// it for the one before. Museum Q13.
pub(crate) fn check_serving(model: &Model, broker: BrokerId) -> Verdict {
    let epoch = model.quorum.image.brokers().get(broker).map(|registered| registered.epoch);
    let before = model.machines.get(&broker).map(|machine| machine.epoch_at_end);
    demand!(
        epoch > before,
        M4,
        "broker {broker} serves under the epoch {}, which a process had that is gone",
        epoch.unwrap_or_default()
    );
    Ok(())
}

fn of_brokers(entry: &Entry<'_>) -> Verdict {
    let mut last: BrokerEpoch = entry.model.quorum.last_broker_epoch;
    for record in entry.records {
        let MetadataRecord::RegisterBroker(record) = record else { continue };
        let known = entry.model.quorum.image.brokers().get(record.broker_id);
        let is_known = known.is_some_and(|known| {
            (known.epoch, known.incarnation_id) == (record.broker_epoch, record.incarnation_id)
        });
        demand!(
            record.broker_epoch > last || is_known,
            M4,
            "broker {} is given the epoch {}, and {last} was given before",
            record.broker_id,
            record.broker_epoch
        );
        last = last.max(record.broker_epoch);
    }
    Ok(())
}

fn of_producers(entry: &Entry<'_>) -> Verdict {
    let mut next = entry.model.quorum.image.next_producer_id();
    for record in entry.records {
        let MetadataRecord::ProducerIds(record) = record else { continue };
        demand!(
            record.next_producer_id > next,
            M4,
            "broker {} takes producer ids before {}, and those before {next} are taken",
            record.broker_id,
            record.next_producer_id
        );
        next = record.next_producer_id;
    }
    let there = entry.image.next_producer_id();
    demand!(
        there == next,
        M4,
        "by the records producer ids before {next} are taken, and the image says {there}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn changes_that_raise_their_epochs_by_one_are_fine() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).decide(&[1, 2], Some(2)).register(3).take_producer_ids(1_000);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_change_that_is_applied_twice_is_caught() {
        let mut story = Story::new();
        story.decide_twice(&[1, 2]);
        assert_eq!(story.violated(), Some("M4"));
    }

    #[test]
    fn a_broker_epoch_that_is_given_twice_is_caught() {
        let mut story = Story::new();
        story.register_with(4, 3);
        assert_eq!(story.violated(), Some("M4"));
    }

    #[test]
    fn a_block_of_producer_ids_that_is_taken_twice_is_caught() {
        let mut story = Story::new();
        story.take_producer_ids(1_000).take_producer_ids(1_000);
        assert_eq!(story.violated(), Some("M4"));
    }

    #[test]
    fn a_process_that_serves_as_the_one_before_it_is_caught() {
        let mut story = Story::new();
        story.serves(1).kill(1).opens(1).register(1).serves(1);
        assert_eq!(story.violated(), None);
        story.kill(1).opens(1).serves(1);
        assert_eq!(story.violated(), Some("M4"));
    }
}
