//! Kafka's `partition.metadata`: which topic a partition's directory belongs to (KIP-516).
//!
//! A topic that was deleted and created again has the same name and another id; this file tells
//! an old directory from a new one.

use std::path::Path;

use protocol::TopicId;

use crate::Error;

/// The file's name, in the directory of the partition.
pub(crate) const FILE_NAME: &str = "partition.metadata";

pub(crate) fn format(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<TopicId, Error> {
    let malformed =
        |reason: &str| Error::Malformed { path: path.to_owned(), reason: reason.into() };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("not text"))?;
    let mut lines = text.lines();
    let mut value = |key| {
        lines
            .next()
            .and_then(|line| line.split_once(':'))
            .filter(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim())
    };
    if value("version") != Some("0") {
        return Err(malformed("the first line is not `version: 0`"));
    }
    value("topic_id")
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| malformed("the second line is not `topic_id: ` and an id"))
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;

    use super::*;

    #[test]
    fn the_text_is_kafkas() {
        let text = format(Uuid([0; 16]));
        assert_eq!(text, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA");
        let id = Uuid([0xa5; 16]);
        assert_eq!(parse(Path::new("f"), format(id).as_bytes()).unwrap(), id);
        for text in ["", "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "version: 0\n"] {
            assert!(parse(Path::new("f"), text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
