//! L8, high watermark: it is within the log; a leader's never goes down in one epoch, nor beyond
//! what one of the in-sync replicas that the leader knows has fetched in this epoch; it stands still
//! while too few are in sync (KIP-966); and nothing above it is acknowledged to somebody who asked
//! for all.
//!
//! `correctness.md` 4.1; museum R17, R10, R4.

use broker::witness::Event;
use protocol::{LeaderEpoch, Offset};
use replica::Acks;

use super::{Scene, Verdict, demand};

const L8: &str = "L8";

/// Judges what depends on the high watermark.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { broker, replica, .. } = scene;
    match *scene.event {
        Event::HighWatermark { high_watermark, as_leader, leader_epoch } => {
            let (start, end) = (replica.log.start(), replica.log.end());
            demand!(
                start <= high_watermark && high_watermark <= end,
                L8,
                "broker {broker} has its high watermark at {high_watermark}, and its log is \
                 {start}..{end}"
            );
            if as_leader { leads_to(scene, high_watermark, leader_epoch) } else { Ok(()) }
        }
        Event::Acknowledged { end, acks: Acks::All, .. } => {
            demand!(
                end <= replica.high_watermark,
                L8,
                "broker {broker} acknowledges offsets before {end} for all, and its high watermark \
                 is {}",
                replica.high_watermark
            );
            Ok(())
        }
        Event::LogStartMoved { log_start_offset } => {
            demand!(
                log_start_offset <= replica.high_watermark.max(replica.log.end()),
                L8,
                "broker {broker} deletes what is before {log_start_offset}, and its high watermark \
                 is {}",
                replica.high_watermark
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A leader has moved it.
fn leads_to(scene: &Scene<'_>, high_watermark: Offset, leader_epoch: LeaderEpoch) -> Verdict {
    let Scene { model, of, broker, replica, .. } = scene;
    demand!(
        high_watermark >= replica.high_watermark,
        L8,
        "broker {broker}, leading epoch {leader_epoch}, moves its high watermark from {} back to \
         {high_watermark}",
        replica.high_watermark
    );
    let Some(leading) = replica.leading() else {
        demand!(false, L8, "broker {broker} moves its high watermark as a leader, and isn't one");
        return Ok(());
    };
    if high_watermark == replica.high_watermark {
        return Ok(());
    }
    let least = model.min_insync_replicas(*of);
    demand!(
        leading.isr.len() >= least,
        L8,
        "broker {broker} moves its high watermark to {high_watermark}, and only {:?} are in sync, \
         not {least}",
        leading.isr
    );
    for member in leading.isr.iter().filter(|member| *member != broker) {
        let fetched = leading.fetched.get(member);
        demand!(
            fetched.is_some_and(|end| *end >= high_watermark),
            L8,
            "broker {broker} moves its high watermark to {high_watermark}, and broker {member}, \
             which it takes for in sync, has fetched up to {fetched:?} in this epoch"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn a_high_watermark_behind_all_of_the_isr_is_fine() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).replicate_to_all().acknowledge(1, 7);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn an_acknowledgement_above_it_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).acknowledge(1, 5);
        assert_eq!(story.violated(), Some("L8"));
    }

    #[test]
    fn a_leader_that_takes_it_back_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).replicate_to_all().claim_high_watermark(1, 5);
        assert_eq!(story.violated(), Some("L8"));
    }

    #[test]
    fn a_leader_that_commits_alone_below_the_minimum_is_caught() {
        let mut story = Story::new();
        story.decide(&[1], None).assign(1).append(1, 5).claim_high_watermark(1, 5);
        assert_eq!(story.violated(), Some("L8"));
    }

    #[test]
    fn one_beyond_the_log_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).follower_high_watermark(2, 5);
        assert_eq!(story.violated(), Some("L8"));
    }

    #[test]
    fn a_deposed_leader_that_drops_its_followers_by_itself_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).decide(&[2, 3], Some(2));
        // The controller has nothing to compare with, but it knew of three.
        story.claim_high_watermark(1, 5);
        assert_eq!(story.violated(), Some("L8"));
    }
}
