//! One line of a history: what a client or the nemesis began, or how it ended.

use std::{collections::BTreeMap, fmt};

use crate::edn::{Edn, Name};

/// A partition of a topic. Clients map topics and partitions to keys, one to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub i64);

/// What a record says: a number that is sent only once to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub i64);

/// Where a record stands in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One record as a poll returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    pub offset: Offset,
    pub value: Value,
}

/// What one call of a consumer's poll returned.
pub type Polled = BTreeMap<Key, Vec<Record>>;

/// Which end of an operation a line tells of, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invoke,
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows. The process is never heard of again. Also both ends of the nemesis' work.
    Info,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    /// One producer and one consumer. Another producer or consumer is another process.
    Client(u64),
    /// Who breaks things.
    Nemesis,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => id.fmt(f),
            Self::Nemesis => f.write_str("nemesis"),
        }
    }
}

/// A micro-operation: one step of a transaction, or all of an operation without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mop {
    /// The offset is known when a broker has told it.
    Send { key: Key, value: Value, offset: Option<Offset> },
    /// `None` until answered.
    Poll(Option<Polled>),
}

impl Mop {
    /// A send as it is invoked.
    #[must_use]
    pub fn send(key: Key, value: Value) -> Self {
        Self::Send { key, value, offset: None }
    }
}

/// What is done: Jepsen's `:f` and `:value`.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Asks for some partitions of the topics of these keys. Replaces what was subscribed.
    Subscribe(Vec<Key>),
    /// Takes exactly these keys. Replaces what was assigned; positions of keys that stay are kept,
    /// unless it seeks to the beginning.
    Assign { keys: Vec<Key>, seek_to_beginning: bool },
    /// Sends only.
    Send(Vec<Mop>),
    /// Polls only.
    Poll(Vec<Mop>),
    /// Sends and polls.
    Txn(Vec<Mop>),
    /// Tears the client down. Ends as [`Kind::Info`], always.
    Crash,
    /// For people; no checker looks at it.
    DebugTopicPartitions(Edn),
    /// Asks where partitions end: the offset after the last record that consumers may see. Ours;
    /// Jepsen's checker passes over it.
    LatestOffsets(BTreeMap<Key, Option<Offset>>),
    /// What the nemesis does, and what no checker knows.
    Other { f: Name, value: Edn },
}

impl Action {
    /// Jepsen's `:f`, without the colon.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Subscribe(_) => "subscribe",
            Self::Assign { .. } => "assign",
            Self::Send(_) => "send",
            Self::Poll(_) => "poll",
            Self::Txn(_) => "txn",
            Self::Crash => "crash",
            Self::DebugTopicPartitions(_) => "debug-topic-partitions",
            Self::LatestOffsets(_) => "latest-offsets",
            Self::Other { f, .. } => f.as_str(),
        }
    }

    /// The sends and polls, if this is about them.
    #[must_use]
    pub fn mops(&self) -> &[Mop] {
        match self {
            Self::Send(mops) | Self::Poll(mops) | Self::Txn(mops) => mops,
            _ => &[],
        }
    }

    pub(crate) fn mops_mut(&mut self) -> &mut [Mop] {
        match self {
            Self::Send(mops) | Self::Poll(mops) | Self::Txn(mops) => mops,
            _ => &mut [],
        }
    }

    /// Whether it sends or polls.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        matches!(self, Self::Send(_) | Self::Poll(_) | Self::Txn(_))
    }
}

/// One line of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Op {
    /// Its place in the history, from 0.
    pub index: usize,
    /// Nanoseconds since the test began.
    pub time: i64,
    pub kind: Kind,
    pub process: Process,
    pub action: Action,
    /// How long a poll may wait, in milliseconds.
    pub poll_ms: Option<i64>,
    /// The keys whose assignment changed while the operation ran, once for every rebalance.
    pub rebalance_log: Vec<Vec<Key>>,
    /// Why it failed or may have failed.
    pub error: Option<Edn>,
}

impl Op {
    /// An operation of which only the necessary is known.
    #[must_use]
    pub fn new(index: usize, time: i64, kind: Kind, process: Process, action: Action) -> Self {
        let rebalance_log = Vec::new();
        Self { index, time, kind, process, action, poll_ms: None, rebalance_log, error: None }
    }

    /// Every send with the offset that is known of it, in order.
    pub fn sends(&self) -> impl Iterator<Item = (Key, Value, Option<Offset>)> {
        self.action.mops().iter().filter_map(|mop| match mop {
            Mop::Send { key, value, offset } => Some((*key, *value, *offset)),
            Mop::Poll(_) => None,
        })
    }

    /// What each poll returned, in order.
    pub fn polls(&self) -> impl Iterator<Item = &Polled> {
        self.action.mops().iter().filter_map(|mop| match mop {
            Mop::Poll(polled) => polled.as_ref(),
            Mop::Send { .. } => None,
        })
    }

    /// Every record polled. In the order in which the process saw them, for each key.
    pub fn reads(&self) -> impl Iterator<Item = (Key, Record)> {
        self.polls()
            .flatten()
            .flat_map(|(key, records)| records.iter().map(|record| (*key, *record)))
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.kind == Kind::Ok
    }
}
