//! M5, published prefix: the image that a broker shows to its clients is the one that the metadata
//! log leads to at its index, and within the life of a process the index doesn't go down.
//!
//! A broker's image may be old; it must not be another one. `correctness.md` 4.2; museum Q11.

use protocol::BrokerId;

use super::{Verdict, demand};
use crate::observer::quorum::Quorum;

const M5: &str = "M5";

/// Judges an image that a broker shows, given the index of the one before it.
pub(crate) fn check(
    quorum: &Quorum,
    broker: BrokerId,
    before: Option<i64>,
    index: i64,
    digest: u64,
) -> Verdict {
    demand!(
        before.is_none_or(|before| before <= index),
        M5,
        "broker {broker} shows the image of entry {index} after that of {}",
        before.unwrap_or_default()
    );
    let Ok(index) = u64::try_from(index) else { return Ok(()) };
    demand!(
        quorum.reaches(index),
        M5,
        "broker {broker} shows the image of entry {index}, which isn't committed"
    );
    if let Some((_, known)) = quorum.at(index) {
        demand!(
            known.digest == digest,
            M5,
            "broker {broker} shows image {digest:016x} as that of entry {index}, which is {:016x}",
            known.digest
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::observer::story::Story;

    #[test]
    fn an_old_image_is_fine() {
        let mut story = Story::new();
        story.publish(1).decide(&[1, 2], None).publish(1).decide(&[1], None);
        assert_eq!(story.violated(), None);
    }

    #[test]
    fn an_image_that_isnt_committed_is_caught() {
        let mut story = Story::new();
        story.publish_ahead(1);
        assert_eq!(story.violated(), Some("M5"));
    }

    #[test]
    fn an_image_that_is_another_one_is_caught() {
        let mut story = Story::new();
        story.decide(&[1, 2], None).publish_an_empty_image(1);
        assert_eq!(story.violated(), Some("M5"));
    }

    #[test]
    fn an_image_that_goes_back_is_caught() {
        let mut story = Story::new();
        story.publish(1).decide(&[1, 2], None).publish(1).publish_the_first(1);
        assert_eq!(story.violated(), Some("M5"));
    }
}
