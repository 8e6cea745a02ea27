//! From what clients were told to a history as Jepsen has it.
//!
//! A log is a key, a value is a number, each in the order in which they are first heard of. Whoever
//! was told something that promises nothing goes on as another process, as one does who was told
//! nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use client::Acks;
use jepsen::{Action, Key, Mop, Pending, Polled, Record, Recorder, Thread, Value};
use protocol::TopicPartition;

use crate::workload::history::{Account, Act, Kind, Op, Pledge, ProcessId, Reason};

/// A history, and what its numbers stand for.
#[derive(Debug)]
pub(super) struct Translation {
    pub(super) history: jepsen::History,
    /// By key.
    partitions: Vec<TopicPartition>,
    /// What only producers sent that repeat nothing.
    idempotent: BTreeSet<Value>,
}

impl Translation {
    pub(super) fn of(account: &Account) -> Result<Self> {
        let mut translator = Translator::new(account);
        for op in &account.ops {
            translator.add(op);
        }
        translator.finish()
    }

    /// The log that a key of the history stands for.
    pub(super) fn partition(&self, Key(key): Key) -> &TopicPartition {
        let index = usize::try_from(key).expect("keys are counted from 0");
        &self.partitions[index]
    }

    /// Whether a value must be there once at most.
    pub(super) fn is_idempotent(&self, value: Value) -> bool {
        self.idempotent.contains(&value)
    }
}

struct Translator<'a> {
    account: &'a Account,
    recorder: Recorder,
    pending: BTreeMap<ProcessId, Pending>,
    keys: BTreeMap<&'a TopicPartition, Key>,
    values: BTreeMap<&'a Bytes, Value>,
    /// Where records turned out to belong whose senders left that to the library.
    homes: BTreeMap<&'a Bytes, &'a TopicPartition>,
    idempotent: BTreeSet<Value>,
}

impl<'a> Translator<'a> {
    fn new(account: &'a Account) -> Self {
        let processes = account.ops.iter().map(|op| op.process.0).max().unwrap_or(0);
        Self {
            account,
            recorder: Recorder::new(u64::from(processes) + 1),
            pending: BTreeMap::new(),
            keys: BTreeMap::new(),
            values: BTreeMap::new(),
            homes: homes(&account.ops),
            idempotent: BTreeSet::new(),
        }
    }

    fn add(&mut self, op: &'a Op) {
        let time = nanos(op.at);
        if op.kind == Kind::Invoke {
            if let Some(action) = self.begun(&op.act) {
                let thread = Thread(u64::from(op.process.0));
                let pending = self.recorder.invoke(thread, time, action);
                self.pending.insert(op.process, pending);
            }
            return;
        }
        // What nobody ever saw, and nobody knows where it was to be, isn't told.
        let Some(mut pending) = self.pending.remove(&op.process) else { return };
        match &op.kind {
            Kind::Ok if self.promises_nothing(&op.act) => {
                pending.error("acknowledged by too few to promise anything");
                self.recorder.info(pending, time);
            }
            Kind::Ok => {
                self.learn(&mut pending, &op.act);
                self.recorder.ok(pending, time);
            }
            Kind::Fail(Reason { text, .. }) => {
                pending.error(text);
                self.recorder.fail(pending, time);
            }
            Kind::Info(Reason { text, .. }) => {
                pending.error(text);
                self.recorder.info(pending, time);
            }
            Kind::Invoke => unreachable!("handled above"),
        }
    }

    /// What is asked for; none if nobody knows where that is.
    fn begun(&mut self, act: &'a Act) -> Option<Action> {
        Some(match act {
            Act::Send { partition, value, care, .. } => {
                let home = partition.as_ref().or_else(|| self.homes.get(value).copied())?;
                let (key, value) = (self.key(home), self.value(value));
                if care.is_idempotent {
                    self.idempotent.insert(value);
                }
                Action::Send(vec![Mop::send(key, value)])
            }
            Act::Poll { .. } => Action::Poll(vec![Mop::Poll(None)]),
            Act::Assign { partitions, from_the_beginning } => Action::Assign {
                keys: partitions.iter().map(|partition| self.key(partition)).collect(),
                seek_to_beginning: *from_the_beginning,
            },
            Act::AskEnds { .. } => Action::LatestOffsets(BTreeMap::new()),
        })
    }

    /// Adds what was told in the end.
    fn learn(&mut self, pending: &mut Pending, act: &'a Act) {
        match act {
            Act::Send { offset, .. } => {
                if let Some(offset) = offset {
                    pending.sent(0, jepsen::Offset(offset.0));
                }
            }
            Act::Poll { records } => {
                let mut polled = Polled::new();
                for (partition, offset, value) in records {
                    let record =
                        Record { offset: jepsen::Offset(offset.0), value: self.value(value) };
                    polled.entry(self.key(partition)).or_default().push(record);
                }
                pending.polled(0, polled);
            }
            Act::Assign { .. } => {}
            Act::AskEnds { ends } => {
                for (partition, end) in ends {
                    pending.latest(self.key(partition), jepsen::Offset(end.0));
                }
            }
        }
    }

    /// Whether an acknowledgement came of fewer than those who keep a record.
    fn promises_nothing(&self, act: &Act) -> bool {
        let Act::Send { partition: Some(partition), care, .. } = act else { return false };
        match self.account.pledge_of(&partition.topic) {
            Pledge::OfAll => care.acks != Acks::All,
            Pledge::OfTheLeader => care.acks == Acks::None,
            Pledge::Nothing => true,
        }
    }

    fn key(&mut self, partition: &'a TopicPartition) -> Key {
        let next = number(self.keys.len());
        *self.keys.entry(partition).or_insert(Key(next))
    }

    fn value(&mut self, value: &'a Bytes) -> Value {
        let next = number(self.values.len());
        *self.values.entry(value).or_insert(Value(next))
    }

    fn finish(self) -> Result<Translation> {
        let end = self.account.ops.last().map_or(Duration::ZERO, |op| op.at);
        let mut keys: Vec<_> = self.keys.into_iter().collect();
        keys.sort_by_key(|(_, key)| *key);
        Ok(Translation {
            history: self.recorder.finish(nanos(end))?,
            partitions: keys.into_iter().map(|(partition, _)| partition.clone()).collect(),
            idempotent: self.idempotent,
        })
    }
}

/// Where the records are, as far as anybody was told, that were sent to wherever the library likes.
fn homes(ops: &[Op]) -> BTreeMap<&Bytes, &TopicPartition> {
    let homeless = ops.iter().filter_map(|op| match &op.act {
        Act::Send { partition: None, value, .. } => Some(value),
        _ => None,
    });
    let homeless: BTreeSet<&Bytes> = homeless.collect();
    let mut homes = BTreeMap::new();
    if homeless.is_empty() {
        return homes;
    }
    for op in ops {
        match &op.act {
            Act::Send { partition: Some(partition), value, .. } if homeless.contains(value) => {
                homes.insert(value, partition);
            }
            Act::Poll { records } => {
                for (partition, _, value) in records {
                    homes.entry(value).or_insert(partition);
                }
            }
            _ => {}
        }
    }
    homes
}

fn number(count: usize) -> i64 {
    i64::try_from(count).expect("fewer than fit into the memory")
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).expect("no run takes centuries")
}
