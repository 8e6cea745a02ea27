//! Unseen: an ok send whose value no ok poll ever returned.
//!
//! It may be lost or only late. Tests end with polls of everything, which leaves the first.

use std::fmt;

use crate::brief::{Brief, list};
use crate::facts::Facts;
use crate::op::{Key, Op, Value};

/// The values of a key that nobody saw.
#[derive(Debug, Clone)]
pub struct Unseen<'h> {
    pub key: Key,
    /// One or more, in order.
    pub values: Vec<Value>,
    /// Who sent the first of them.
    pub writer: &'h Op,
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Unseen<'h>> {
    let of_key = |(key, partition): (Key, &crate::facts::Partition<'h>)| {
        let unseen = |(value, op): &(Value, &Op)| op.is_ok() && !partition.is_read(*value);
        let mut unseen = partition.writers().filter(unseen);
        let (first, writer) = unseen.next()?;
        let values = [first].into_iter().chain(unseen.map(|(value, _)| value)).collect();
        Some(Unseen { key, values, writer })
    };
    facts.partitions().filter_map(of_key).collect()
}

impl fmt::Display for Unseen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}: {} acknowledged but never polled: ", self.key, self.values.len())?;
        list(f, &self.values, self.values.len())?;
        write!(f, "\n  {}", Brief(self.writer))
    }
}
