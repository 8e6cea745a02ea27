//! Kafka's offset checkpoint: one offset per partition, as text.
//!
//! ```text
//! 0                    version
//! 2                    number of lines that follow
//! orders 0 4711
//! orders 1 17
//! ```
//!
//! A log directory has three: `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint` and
//! `replication-offset-checkpoint` (the high watermarks).

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use protocol::{Offset, PartitionIndex, TopicName, TopicPartition};

use crate::Error;

/// The content of one checkpoint file.
pub type Offsets = BTreeMap<TopicPartition, Offset>;

/// The file's text.
pub(crate) fn format(offsets: &Offsets) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (TopicPartition { topic, partition }, offset) in offsets {
        writeln!(text, "{topic} {partition} {offset}").expect("a string takes any text");
    }
    text
}

/// Reads the file's text.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Offsets, Error> {
    let lines = checkpoint_lines(path, bytes)?;
    let mut offsets = Offsets::new();
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let parsed = match fields[..] {
            [topic, partition, offset] => {
                partition.parse().ok().zip(offset.parse().ok()).map(|(partition, offset)| {
                    let topic = TopicName::from(topic);
                    let partition = PartitionIndex(partition);
                    (TopicPartition { topic, partition }, Offset(offset))
                })
            }
            _ => None,
        };
        let (partition, offset) = parsed.ok_or_else(|| malformed(path, line))?;
        offsets.insert(partition, offset);
    }
    Ok(offsets)
}

/// What all of Kafka's checkpoint files have in common: version 0, the number of lines, the lines.
pub(crate) fn checkpoint_lines<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<&'a str>, Error> {
    let error = |reason: &str| Error::Malformed { path: path.to_owned(), reason: reason.into() };
    let text = std::str::from_utf8(bytes).map_err(|_| error("not text"))?;
    let mut lines = text.lines();
    if lines.next().map(str::trim) != Some("0") {
        return Err(error("not a checkpoint of version 0"));
    }
    let count: usize = lines
        .next()
        .and_then(|line| line.trim().parse().ok())
        .ok_or_else(|| error("the second line is not the number of entries"))?;
    let lines: Vec<&str> = lines.collect();
    if lines.len() != count {
        return Err(error("the number of entries is not what the second line says"));
    }
    Ok(lines)
}

pub(crate) fn malformed(path: &Path, line: &str) -> Error {
    Error::Malformed { path: path.to_owned(), reason: format!("malformed line {line:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition: PartitionIndex(partition) }
    }

    #[test]
    fn the_text_is_kafkas() {
        let offsets = Offsets::from([
            (partition("orders", 0), Offset(4711)),
            (partition("a.b_c-d", 12), Offset(0)),
        ]);
        let text = format(&offsets);
        assert_eq!(text, "0\n2\na.b_c-d 12 0\norders 0 4711\n");
        assert_eq!(parse(Path::new("f"), text.as_bytes()).unwrap(), offsets);
    }

    #[test]
    fn a_file_that_is_cut_or_garbled_is_refused() {
        for text in ["", "0", "0\n1\n", "1\n0\n", "0\n1\na 0\n", "0\n1\na 0 x\n", "0\n0\na 0 0\n"] {
            assert!(parse(Path::new("f"), text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
