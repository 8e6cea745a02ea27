//! S1 and S2, what recovery leaves: read from the disk itself, when a replica is opened.
//!
//! S1: every batch there is whole, the log ends where its node says, and it is what was written, up
//! to somewhere; a process that died took nothing with it that was committed. S2: whatever the node
//! called synced is there after a power loss, but for what it was about to cut off itself.
//!
//! Where a disk is damaged on purpose, whoever does it says so, and that machine isn't asked any more.
//! `correctness.md` 4.5; museum S1 and S2.

use broker::witness::Event;
use protocol::Offset;

use super::{Scene, Verdict, demand};
use crate::observer::log::Log;

const S1: &str = "S1";
const S2: &str = "S2";

/// Judges what is there when a replica is opened, and what is called synced.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { broker, replica, .. } = scene;
    match *scene.event {
        Event::Opened { log_end_offset, .. } => opened(scene, log_end_offset),
        Event::Synced { synced_end } => {
            demand!(
                synced_end <= replica.log.end(),
                S2,
                "broker {broker} has synced up to {synced_end} a log that ends at {}",
                replica.log.end()
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

fn opened(scene: &Scene<'_>, end: Offset) -> Verdict {
    let Scene { model, broker, .. } = scene;
    let Some(found) = scene.found else { return Ok(()) };
    if !model.is_sound(*broker) {
        return Ok(());
    }
    let log = match &found.log {
        Ok(log) => log,
        Err(fault) => {
            demand!(false, S1, "broker {broker} opens a log with something wrong in it: {fault}");
            return Ok(());
        }
    };
    demand!(
        log.end() == end,
        S1,
        "broker {broker} opens a log that ends at {end}, and on its disk it ends at {}",
        log.end()
    );
    survived(scene, log)
}

/// Compares what is there with what was.
fn survived(scene: &Scene<'_>, log: &Log) -> Verdict {
    let Scene { broker, partition, replica, .. } = scene;
    let (before, synced_end) = (&replica.log, replica.synced_end);
    let gone = before.marks().find(|mark| mark.end > log.start() && !log.has(mark));
    let Some(gone) = gone else { return Ok(()) };
    demand!(
        gone.end > synced_end,
        S2,
        "broker {broker} had synced everything before {synced_end}, and {gone} isn't there"
    );
    // A process may die between cutting a log and saying so, but it cuts nothing that's committed.
    demand!(
        replica.power_lost || partition.losses.is_open() || !partition.committed.has(gone),
        S1,
        "broker {broker} has lost {gone}, which is committed, with its process and not its power"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn what_wasnt_synced_may_be_lost_with_the_power() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).append(1, 1).sync(1, 5).lose_power(1, 7).opens(1);
        assert_eq!(story.violated(), None);
        assert_eq!(story.reached("a power loss takes records"), 1);
    }

    #[test]
    fn what_was_synced_may_not() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).sync(1, 7).lose_power(1, 5).opens(1);
        assert_eq!(story.violated(), Some("S2"));
    }

    #[test]
    fn what_was_synced_may_be_cut_off_by_a_process_that_dies_over_it() {
        for left in [5, 7] {
            let mut story = Story::new();
            story.append(1, 5).append(1, 2).sync(1, 7).begin_truncation(1, 5);
            story.kill(1).forget(1, left).opens(1);
            assert_eq!(story.violated(), None, "cut, or not yet: {left} are left");
        }
        let mut story = Story::new();
        story.append(1, 3).append(1, 2).append(1, 2).sync(1, 7).begin_truncation(1, 5);
        story.lose_power(1, 3).opens(1);
        assert_eq!(story.violated(), Some("S2"), "what comes before the cut stays");
    }

    #[test]
    fn what_is_committed_is_never_cut_off() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().begin_truncation(1, 0);
        story.kill(1).forget(1, 0).opens(1);
        assert_eq!(story.violated(), Some("S1"));
    }

    #[test]
    fn a_process_takes_nothing_with_it() {
        let mut story = Story::new();
        story.append(1, 5).replicate_to_all().kill(1).forget(1, 0).opens(1);
        assert_eq!(story.violated(), Some("S1"));
    }

    #[test]
    fn a_log_that_isnt_as_long_as_its_node_says_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).lose_power(1, 0).opens_with(1, 5);
        assert_eq!(story.violated(), Some("S1"));
    }

    #[test]
    fn a_torn_batch_is_caught_unless_somebody_damaged_the_disk() {
        let mut story = Story::new();
        story.append(1, 5).lose_power(1, 5).opens_torn(1);
        assert_eq!(story.violated(), Some("S1"));

        let mut story = Story::new();
        story.append(1, 5).lose_power(1, 5).damage(1).opens_torn(1);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn what_isnt_there_cant_be_synced() {
        let mut story = Story::new();
        story.append(1, 5).sync(1, 6);
        assert_eq!(story.violated(), Some("S2"));
    }
}
