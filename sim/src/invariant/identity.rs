//! L9, identity: what is served under a topic's id was produced to that topic. A directory that
//! says whose it is says the same as its replica; a replica that a broker never had begins empty.
//!
//! KIP-516; museum R16: a topic was deleted and created again while a broker was away, which brings
//! back what it had.

use broker::witness::Event;

use super::{Scene, Verdict, demand};

const L9: &str = "L9";

/// Judges a replica that is opened.
pub(crate) fn check(scene: &Scene<'_>) -> Verdict {
    let Scene { of, broker, partition, .. } = scene;
    let Event::Opened { log_start_offset, log_end_offset, .. } = *scene.event else {
        return Ok(());
    };
    if let Some(topic) = scene.found.and_then(|found| found.topic) {
        demand!(
            topic == of.topic,
            L9,
            "broker {broker} opens a replica of topic {}, in a directory of topic {topic}",
            of.topic
        );
    }
    let is_new = !partition.replicas.contains_key(broker);
    demand!(
        !is_new || log_start_offset == log_end_offset,
        L9,
        "broker {broker} never had this replica, and opens it with {log_start_offset}..\
         {log_end_offset}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn a_new_replica_that_is_empty_is_fine_and_so_is_an_old_one_that_isnt() {
        let mut story = Story::new();
        story.append(1, 5).kill(1).opens(1).wipe(2).opens(2);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn a_new_replica_that_has_something_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).wipe(2).opens_with(2, 5);
        assert_eq!(story.violated(), Some("L9"));
    }

    #[test]
    fn a_directory_of_another_topic_is_caught() {
        let mut story = Story::new();
        story.append(1, 5).kill(1).opens_as_another_topics(1);
        assert_eq!(story.violated(), Some("L9"));
    }
}
