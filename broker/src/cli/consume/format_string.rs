//! How a record is printed: text with places for its parts, as `--format` has it.
//!
//! The notation is kcat's. Every other way of printing records as text, such as `-K` or Kafka's
//! `print.key=true`, is a template too: there's one way to print.

use std::{
    io::{self, Write},
    str::FromStr,
};

use client::ConsumerRecord;
use protocol::records::TimestampType;

use crate::cli::escape::{Mistake, escape};

/// What can be written, for the help.
pub(super) const HELP: &str = "\
Format strings (-f), in kcat's notation:
  %s, %v  value          %S, %V  its length in bytes, -1 for null
  %k      key            %K      its length in bytes, -1 for null
  %t      topic          %T      timestamp, in milliseconds since 1970
  %p      partition      %h      headers: name=value,name=value
  %o      offset         %e      epoch of the leader that appended the record
  %R      length of the value as four bytes, big-endian, -1 for null
  %%      a percent sign
  \\n \\r \\t \\0 \\xNN \\\\  bytes; no line ends by itself";

/// Text with places for a record's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Field(Field),
}

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Topic,
    Partition,
    Offset,
    LeaderEpoch,
    Timestamp,
    /// CreateTime or LogAppendTime; in no format string.
    TimestampType,
    Key,
    KeyLength,
    Value,
    ValueLength,
    ValueLengthInBinary,
    Headers(Headers),
}

/// How headers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Headers {
    /// `name=value,name=value`, as kcat does.
    Equals,
    /// `name:value,name:value`, or NO_HEADERS, as Kafka's console consumer does.
    Colon,
}

/// What is printed where there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nulls<'a> {
    /// In place of a key or a value.
    pub(super) text: &'a [u8],
    /// In place of a header's value.
    pub(super) header_text: &'a [u8],
}

impl Template {
    pub(super) fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { pieces: pieces.into_iter().collect() }
    }

    /// Prints one record.
    pub(super) fn print(
        &self,
        record: &ConsumerRecord,
        nulls: Nulls<'_>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(bytes) => out.write_all(bytes)?,
                Piece::Field(field) => field.print(record, nulls, out)?,
            }
        }
        Ok(())
    }
}

impl Field {
    fn named(name: char) -> Option<Self> {
        Some(match name {
            't' => Self::Topic,
            'p' => Self::Partition,
            'o' => Self::Offset,
            'e' => Self::LeaderEpoch,
            'T' => Self::Timestamp,
            'k' => Self::Key,
            'K' => Self::KeyLength,
            's' | 'v' => Self::Value,
            'S' | 'V' => Self::ValueLength,
            'R' => Self::ValueLengthInBinary,
            'h' => Self::Headers(Headers::Equals),
            _ => return None,
        })
    }

    fn print(
        self,
        record: &ConsumerRecord,
        nulls: Nulls<'_>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        match self {
            Self::Topic => out.write_all(record.partition.topic.as_str().as_bytes()),
            Self::Partition => write!(out, "{}", record.partition.partition),
            Self::Offset => write!(out, "{}", record.offset),
            Self::LeaderEpoch => write!(out, "{}", record.leader_epoch),
            Self::Timestamp => write!(out, "{}", record.timestamp),
            Self::TimestampType => out.write_all(match record.timestamp_type {
                TimestampType::CreateTime => b"CreateTime",
                TimestampType::LogAppendTime => b"LogAppendTime",
            }),
            Self::Key => out.write_all(key.unwrap_or(nulls.text)),
            Self::KeyLength => write!(out, "{}", length(key)),
            Self::Value => out.write_all(value.unwrap_or(nulls.text)),
            Self::ValueLength => write!(out, "{}", length(value)),
            Self::ValueLengthInBinary => out.write_all(&length(value).to_be_bytes()),
            Self::Headers(headers) => headers.print(record, nulls, out),
        }
    }
}

impl Headers {
    fn print(
        self,
        record: &ConsumerRecord,
        nulls: Nulls<'_>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let (between, none) = match self {
            Self::Equals => (b"=", ""),
            Self::Colon => (b":", "NO_HEADERS"),
        };
        if record.headers.is_empty() {
            return out.write_all(none.as_bytes());
        }
        for (index, (name, value)) in record.headers.iter().enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            out.write_all(name.as_bytes())?;
            out.write_all(between)?;
            out.write_all(value.as_deref().unwrap_or(nulls.header_text))?;
        }
        Ok(())
    }
}

/// A length as records have it: -1 = null.
fn length(bytes: Option<&[u8]>) -> i32 {
    let length = |bytes: &[u8]| i32::try_from(bytes.len()).expect("a record is below 2 GiB");
    bytes.map_or(-1, length)
}

impl FromStr for Template {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let mut pieces = Vec::new();
        let mut plain = Vec::new();
        let mut at = 0;
        while at < text.len() {
            match text.as_bytes()[at] {
                b'\\' => {
                    let (byte, length) = escape(text, at)?;
                    plain.push(byte);
                    at += length;
                }
                b'%' => {
                    if let Some(field) = field(text, at)? {
                        if !plain.is_empty() {
                            pieces.push(Piece::Text(std::mem::take(&mut plain)));
                        }
                        pieces.push(Piece::Field(field));
                    } else {
                        plain.push(b'%');
                    }
                    at += 2;
                }
                byte => {
                    plain.push(byte);
                    at += 1;
                }
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }
}

/// The field whose percent sign is here; none for `%%`.
fn field(text: &str, at: usize) -> Result<Option<Field>, Mistake> {
    match text[at..].chars().nth(1) {
        Some('%') => Ok(None),
        Some(name) => Field::named(name).map(Some).ok_or_else(|| {
            let message =
                format!("%{name} is no field: --help lists them; write %% for a percent sign");
            Mistake::new(text, at..at + 1 + name.len_utf8(), message)
        }),
        None => {
            let message = "nothing follows the percent sign; write %% for one";
            Err(Mistake::new(text, at..at + 1, message))
        }
    }
}

#[cfg(test)]
mod tests;
