//! Aborted read, G1a: an ok poll returned a value whose send certainly failed.

use std::fmt;

use crate::brief::Brief;
use crate::facts::Facts;
use crate::op::{Key, Kind, Offset, Op, Value};

/// A value that should not be, who sent it and who saw it.
#[derive(Debug, Clone)]
pub struct AbortedRead<'h> {
    pub key: Key,
    pub value: Value,
    pub offset: Offset,
    pub writer: &'h Op,
    pub reader: &'h Op,
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<AbortedRead<'h>> {
    let mut found = Vec::new();
    for reader in facts.history().outcomes().filter(|op| op.is_ok()) {
        for (key, record) in reader.reads() {
            let writer =
                facts.partition(key).and_then(|partition| partition.writer_of(record.value));
            if let Some(writer) = writer.filter(|op| op.kind == Kind::Fail) {
                let (value, offset) = (record.value, record.offset);
                found.push(AbortedRead { key, value, offset, writer, reader });
            }
        }
    }
    found
}

impl fmt::Display for AbortedRead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, offset, writer, reader } = self;
        write!(f, "key {key}: value {value} at offset {offset}, whose send failed")?;
        write!(f, "\n  {}\n  {}", Brief(writer), Brief(reader))
    }
}
