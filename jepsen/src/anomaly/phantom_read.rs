//! Phantom read: a value was polled that nobody ever tried to send to that key.
//!
//! Jepsen's checker stops at such a value. Here it is a finding, reported where it was polled
//! first.

use std::collections::BTreeSet;
use std::fmt;

use crate::brief::Brief;
use crate::facts::Facts;
use crate::op::{Key, Offset, Op, Value};

/// A value without an origin.
#[derive(Debug, Clone)]
pub struct PhantomRead<'h> {
    pub key: Key,
    pub value: Value,
    pub offset: Offset,
    pub reader: &'h Op,
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<PhantomRead<'h>> {
    let mut found = Vec::new();
    let mut told = BTreeSet::new();
    for reader in facts.history().outcomes() {
        for (key, record) in reader.reads() {
            let writer =
                facts.partition(key).and_then(|partition| partition.writer_of(record.value));
            if writer.is_none() && told.insert((key, record.value)) {
                let (value, offset) = (record.value, record.offset);
                found.push(PhantomRead { key, value, offset, reader });
            }
        }
    }
    found
}

impl fmt::Display for PhantomRead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, offset, reader } = self;
        write!(
            f,
            "key {key}: value {value} at offset {offset}, which nobody sent\n  {}",
            Brief(reader)
        )
    }
}
