//! Two values of a key that one process saw, or sent, one directly after the other.
//!
//! Seven anomalies are about such steps: within an operation or between two of a process, polled or
//! sent, too wide or not forward. Here is how steps are found; each anomaly's file picks its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::brief::{Brief, list};
use crate::facts::Facts;
use crate::op::{Action, Key, Kind, Offset, Op, Process, Value};

/// How many of the values that were skipped a finding names.
const SKIPPED_NAMED_MAX: usize = 32;

/// One step along the log of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'h> {
    key: Key,
    values: [Value; 2],
    indexes: [usize; 2],
    ops: [&'h Op; 2],
}

/// Two values next to each other for whom saw or sent them, but not in the log.
#[derive(Debug, Clone)]
pub struct Skip<'h> {
    pub key: Key,
    pub values: [Value; 2],
    /// How many indexes the second is after the first: more than one.
    pub delta: isize,
    /// What stands between them, or the beginning of it.
    pub skipped: Vec<Value>,
    /// Who saw or sent them: twice the same, if within one operation.
    pub ops: [&'h Op; 2],
}

/// Two values the second of which is not after the first in the log.
#[derive(Debug, Clone)]
pub struct Setback<'h> {
    pub key: Key,
    pub values: [Value; 2],
    /// How many indexes the second is after the first: zero or less.
    pub delta: isize,
    /// Who saw or sent them: twice the same, if within one operation.
    pub ops: [&'h Op; 2],
}

impl<'h> Step<'h> {
    fn delta(&self) -> isize {
        let [from, to] = self.indexes;
        to.checked_signed_diff(from).expect("no log is as long as half the memory")
    }

    /// The step as a skip, if it is one.
    pub(crate) fn skip(&self, facts: &Facts<'_>) -> Option<Skip<'h>> {
        let Self { key, values, indexes: [from, to], ops } = *self;
        let delta = self.delta();
        (delta > 1).then(|| {
            let log =
                facts.partition(key).map_or(&[][..], |partition| partition.order().by_index());
            let skipped = log[from + 1..to].iter().copied().take(SKIPPED_NAMED_MAX).collect();
            Skip { key, values, delta, skipped, ops }
        })
    }

    /// The step as a setback, if it is one.
    pub(crate) fn setback(&self) -> Option<Setback<'h>> {
        let Self { key, values, ops, .. } = *self;
        let delta = self.delta();
        (delta < 1).then_some(Setback { key, values, delta, ops })
    }
}

/// A value, where it was seen or went, and whose doing that was.
#[derive(Debug, Clone, Copy)]
struct Place<'h> {
    value: Value,
    offset: Option<Offset>,
    op: &'h Op,
}

/// From one place to the next, if the log knows both.
fn step<'h>(facts: &Facts<'_>, key: Key, from: Place<'h>, to: Place<'h>) -> Option<Step<'h>> {
    let order = facts.partition(key)?.order();
    let from_index = order.index_of(from.value, from.offset)?;
    let to_index = order.index_of(to.value, to.offset)?;
    Some(Step {
        key,
        values: [from.value, to.value],
        indexes: [from_index, to_index],
        ops: [from.op, to.op],
    })
}

/// What an operation polled, in order.
fn polled(op: &Op) -> impl Iterator<Item = (Key, Place<'_>)> {
    let place = move |(key, record): (Key, crate::op::Record)| {
        (key, Place { value: record.value, offset: Some(record.offset), op })
    };
    op.reads().map(place)
}

/// What an operation sent, in order.
fn sent(op: &Op) -> impl Iterator<Item = (Key, Place<'_>)> {
    op.sends().map(move |(key, value, offset)| (key, Place { value, offset, op }))
}

/// Visits the steps within the polls of each operation, however it ended. Keys that were
/// rebalanced meanwhile are left out.
pub(crate) fn within_polls<'h>(facts: &Facts<'h>, mut visit: impl FnMut(Step<'h>)) {
    for op in facts.history().outcomes() {
        let rebalanced: BTreeSet<&Key> = op.rebalance_log.iter().flatten().collect();
        let places = polled(op).filter(|(key, _)| !rebalanced.contains(key));
        within(facts, places, &mut visit);
    }
}

/// Visits the steps within the sends of each operation, however it ended.
pub(crate) fn within_sends<'h>(facts: &Facts<'h>, mut visit: impl FnMut(Step<'h>)) {
    for op in facts.history().outcomes() {
        within(facts, sent(op), &mut visit);
    }
}

fn within<'h>(
    facts: &Facts<'h>,
    places: impl Iterator<Item = (Key, Place<'h>)>,
    visit: &mut impl FnMut(Step<'h>),
) {
    let mut last: BTreeMap<Key, Place<'h>> = BTreeMap::new();
    for (key, to) in places {
        if let Some(from) = last.insert(key, to) {
            step(facts, key, from, to).into_iter().for_each(&mut *visit);
        }
    }
}

/// Visits the steps from the last value of an ok operation that polled a key to the first of the
/// next one, however that ended: after a poll that failed, the same records are polled again.
pub(crate) fn between_polls<'h>(facts: &Facts<'h>, visit: impl FnMut(Step<'h>)) {
    between(facts, polled, |kind| kind == Kind::Ok, |_| true, visit);
}

/// Visits the steps from the last value of an operation that sent to a key to the first of the
/// next one, where neither certainly failed.
pub(crate) fn between_sends<'h>(facts: &Facts<'h>, visit: impl FnMut(Step<'h>)) {
    let counts = |kind| kind != Kind::Fail;
    between(facts, sent, counts, counts, visit);
}

/// The steps of each process from what it last did to what it does next. It is remembered for the
/// keys of the last assignment or subscription only.
fn between<'h, P: Iterator<Item = (Key, Place<'h>)>>(
    facts: &Facts<'h>,
    places: impl Fn(&'h Op) -> P,
    remembers: impl Fn(Kind) -> bool,
    looks_at: impl Fn(Kind) -> bool,
    mut visit: impl FnMut(Step<'h>),
) {
    let mut processes: BTreeMap<Process, BTreeMap<Key, Place<'h>>> = BTreeMap::new();
    for op in facts.history().outcomes().filter(|op| looks_at(op.kind)) {
        let last = processes.entry(op.process).or_default();
        forget(last, op);
        let mut next: BTreeMap<Key, [Place<'h>; 2]> = BTreeMap::new();
        for (key, place) in places(op) {
            next.entry(key).and_modify(|[_, last]| *last = place).or_insert([place; 2]);
        }
        for (key, [first, latest]) in next {
            if let Some(from) = last.get(&key) {
                step(facts, key, *from, first).into_iter().for_each(&mut visit);
            }
            if remembers(op.kind) {
                last.insert(key, latest);
            }
        }
    }
}

/// What a process forgets with a new assignment that may have taken place.
fn forget(last: &mut BTreeMap<Key, Place<'_>>, op: &Op) {
    match &op.action {
        _ if op.kind == Kind::Fail => {}
        Action::Assign { seek_to_beginning: true, .. } => last.clear(),
        Action::Subscribe(keys) | Action::Assign { keys, .. } => {
            last.retain(|key, _| keys.contains(key));
        }
        _ => {}
    }
}

impl fmt::Display for Skip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([from, to], skipped) = (self.values, self.delta.unsigned_abs() - 1);
        write!(f, "key {}: from {from} to {to} over {skipped} in the log: ", self.key)?;
        list(f, &self.skipped, skipped)?;
        write_ops(f, self.ops)
    }
}

impl fmt::Display for Setback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = self.values;
        match self.delta.unsigned_abs() {
            0 => write!(f, "key {}: {from} again, as {to}", self.key)?,
            back => write!(f, "key {}: from {from} back to {to}, {back} before it", self.key)?,
        }
        write_ops(f, self.ops)
    }
}

fn write_ops(f: &mut fmt::Formatter<'_>, [from, to]: [&Op; 2]) -> fmt::Result {
    write!(f, "\n  {}", Brief(from))?;
    if from.index != to.index {
        write!(f, "\n  {}", Brief(to))?;
    }
    Ok(())
}
