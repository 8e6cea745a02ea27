//! An operation as Jepsen, or JSON in its place, tells it.
//!
//! What no checker needs (`:end-process?`, `:unseen`, the whole of a rebalance but its keys) is
//! passed over.

use std::collections::BTreeMap;

use crate::edn::{Edn, Name};
use crate::op::{Action, Key, Kind, Mop, Offset, Op, Polled, Process, Record, Value};

/// What of a map is not an operation's: the field, and what it should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} is not {expected}")]
pub struct DecodeError {
    pub field: &'static str,
    pub expected: &'static str,
}

fn not(field: &'static str, expected: &'static str) -> DecodeError {
    DecodeError { field, expected }
}

impl Op {
    /// Reads the map that stands for an operation. One without an index or a time gets the index
    /// given, and the time -1.
    ///
    /// # Errors
    ///
    /// When it is no operation.
    pub fn from_edn(edn: &Edn, index: usize) -> Result<Self, DecodeError> {
        let edn = if let Edn::Tagged(_, inner) = edn { inner } else { edn };
        let known = |name| edn.get(name).filter(|value| **value != Edn::Nil);
        let index = match known("index") {
            Some(index) => index
                .as_int()
                .and_then(|index| usize::try_from(index).ok())
                .ok_or_else(|| not(":index", "a place in a history"))?,
            None => index,
        };
        let int = |name, field| match known(name) {
            Some(value) => value.as_int().map(Some).ok_or_else(|| not(field, "an integer")),
            None => Ok(None),
        };
        let process =
            known("process").and_then(process).ok_or_else(|| not(":process", "a process"))?;
        let action = match process {
            Process::Client(_) => action(edn)?,
            Process::Nemesis => other(edn)?,
        };
        Ok(Self {
            index,
            time: int("time", ":time")?.unwrap_or(-1),
            kind: known("type")
                .and_then(kind)
                .ok_or_else(|| not(":type", "a type of operation"))?,
            process,
            action,
            poll_ms: int("poll-ms", ":poll-ms")?,
            rebalance_log: known("rebalance-log").map_or(Ok(Vec::new()), rebalance_log)?,
            error: known("error").cloned(),
        })
    }
}

fn kind(edn: &Edn) -> Option<Kind> {
    let name = edn.as_name()?;
    [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info].into_iter().find(|kind| kind.name() == name)
}

fn process(edn: &Edn) -> Option<Process> {
    match edn {
        Edn::Int(id) => u64::try_from(*id).ok().map(Process::Client),
        other => (other.as_name() == Some("nemesis")).then_some(Process::Nemesis),
    }
}

fn action(op: &Edn) -> Result<Action, DecodeError> {
    let f = op.get("f").and_then(Edn::as_name).ok_or_else(|| not(":f", "a keyword"))?;
    let value = op.get("value").unwrap_or(&Edn::Nil);
    let seek_to_beginning = op.get("seek-to-beginning?") == Some(&Edn::Bool(true));
    Ok(match f {
        "subscribe" => Action::Subscribe(keys(value, ":value")?),
        "assign" => Action::Assign { keys: keys(value, ":value")?, seek_to_beginning },
        "send" => Action::Send(mops(value, |mop| matches!(mop, Mop::Send { .. }))?),
        "poll" => Action::Poll(mops(value, |mop| matches!(mop, Mop::Poll(_)))?),
        "txn" => Action::Txn(mops(value, |_| true)?),
        "crash" => Action::Crash,
        "debug-topic-partitions" => Action::DebugTopicPartitions(value.clone()),
        "latest-offsets" => Action::LatestOffsets(latest_offsets(value)?),
        _ => other(op)?,
    })
}

fn other(op: &Edn) -> Result<Action, DecodeError> {
    let f = op.get("f").and_then(Edn::as_name).and_then(Name::new);
    let f = f.ok_or_else(|| not(":f", "a keyword"))?;
    Ok(Action::Other { f, value: op.get("value").cloned().unwrap_or(Edn::Nil) })
}

fn keys(edn: &Edn, field: &'static str) -> Result<Vec<Key>, DecodeError> {
    let key = |edn: &Edn| edn.as_int().map(Key);
    let keys = edn.as_elements().and_then(|keys| keys.iter().map(key).collect());
    keys.ok_or_else(|| not(field, "a vector of keys"))
}

fn mops(edn: &Edn, fits: impl Fn(&Mop) -> bool) -> Result<Vec<Mop>, DecodeError> {
    let one = |edn: &Edn| mop(edn).filter(&fits);
    let mops = edn.as_elements().and_then(|mops| mops.iter().map(one).collect());
    mops.ok_or_else(|| not(":value", "a vector of what this operation does"))
}

fn mop(edn: &Edn) -> Option<Mop> {
    let (head, rest) = edn.as_elements()?.split_first()?;
    match (head.as_name()?, rest) {
        ("send", [key, sent]) => {
            let key = Key(key.as_int()?);
            let Some(pair) = sent.as_elements() else {
                return Some(Mop::send(key, Value(sent.as_int()?)));
            };
            let [offset, value] = pair else { return None };
            let offset = match offset {
                Edn::Nil => None,
                known => Some(Offset(known.as_int()?)),
            };
            Some(Mop::Send { key, value: Value(value.as_int()?), offset })
        }
        ("poll", []) => Some(Mop::Poll(None)),
        ("poll", [records]) => Some(Mop::Poll(Some(polled(records)?))),
        _ => None,
    }
}

fn polled(edn: &Edn) -> Option<Polled> {
    let record = |pair: &Edn| {
        let [offset, value] = pair.as_elements()? else { return None };
        Some(Record { offset: Offset(offset.as_int()?), value: Value(value.as_int()?) })
    };
    by_key(edn, |records| records.as_elements()?.iter().map(record).collect())
}

fn latest_offsets(edn: &Edn) -> Result<BTreeMap<Key, Option<Offset>>, DecodeError> {
    let offset = |edn: &Edn| match edn {
        Edn::Nil => Some(None),
        known => known.as_int().map(|offset| Some(Offset(offset))),
    };
    by_key(edn, offset).ok_or_else(|| not(":value", "a map of keys to offsets"))
}

/// A map from keys, in which no key comes twice.
fn by_key<T>(edn: &Edn, value: impl Fn(&Edn) -> Option<T>) -> Option<BTreeMap<Key, T>> {
    let Edn::Map(entries) = edn else { return None };
    let mut map = BTreeMap::new();
    for (key, edn) in entries {
        if map.insert(Key(key.as_int()?), value(edn)?).is_some() {
            return None;
        }
    }
    Some(map)
}

fn rebalance_log(edn: &Edn) -> Result<Vec<Vec<Key>>, DecodeError> {
    let log = edn.as_elements().ok_or_else(|| not(":rebalance-log", "a vector"))?;
    log.iter().map(|event| keys(event.get("keys").unwrap_or(&Edn::Nil), ":keys")).collect()
}
