//! What clients asked for and what they were told, in the order in which they did: the evidence of
//! those outside, who see nothing of the nodes.
//!
//! An operation begins and ends. A process has one under way at a time, as Jepsen's histories have
//! it: a producer with many records in flight is several processes, one lane each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use client::Acks;
use protocol::{ErrorCode, Offset, TopicName, TopicPartition};

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

impl Reason {
    /// What the client library says.
    #[must_use]
    pub fn of(error: &client::Error) -> Self {
        Self { code: error.code(), text: error.to_string() }
    }
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
        /// How its producer sends.
        care: Care,
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
        /// Whether it starts at the beginning of each.
        from_the_beginning: bool,
    },
    /// Somebody asks where partitions end.
    AskEnds {
        /// What was said: one after the last record that may be read.
        ends: BTreeMap<TopicPartition, Offset>,
    },
}

/// What a producer does for its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Care {
    /// Who must have one before it's acknowledged.
    pub acks: Acks,
    /// Whether each is to be there once.
    pub is_idempotent: bool,
}

/// Whose acknowledgement promises that a record stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pledge {
    /// That of all in-sync replicas.
    #[default]
    OfAll,
    /// That of the leader: nobody else ever leads, and it loses nothing.
    OfTheLeader,
    /// Nobody's: a loss may take what was acknowledged, and what was read.
    Nothing,
}

/// All that clients did and were told, and what they were promised.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// In the order in which it was noted.
    pub ops: Vec<Op>,
    processes: u32,
    pledges: BTreeMap<TopicName, Pledge>,
    read_to_the_end: BTreeSet<TopicPartition>,
}

impl Account {
    /// What was promised of a topic: if nobody said anything, that what all have stays.
    #[must_use]
    pub fn pledge_of(&self, topic: &TopicName) -> Pledge {
        self.pledges.get(topic).copied().unwrap_or_default()
    }

    /// Notes what is promised of a topic, before anybody relies on it.
    pub fn pledge(&mut self, topic: &TopicName, pledge: Pledge) {
        self.pledges.insert(topic.clone(), pledge);
    }

    /// Notes that all of these partitions has been read since the last record was sent.
    pub fn read_to_the_end(&mut self, partitions: &[TopicPartition]) {
        self.read_to_the_end.extend(partitions.iter().cloned());
    }

    /// Whether somebody has read all of a partition after everything was sent.
    #[must_use]
    pub fn is_read_to_the_end(&self, partition: &TopicPartition) -> bool {
        self.read_to_the_end.contains(partition)
    }
}

/// The account of a run, as it is written. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Account>>);

impl History {
    /// A process that did nothing yet.
    #[must_use]
    pub fn new_process(&self) -> ProcessId {
        let mut account = self.account();
        account.processes += 1;
        ProcessId(account.processes)
    }

    /// Notes what is promised of a topic, before anybody relies on it.
    pub fn pledge(&self, topic: &TopicName, pledge: Pledge) {
        self.account().pledge(topic, pledge);
    }

    /// Notes that all of these partitions has been read since the last record was sent.
    pub fn read_to_the_end(&self, partitions: &[TopicPartition]) {
        self.account().read_to_the_end(partitions);
    }

    /// Notes a beginning or an end.
    pub fn note(&self, process: ProcessId, kind: Kind, act: Act) {
        self.account().ops.push(Op { process, at: now(), kind, act });
    }

    /// Notes an operation that is over as soon as it has begun.
    pub fn note_done(&self, process: ProcessId, act: Act) {
        self.note(process, Kind::Invoke, act.clone());
        self.note(process, Kind::Ok, act);
    }

    /// All that was noted. Leaves nothing.
    #[must_use]
    pub fn take(&self) -> Account {
        std::mem::take(&mut self.account())
    }

    fn account(&self) -> MutexGuard<'_, Account> {
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
