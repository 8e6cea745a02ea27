//! An operation as Jepsen writes it.

use std::collections::BTreeMap;
use std::fmt;

use crate::edn::{Edn, Name};
use crate::op::{Action, Key, Kind, Mop, Offset, Op, Polled, Process, Record, Value};

impl Op {
    /// The map that stands for it on a line of a history.
    #[must_use]
    pub fn to_edn(&self) -> Edn {
        let mut entries = vec![
            ("index", int(self.index)),
            ("time", Edn::Int(self.time)),
            ("type", Edn::keyword(self.kind.name())),
            ("process", self.process.to_edn()),
            ("f", self.action.f()),
            ("value", self.action.value()),
        ];
        if let Action::Assign { seek_to_beginning: true, .. } = self.action {
            entries.push(("seek-to-beginning?", Edn::Bool(true)));
        }
        if let Some(poll_ms) = self.poll_ms {
            entries.push(("poll-ms", Edn::Int(poll_ms)));
        }
        if !self.rebalance_log.is_empty() {
            let rebalance = |keys| Edn::Map(vec![(Edn::keyword("keys"), self::keys(keys))]);
            let log = self.rebalance_log.iter().map(|keys| rebalance(keys)).collect();
            entries.push(("rebalance-log", Edn::Vector(log)));
        }
        if let Some(error) = &self.error {
            entries.push(("error", error.clone()));
        }
        Edn::Map(entries.into_iter().map(|(name, value)| (Edn::keyword(name), value)).collect())
    }
}

/// Its line of EDN.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_edn().fmt(f)
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

impl Process {
    fn to_edn(self) -> Edn {
        match self {
            Self::Client(id) => int(id),
            Self::Nemesis => Edn::keyword("nemesis"),
        }
    }
}

impl Action {
    fn f(&self) -> Edn {
        match self {
            Self::Other { f, .. } => Edn::Keyword(Name::clone(f)),
            known => Edn::keyword(known.name()),
        }
    }

    fn value(&self) -> Edn {
        match self {
            Self::Subscribe(keys) | Self::Assign { keys, .. } => self::keys(keys),
            Self::Send(mops) | Self::Poll(mops) | Self::Txn(mops) => {
                Edn::Vector(mops.iter().map(mop).collect())
            }
            Self::Crash => Edn::Nil,
            Self::DebugTopicPartitions(value) | Self::Other { value, .. } => value.clone(),
            Self::LatestOffsets(latest) => latest_offsets(latest),
        }
    }
}

fn mop(mop: &Mop) -> Edn {
    match mop {
        Mop::Send { key: Key(key), value: Value(value), offset } => {
            let value = match offset {
                Some(Offset(offset)) => Edn::Vector(vec![Edn::Int(*offset), Edn::Int(*value)]),
                None => Edn::Int(*value),
            };
            Edn::Vector(vec![Edn::keyword("send"), Edn::Int(*key), value])
        }
        Mop::Poll(None) => Edn::Vector(vec![Edn::keyword("poll")]),
        Mop::Poll(Some(records)) => Edn::Vector(vec![Edn::keyword("poll"), polled(records)]),
    }
}

fn polled(polled: &Polled) -> Edn {
    let record = |record: &Record| {
        let Record { offset: Offset(offset), value: Value(value) } = *record;
        Edn::Vector(vec![Edn::Int(offset), Edn::Int(value)])
    };
    let of_key = |(&Key(key), records): (&Key, &Vec<Record>)| {
        (Edn::Int(key), Edn::Vector(records.iter().map(record).collect()))
    };
    Edn::Map(polled.iter().map(of_key).collect())
}

fn latest_offsets(latest: &BTreeMap<Key, Option<Offset>>) -> Edn {
    let of_key = |(&Key(key), latest): (&Key, &Option<Offset>)| {
        (Edn::Int(key), latest.map_or(Edn::Nil, |Offset(offset)| Edn::Int(offset)))
    };
    Edn::Map(latest.iter().map(of_key).collect())
}

fn keys(keys: &[Key]) -> Edn {
    Edn::Vector(keys.iter().map(|&Key(key)| Edn::Int(key)).collect())
}

fn int(number: impl TryInto<i64>) -> Edn {
    let Ok(int) = number.try_into() else { panic!("more operations or processes than can be") };
    Edn::Int(int)
}
