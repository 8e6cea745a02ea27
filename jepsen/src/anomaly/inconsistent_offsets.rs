//! Inconsistent offsets: an offset of a key holds two or more values.

use std::fmt;

use crate::brief::Brief;
use crate::facts::{Facts, Partition};
use crate::op::{Key, Offset, Op, Value};

/// An offset, and who says what of it.
#[derive(Debug, Clone)]
pub struct InconsistentOffset<'h> {
    pub key: Key,
    pub offset: Offset,
    /// The offset without the gaps before it.
    pub index: usize,
    /// In the order of the values: two or more.
    pub values: Vec<Witness<'h>>,
}

/// A value and an operation that sent it there or saw it there.
#[derive(Debug, Clone, Copy)]
pub struct Witness<'h> {
    pub value: Value,
    pub op: &'h Op,
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<InconsistentOffset<'h>> {
    let mut found = Vec::new();
    for (key, partition) in facts.partitions() {
        for (index, (&offset, values)) in partition.order().log().iter().enumerate() {
            if values.len() > 1 {
                let witness = |value: &Value| witness(partition, key, *value, offset);
                let values = values.iter().map(witness).collect();
                found.push(InconsistentOffset { key, offset, index, values });
            }
        }
    }
    found
}

fn witness<'h>(partition: &Partition<'h>, key: Key, value: Value, offset: Offset) -> Witness<'h> {
    let sent_it = |op: &&Op| op.sends().any(|send| send == (key, value, Some(offset)));
    let saw_it = |op: &&&Op| {
        op.reads().any(|(of, record)| (of, record.value, record.offset) == (key, value, offset))
    };
    let reader = || partition.readers_of(value).iter().find(saw_it).copied();
    let op = partition.writer_of(value).filter(sent_it).or_else(reader);
    Witness { value, op: op.expect("what is in the log was sent or polled") }
}

impl fmt::Display for InconsistentOffset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (values, offset) = (self.values.len(), self.offset);
        write!(f, "key {}: {values} values at offset {offset}", self.key)?;
        for Witness { value, op } in &self.values {
            write!(f, "\n  {value}: {}", Brief(op))?;
        }
        Ok(())
    }
}
