//! What follows from a history before anything is judged.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::History;
use crate::op::{Key, Kind, Offset, Op, Value};
use crate::version_order::VersionOrder;

/// What all checkers share.
#[derive(Debug)]
pub struct Facts<'h> {
    history: &'h History,
    partitions: BTreeMap<Key, Partition<'h>>,
}

/// What is known of one key.
#[derive(Debug, Default)]
pub struct Partition<'h> {
    order: VersionOrder,
    writer_of: BTreeMap<Value, &'h Op>,
    readers_of: BTreeMap<Value, Vec<&'h Op>>,
}

type Logs = BTreeMap<Key, BTreeMap<Offset, BTreeSet<Value>>>;

impl<'h> Facts<'h> {
    /// Collects them.
    #[must_use]
    pub fn of(history: &'h History) -> Self {
        let mut facts = Self { history, partitions: BTreeMap::new() };
        for op in history.outcomes() {
            for (key, value, _) in op.sends() {
                facts.partitions.entry(key).or_default().writer_of.insert(value, op);
            }
            for (key, record) in op.reads() {
                let partition = facts.partitions.entry(key).or_default();
                partition.readers_of.entry(record.value).or_default().push(op);
            }
        }
        for (key, log) in facts.logs() {
            facts.partitions.entry(key).or_default().order = VersionOrder::new(log);
        }
        facts
    }

    /// The logs as told by the sends that must have committed, and by all polls: what a poll
    /// returns is to be true even where its transaction is aborted.
    fn logs(&self) -> Logs {
        let mut logs = Logs::new();
        let mut note = |key, offset, value| {
            logs.entry(key).or_default().entry(offset).or_default().insert(value);
        };
        for op in self.history.outcomes() {
            if self.must_have_committed(op) {
                for (key, value, offset) in op.sends() {
                    if let Some(offset) = offset {
                        note(key, offset, value);
                    }
                }
            }
            for (key, record) in op.reads() {
                note(key, record.offset, record.value);
            }
        }
        logs
    }

    #[must_use]
    pub fn history(&self) -> &'h History {
        self.history
    }

    /// Every key that was sent to or polled.
    pub fn partitions(&self) -> impl Iterator<Item = (Key, &Partition<'h>)> {
        self.partitions.iter().map(|(key, partition)| (*key, partition))
    }

    #[must_use]
    pub fn partition(&self, key: Key) -> Option<&Partition<'h>> {
        self.partitions.get(&key)
    }

    /// Whether the sends of an operation certainly took place: it is ok, or its outcome is unknown
    /// and an ok poll saw one of them.
    #[must_use]
    pub fn must_have_committed(&self, op: &Op) -> bool {
        let seen =
            |(key, value, _)| self.partition(key).is_some_and(|partition| partition.is_read(value));
        match op.kind {
            Kind::Ok => true,
            Kind::Fail => false,
            Kind::Info | Kind::Invoke => op.sends().any(seen),
        }
    }
}

impl<'h> Partition<'h> {
    #[must_use]
    pub fn order(&self) -> &VersionOrder {
        &self.order
    }

    /// How the operation that sent a value ended.
    #[must_use]
    pub fn writer_of(&self, value: Value) -> Option<&'h Op> {
        self.writer_of.get(&value).copied()
    }

    /// Every value that anybody tried to send, and how the operation ended.
    pub fn writers(&self) -> impl Iterator<Item = (Value, &'h Op)> {
        self.writer_of.iter().map(|(value, op)| (*value, *op))
    }

    /// Every operation whose polls saw a value, however it ended.
    #[must_use]
    pub fn readers_of(&self, value: Value) -> &[&'h Op] {
        self.readers_of.get(&value).map_or(&[], Vec::as_slice)
    }

    /// The first ok operation whose polls saw a value.
    #[must_use]
    pub fn ok_reader_of(&self, value: Value) -> Option<&'h Op> {
        self.readers_of(value).iter().find(|op| op.is_ok()).copied()
    }

    /// Whether an ok poll saw a value.
    #[must_use]
    pub fn is_read(&self, value: Value) -> bool {
        self.ok_reader_of(value).is_some()
    }

    /// Every value that an ok poll saw.
    pub fn values_read(&self) -> impl Iterator<Item = Value> {
        let of_ok = |readers: &Vec<&Op>| readers.iter().any(|op| op.is_ok());
        self.readers_of.iter().filter(move |(_, readers)| of_ok(readers)).map(|(value, _)| *value)
    }
}
