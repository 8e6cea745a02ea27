//! A history as text, one operation a line: EDN, which Jepsen reads, or JSON for everybody else.
//!
//! JSON has no keywords and no integers as keys: strings stand for both. What Jepsen leaves free
//! (errors, what the nemesis did) comes back from JSON as far as JSON can tell it.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value as Json};

use super::{History, HistoryError};
use crate::edn::Edn;
use crate::op::Op;

impl History {
    /// Reads lines of EDN; empty ones are passed over.
    ///
    /// # Errors
    ///
    /// With the first line that is no operation, or when the operations are no history.
    pub fn from_edn(text: &str) -> Result<Self, HistoryError> {
        Self::from_lines(text, |line, text| {
            Edn::parse(text).map_err(|error| HistoryError::Edn { line, error })
        })
    }

    /// Reads lines of JSON; empty ones are passed over.
    ///
    /// # Errors
    ///
    /// As [`History::from_edn`].
    pub fn from_json(text: &str) -> Result<Self, HistoryError> {
        Self::from_lines(text, |line, text| {
            let json = serde_json::from_str(text);
            let edn = json.map_err(|error| error.to_string()).and_then(edn_of);
            edn.map_err(|error| HistoryError::Json { line, error })
        })
    }

    fn from_lines(
        text: &str,
        parse: impl Fn(usize, &str) -> Result<Edn, HistoryError>,
    ) -> Result<Self, HistoryError> {
        let mut ops = Vec::new();
        for (number, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let line = number + 1;
            let op = Op::from_edn(&parse(line, text)?, ops.len());
            ops.push(op.map_err(|error| HistoryError::Op { line, error })?);
        }
        Self::new(ops)
    }

    /// The history as Jepsen's `history.edn`.
    #[must_use]
    pub fn to_edn(&self) -> String {
        self.to_lines(|op| op.to_edn().to_string())
    }

    /// The history as lines of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_lines(|op| json_of(&op.to_edn()).to_string())
    }

    fn to_lines(&self, line: impl Fn(&Op) -> String) -> String {
        let mut text = String::new();
        for op in self.ops() {
            writeln!(text, "{}", line(op)).expect("a string takes everything");
        }
        text
    }
}

fn json_of(edn: &Edn) -> Json {
    match edn {
        Edn::Nil => Json::Null,
        Edn::Bool(bool) => Json::Bool(*bool),
        Edn::Int(int) => Json::Number((*int).into()),
        Edn::Float(float) => Number::from_f64(*float).map_or(Json::Null, Json::Number),
        Edn::Char(char) => Json::String(char.to_string()),
        Edn::String(text) => Json::String(text.clone()),
        Edn::Keyword(name) | Edn::Symbol(name) => Json::String(name.to_string()),
        Edn::List(elements) | Edn::Vector(elements) | Edn::Set(elements) => {
            Json::Array(elements.iter().map(json_of).collect())
        }
        Edn::Map(entries) => Json::Object(entries.iter().map(entry_of).collect::<Map<_, _>>()),
        Edn::Tagged(_, value) => json_of(value),
    }
}

fn entry_of((key, value): &(Edn, Edn)) -> (String, Json) {
    let key = key.as_name().map_or_else(|| key.to_string(), str::to_owned);
    (key, json_of(value))
}

fn edn_of(json: Json) -> Result<Edn, String> {
    Ok(match json {
        Json::Null => Edn::Nil,
        Json::Bool(bool) => Edn::Bool(bool),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Edn::Int(int),
            (None, Some(float)) if !number.is_u64() => Edn::Float(float),
            _ => return Err(format!("{number} does not fit an integer of 64 bits")),
        },
        Json::String(text) => Edn::String(text),
        Json::Array(elements) => {
            Edn::Vector(elements.into_iter().map(edn_of).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let entry = |(key, value)| Ok((Edn::String(key), edn_of(value)?));
            Edn::Map(entries.into_iter().map(entry).collect::<Result<_, String>>()?)
        }
    })
}
