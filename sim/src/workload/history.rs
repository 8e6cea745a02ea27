//! What clients asked for and what they were told, in the order in which they did: the evidence of
//! those outside, who see nothing of the nodes.
//!
//! An operation begins and ends. A process has one under way at a time, as Jepsen's histories have
//! it: a producer with many records in flight is several processes, one lane each.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use protocol::{ErrorCode, Offset, TopicPartition};

use crate::trace::now;

/// Who did it: unique in a run, and used by one client object only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// By whom.
    pub process: ProcessId,
    /// When, since the run began.
    pub at: Duration,
    /// Whether it begins or ends, and how.
    pub kind: Kind,
    /// What it is.
    pub act: Act,
}

/// Whether an operation begins, or how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It begins.
    Invoke,
    /// It was done.
    Ok,
    /// It certainly wasn't done.
    Fail(Reason),
    /// Nobody knows whether it was done, or will be.
    Info(Reason),
}

/// Why an operation wasn't done, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The broker's own word, if it gave one.
    pub code: Option<ErrorCode>,
    /// In words.
    pub text: String,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A record is sent.
    Send {
        /// Where to.
        partition: Option<TopicPartition>,
        /// What is in it, which nothing else is.
        value: Bytes,
        /// Where it is, once somebody has said so.
        offset: Option<Offset>,
    },
    /// Records are asked for.
    Poll {
        /// What was given, in that order.
        records: Vec<(TopicPartition, Offset, Bytes)>,
    },
    /// A reader turns to these partitions, from their beginnings on or from elsewhere.
    Assign {
        /// All that it reads from now on.
        partitions: Vec<TopicPartition>,
    },
}

/// All operations so far. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    ops: Vec<Op>,
    processes: u32,
}

impl History {
    /// A process that did nothing yet.
    #[must_use]
    pub fn new_process(&self) -> ProcessId {
        let mut lines = self.lines();
        lines.processes += 1;
        ProcessId(lines.processes)
    }

    /// Notes a beginning or an end.
    pub fn note(&self, process: ProcessId, kind: Kind, act: Act) {
        self.lines().ops.push(Op { process, at: now(), kind, act });
    }

    /// All lines, in the order in which they were noted. Leaves none.
    #[must_use]
    pub fn take(&self) -> Vec<Op> {
        std::mem::take(&mut self.lines().ops)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Processes of one client: as many as it had operations under way at once.
#[derive(Clone, Debug, Default)]
pub struct Lanes(Arc<Mutex<Vec<ProcessId>>>);

impl Lanes {
    /// A process with nothing under way.
    #[must_use]
    pub fn enter(&self, history: &History) -> ProcessId {
        self.idle().pop().unwrap_or_else(|| history.new_process())
    }

    /// A process has nothing under way any more, and its end is known.
    pub fn leave(&self, process: ProcessId) {
        self.idle().push(process);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<ProcessId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
