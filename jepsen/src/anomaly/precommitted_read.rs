//! Precommitted read: an operation polled a value that it sent itself.
//!
//! In most databases that is as it should be. In Kafka nobody is to see what has not committed,
//! and the sender is no exception. Needs an operation that does both, so a transaction.

use std::collections::BTreeSet;
use std::fmt;

use crate::brief::Brief;
use crate::facts::Facts;
use crate::op::{Key, Op, Value};

/// A value, sent and seen by one operation.
#[derive(Debug, Clone)]
pub struct PrecommittedRead<'h> {
    pub key: Key,
    pub value: Value,
    pub op: &'h Op,
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<PrecommittedRead<'h>> {
    let mut found = Vec::new();
    for op in facts.history().outcomes() {
        let sent: BTreeSet<(Key, Value)> = op.sends().map(|(key, value, _)| (key, value)).collect();
        if sent.is_empty() {
            continue;
        }
        let seen: BTreeSet<(Key, Value)> =
            op.reads().map(|(key, record)| (key, record.value)).collect();
        let both = sent.intersection(&seen);
        found.extend(both.map(|&(key, value)| PrecommittedRead { key, value, op }));
    }
    found
}

impl fmt::Display for PrecommittedRead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, op } = self;
        write!(f, "key {key}: value {value}, polled by its own sender\n  {}", Brief(op))
    }
}
