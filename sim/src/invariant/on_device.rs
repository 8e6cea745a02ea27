//! S2 and S3, what is called synced: read from the device itself, at the moment when it's said.
//!
//! S2: every batch before that offset is there, and would be if the power failed now. S3: the index of
//! a closed segment leads to batches, to the ones that it names. Neither waits for a power loss, or a
//! reader, to be harmed. What isn't whole on a sound device wasn't synced, or came damaged from a leader
//! (museum S5). `correctness.md` 4.5; museum S2 (KAFKA-10101) and S3.

use broker::witness::Event;

use super::{Scene, Verdict, demand};

const S2: &str = "S2";
const S3: &str = "S3";

/// Judges what is on the device when something is called synced.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { model, broker, replica, .. } = scene;
    let (Event::Synced { synced_end }, Some(found)) = (scene.event, scene.found) else {
        return Ok(());
    };
    if !model.is_sound(*broker) || scene.is_compacted() {
        return Ok(());
    }
    let log = match &found.log {
        Ok(log) => log,
        Err(fault) => {
            demand!(false, S2, "broker {broker} says it has synced, and on the device: {fault}");
            return Ok(());
        }
    };
    let said = replica.log.beyond(replica.synced_end).take_while(|mark| mark.end <= *synced_end);
    for mark in said {
        demand!(
            log.has(mark),
            S2,
            "broker {broker} has synced up to {synced_end}, and {mark} isn't on the device"
        );
    }
    demand!(
        found.misleading.is_none(),
        S3,
        "broker {broker}: {}",
        found.misleading.as_deref().unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn what_is_on_the_device_may_be_called_synced() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).sync_with(1, 5, 5).sync_with(1, 5, 7);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn what_is_not_on_the_device_is_not_synced() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).sync_with(1, 7, 5);
        assert_eq!(story.violated(), Some("S2"));
    }

    #[test]
    fn a_device_that_is_damaged_is_not_judged() {
        let mut story = Story::new();
        story.append(1, 5).append(1, 2).damage(1).sync_with(1, 7, 5);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn an_index_that_leads_astray_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).sync_misled(1, 5);
        assert_eq!(story.violated(), Some("S3"));
    }
}
