//! Empty history: no operation that sends or polls has ended.
//!
//! A test that did nothing proves nothing, and is not to pass. Jepsen reports it as
//! `empty-transaction-graph`.

use std::fmt;

use crate::facts::Facts;
use crate::op::Kind;

/// How little there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmptyHistory {
    /// Lines of the history, the nemesis' included.
    pub ops: usize,
}

pub(super) fn find(facts: &Facts<'_>) -> Option<EmptyHistory> {
    let history = facts.history();
    let mut ended = history.outcomes().filter(|op| op.kind != Kind::Invoke);
    let empty = !ended.any(|op| op.action.is_transactional());
    empty.then(|| EmptyHistory { ops: history.ops().len() })
}

impl fmt::Display for EmptyHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {} lines is about a send or a poll that ended", self.ops)
    }
}
