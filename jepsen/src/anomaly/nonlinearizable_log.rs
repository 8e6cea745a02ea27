//! Nonlinearizable log: a key did not grow as one log at which everybody looks.
//!
//! A log of unique values whose sends return offsets is linearizable if and only if
//!
//! 1. no offset holds two values, and no value is at two offsets;
//! 2. what is sent after something was known gets a later offset: later than every send that had
//!    returned, every record that had been polled, and the end wherever it had been asked for;
//! 3. a poll leaves out nothing that is acknowledged between the records it returns;
//! 4. no poll returns what was sent after it had ended;
//! 5. the end of the log is never told to be before what was known when it was asked for.
//!
//! All of this needs one pass, in the order of the history. The first condition is the business of
//! inconsistent offsets and duplicates, and not told a second time. That a poll returns less than
//! there is, or nothing, breaks no condition: consumers may lag. Retention and compaction would:
//! histories of topics that use them are not to be judged by this.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound::Excluded;

use crate::brief::Brief;
use crate::facts::Facts;
use crate::history::History;
use crate::op::{Action, Key, Kind, Offset, Op, Record, Value};

/// How far a log was known to reach, and from whom.
#[derive(Debug, Clone, Copy)]
pub struct Known<'h> {
    /// The offset after the last.
    pub end: Offset,
    /// What had returned by then.
    pub from: &'h Op,
}

/// Which of the conditions does not hold, and why.
#[derive(Debug, Clone)]
pub enum NonlinearizableLog<'h> {
    /// The second: the invocation came when the end was known, the value is before it.
    SentBefore { key: Key, value: Value, offset: Offset, writer: &'h Op, known: Known<'h> },
    /// The third: a poll returned the records around the value.
    LeftOut { key: Key, value: Value, offset: Offset, writer: &'h Op, reader: &'h Op },
    /// The fourth: the invocation of the writer is after the end of the poll.
    NotYetSent { key: Key, value: Value, offset: Offset, writer: &'h Op, reader: &'h Op },
    /// The fifth: the question came when the end was known, the answer is before it.
    EndedBefore { key: Key, latest: Offset, asked: &'h Op, known: Known<'h> },
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<NonlinearizableLog<'h>> {
    let history = facts.history();
    let acknowledged = acknowledged(history);
    let mut pass = Pass { facts, acknowledged, known: BTreeMap::new(), found: Vec::new() };
    for op in history.client_ops() {
        match op.kind {
            Kind::Invoke => pass.begins(op),
            Kind::Ok | Kind::Fail | Kind::Info => pass.ends(op),
        }
    }
    pass.found
}

type Acknowledged<'h> = BTreeMap<Key, BTreeMap<Offset, (Value, &'h Op)>>;

fn acknowledged(history: &History) -> Acknowledged<'_> {
    let mut acknowledged = Acknowledged::new();
    for writer in history.outcomes().filter(|op| op.is_ok()) {
        for (key, value, offset) in writer.sends() {
            if let Some(offset) = offset {
                acknowledged.entry(key).or_default().insert(offset, (value, writer));
            }
        }
    }
    acknowledged
}

/// The history up to some line.
struct Pass<'f, 'h> {
    facts: &'f Facts<'h>,
    /// All that is ever acknowledged.
    acknowledged: Acknowledged<'h>,
    known: BTreeMap<Key, Known<'h>>,
    found: Vec<NonlinearizableLog<'h>>,
}

impl<'h> Pass<'_, 'h> {
    /// What was known when an operation began binds its outcome.
    fn begins(&mut self, invocation: &'h Op) {
        let writer = self.facts.history().completion_of(invocation).unwrap_or(invocation);
        for (key, value, _) in writer.sends() {
            let (Some(known), Some(offset)) = (self.known.get(&key), self.first_offset(key, value))
            else {
                continue;
            };
            if offset < known.end {
                let known = *known;
                self.found.push(NonlinearizableLog::SentBefore {
                    key,
                    value,
                    offset,
                    writer,
                    known,
                });
            }
        }
        for (key, latest) in latest_offsets(writer) {
            if let Some(&known) = self.known.get(&key).filter(|known| latest < known.end) {
                let asked = writer;
                self.found.push(NonlinearizableLog::EndedBefore { key, latest, asked, known });
            }
        }
    }

    /// What an operation returned is known from now on.
    fn ends(&mut self, op: &'h Op) {
        for (key, _, offset) in op.sends().filter(|_| op.is_ok()) {
            offset.into_iter().for_each(|offset| self.learn(key, after(offset), op));
        }
        for (key, records) in op.polls().flatten() {
            self.check_poll(*key, records, op);
        }
        for (key, latest) in latest_offsets(op) {
            self.learn(key, latest, op);
        }
    }

    fn check_poll(&mut self, key: Key, records: &[Record], reader: &'h Op) {
        for Record { offset, value } in records {
            self.learn(key, after(*offset), reader);
            let writer =
                self.facts.partition(key).and_then(|partition| partition.writer_of(*value));
            let invocation = writer.map(|writer| self.facts.history().invocation_of(writer));
            if let Some(writer) = invocation.filter(|writer| writer.index > reader.index) {
                let (value, offset) = (*value, *offset);
                self.found.push(NonlinearizableLog::NotYetSent {
                    key,
                    value,
                    offset,
                    writer,
                    reader,
                });
            }
        }
        let Some(acknowledged) = self.acknowledged.get(&key) else { return };
        for pair in records.windows(2).filter(|pair| pair[0].offset < pair[1].offset) {
            let between = (Excluded(pair[0].offset), Excluded(pair[1].offset));
            if let Some((&offset, &(value, writer))) = acknowledged.range(between).next() {
                self.found.push(NonlinearizableLog::LeftOut { key, value, offset, writer, reader });
            }
        }
    }

    fn learn(&mut self, key: Key, end: Offset, from: &'h Op) {
        let known = self.known.entry(key).or_insert(Known { end, from });
        if known.end < end {
            *known = Known { end, from };
        }
    }

    /// Where a value is first, as far as anybody knows.
    fn first_offset(&self, key: Key, value: Value) -> Option<Offset> {
        let order = self.facts.partition(key)?.order();
        order.offset_at(order.appearances().get(&value)?.first_index)
    }
}

fn after(Offset(offset): Offset) -> Offset {
    Offset(offset.saturating_add(1))
}

fn latest_offsets(op: &Op) -> impl Iterator<Item = (Key, Offset)> {
    let answers = match &op.action {
        Action::LatestOffsets(answers) => Some(answers),
        _ => None,
    };
    answers.into_iter().flatten().filter_map(|(key, latest)| Some((*key, (*latest)?)))
}

impl NonlinearizableLog<'_> {
    /// The key whose log it is.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::SentBefore { key, .. }
            | Self::LeftOut { key, .. }
            | Self::NotYetSent { key, .. }
            | Self::EndedBefore { key, .. } => *key,
        }
    }
}

impl fmt::Display for NonlinearizableLog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = match self {
            Self::SentBefore { key, value, offset, writer, known } => {
                write!(f, "key {key}: value {value} got offset {offset}, ")?;
                write!(f, "though the log was known to reach {} when it was sent", known.end)?;
                (known.from, writer)
            }
            Self::LeftOut { key, value, offset, writer, reader } => {
                write!(f, "key {key}: a poll left out value {value} at offset {offset}")?;
                (*writer, reader)
            }
            Self::NotYetSent { key, value, offset, writer, reader } => {
                write!(
                    f,
                    "key {key}: value {value} at offset {offset} was polled before it was sent"
                )?;
                (*reader, writer)
            }
            Self::EndedBefore { key, latest, asked, known } => {
                write!(f, "key {key}: the log was told to end at {latest}, ")?;
                write!(f, "though it was known to reach {} when that was asked", known.end)?;
                (known.from, asked)
            }
        };
        write!(f, "\n  {}\n  {}", Brief(first), Brief(second))
    }
}
