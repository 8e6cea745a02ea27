//! All operations of a test, in the order in which they began and ended.
//!
//! Only well-formed histories exist: checkers need not ask whether one is. How a history is
//! written is told in `text`.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use crate::edn::EdnError;
use crate::op::{Key, Kind, Mop, Op, Process, Value};

mod decode;
mod encode;
mod text;

pub use decode::DecodeError;

/// A well-formed history: dense indexes, one operation at a time for every process, completions
/// that say what their invocations said, and no value sent twice to a key.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    ops: Vec<Op>,
    /// The completion of an invocation and the invocation of a completion, by index.
    partners: Vec<Option<usize>>,
}

/// Why something is no history.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HistoryError {
    #[error("the operation at place {place} has the index {index}")]
    Index { place: usize, index: usize },
    #[error("process {process} begins operation {index} before it ended operation {open}")]
    Busy { process: Process, index: usize, open: usize },
    #[error("process {process} ends an operation at {index} that it did not begin")]
    NotInvoked { process: Process, index: usize },
    #[error("operation {index} does not complete what {invocation} began")]
    Mismatch { index: usize, invocation: usize },
    #[error("value {value} is sent a second time to key {key} by operation {index}")]
    SentTwice { key: Key, value: Value, index: usize },
    #[error("line {line}: {error}")]
    Edn { line: usize, error: EdnError },
    #[error("line {line}: {error}")]
    Json { line: usize, error: String },
    #[error("line {line}: {error}")]
    Op { line: usize, error: DecodeError },
}

impl History {
    /// Checks these operations and ties completions to invocations.
    ///
    /// Whether a process goes on after an operation of unknown outcome is not checked: Jepsen's
    /// clients must not, but its checkers bear it.
    ///
    /// # Errors
    ///
    /// When they are not a history: see [`HistoryError`].
    pub fn new(ops: Vec<Op>) -> Result<Self, HistoryError> {
        let mut partners = vec![None; ops.len()];
        let mut open: BTreeMap<Process, usize> = BTreeMap::new();
        let mut sent = BTreeSet::new();
        for (place, op) in ops.iter().enumerate() {
            let (index, process) = (op.index, op.process);
            if index != place {
                return Err(HistoryError::Index { place, index });
            }
            if process == Process::Nemesis {
                continue;
            }
            if op.kind == Kind::Invoke {
                if let Some(open) = open.insert(process, index) {
                    return Err(HistoryError::Busy { process, index, open });
                }
                if let Some((key, value, _)) = op.sends().find(|(k, v, _)| !sent.insert((*k, *v))) {
                    return Err(HistoryError::SentTwice { key, value, index });
                }
            } else {
                let Some(invocation) = open.remove(&process) else {
                    return Err(HistoryError::NotInvoked { process, index });
                };
                if !completes(&ops[invocation], op) {
                    return Err(HistoryError::Mismatch { index, invocation });
                }
                partners[invocation] = Some(index);
                partners[index] = Some(invocation);
            }
        }
        Ok(Self { ops, partners })
    }

    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// What the clients did, without the nemesis.
    pub fn client_ops(&self) -> impl Iterator<Item = &Op> {
        self.ops.iter().filter(|op| op.process != Process::Nemesis)
    }

    /// How every operation of a client ended: its completion or, if it has none, its invocation.
    /// That it never ended means what [`Kind::Info`] means.
    pub fn outcomes(&self) -> impl Iterator<Item = &Op> {
        self.client_ops().filter(|op| op.kind != Kind::Invoke || self.partners[op.index].is_none())
    }

    /// The invocation of an operation of which either end is given.
    #[must_use]
    pub fn invocation_of(&self, op: &Op) -> &Op {
        let invocation = if op.kind == Kind::Invoke { None } else { self.partners[op.index] };
        &self.ops[invocation.unwrap_or(op.index)]
    }

    /// The completion of an operation of which either end is given, if it has one.
    #[must_use]
    pub fn completion_of(&self, op: &Op) -> Option<&Op> {
        match op.kind {
            Kind::Invoke => self.partners[op.index].map(|index| &self.ops[index]),
            _ => Some(&self.ops[op.index]),
        }
    }

    /// The operations, for someone who wants to change them.
    #[must_use]
    pub fn into_ops(self) -> Vec<Op> {
        self.ops
    }
}

/// Whether one operation can be the end of another.
fn completes(invocation: &Op, completion: &Op) -> bool {
    let same_mop = |(a, b): (&Mop, &Mop)| match (a, b) {
        (Mop::Send { key, value, .. }, Mop::Send { key: other_key, value: other, .. }) => {
            (key, value) == (other_key, other)
        }
        _ => mem::discriminant(a) == mem::discriminant(b),
    };
    let (a, b) = (&invocation.action, &completion.action);
    a.name() == b.name()
        && a.mops().len() == b.mops().len()
        && a.mops().iter().zip(b.mops()).all(same_mop)
}
