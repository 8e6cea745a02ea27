//! L3, epoch unique: at most one life of one broker ever appends in a leader epoch, the one that
//! the controller elected for it; and the epochs in a log never go down.
//!
//! A broker that is started again is another leader: it may have lost what it had. `correctness.md`
//! 4.1; museum Q11 (an epoch that wasn't committed) and Q13 (a reboot that nobody noticed).

use broker::witness::Event;

use super::{Scene, Verdict, demand};
use crate::observer::partition::Appender;

const L3: &str = "L3";

/// Judges what is appended, and who takes itself for the leader.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { broker, partition, replica, .. } = scene;
    match scene.event {
        Event::Appended { header, as_leader, leader_epoch } => {
            let epoch = header.partition_leader_epoch;
            let last = replica.log.last().map(|last| last.epoch);
            demand!(
                last.is_none_or(|last| last <= epoch),
                L3,
                "broker {broker} appends a batch of epoch {epoch} behind one of {last:?}"
            );
            if !as_leader {
                return Ok(());
            }
            demand!(
                epoch == *leader_epoch,
                L3,
                "broker {broker}, leading epoch {leader_epoch}, appends a batch of epoch {epoch}"
            );
            let appender = Appender { broker: *broker, life: scene.life() };
            let other = partition.appenders.get(&epoch).filter(|other| **other != appender);
            demand!(
                other.is_none(),
                L3,
                "broker {broker} appends in epoch {epoch}, and so did {other:?}"
            );
            Ok(())
        }
        Event::Assigned(assignment) if assignment.leader == *broker => {
            let epoch = assignment.leader_epoch;
            let elected = partition.elected.get(&epoch);
            demand!(
                elected == Some(&Some(*broker)),
                L3,
                "broker {broker} takes itself for the leader of epoch {epoch}, for which the \
                 controllers have elected {elected:?}"
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn one_leader_after_another_is_fine() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all();
        story.decide(&[1, 2, 3], Some(2)).assign(2).append(2, 1);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_leader_that_nobody_elected_is_caught() {
        let mut story = Story::new();
        story.assign_as(2, 2, 1);
        assert_eq!(story.violated(), Some("L3"));
    }

    #[test]
    fn two_leaders_of_one_epoch_are_caught() {
        let mut story = Story::new();
        story.append(1, 5).appends_as_leader(2, 0, 1, 0);
        assert_eq!(story.violated(), Some("L3"));
    }

    #[test]
    fn a_leader_that_goes_on_after_it_was_started_again_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).kill(1).opens(1).assign(1).append(1, 1);
        assert_eq!(story.violated(), Some("L3"));
    }

    #[test]
    fn an_epoch_before_the_last_one_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).decide(&[1, 2, 3], Some(2)).assign(2).append(2, 5);
        story.assign(3).copies(3, 2, 0).appends_as_follower(3, 5, 6, 0, 0);
        assert_eq!(story.violated(), Some("L3"));
    }
}
