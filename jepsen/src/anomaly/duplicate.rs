//! Duplicate: a value is at two or more offsets of its key.
//!
//! A producer that retries and is not idempotent may do this; then the test tolerates it.

use std::collections::BTreeMap;
use std::fmt;

use crate::brief::{Brief, list};
use crate::facts::Facts;
use crate::op::{Key, Offset, Op, Value};

/// A value and its places.
#[derive(Debug, Clone)]
pub struct Duplicate<'h> {
    pub key: Key,
    pub value: Value,
    /// Two or more, in order.
    pub offsets: Vec<Offset>,
    pub writer: Option<&'h Op>,
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Duplicate<'h>> {
    let mut found = Vec::new();
    for (key, partition) in facts.partitions() {
        let order = partition.order();
        let repeated = order.appearances().iter().filter(|(_, appearance)| appearance.count > 1);
        let mut offsets: BTreeMap<Value, Vec<Offset>> = repeated
            .map(|(value, appearance)| (*value, Vec::with_capacity(appearance.count)))
            .collect();
        if offsets.is_empty() {
            continue;
        }
        for (offset, values) in order.log() {
            for value in values {
                if let Some(offsets) = offsets.get_mut(value) {
                    offsets.push(*offset);
                }
            }
        }
        found.extend(offsets.into_iter().map(|(value, offsets)| Duplicate {
            key,
            value,
            offsets,
            writer: partition.writer_of(value),
        }));
    }
    found
}

impl fmt::Display for Duplicate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}: value {} is at offsets ", self.key, self.value)?;
        list(f, &self.offsets, self.offsets.len())?;
        self.writer.map_or(Ok(()), |writer| write!(f, "\n  {}", Brief(writer)))
    }
}
