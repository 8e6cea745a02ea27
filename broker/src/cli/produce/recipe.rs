//! How a piece of the input becomes a record.

use bytes::Bytes;
use clap::Args;
use client::{
    ProducerRecord,
    door::{Clock as _, SystemClock},
    protocol::records::RecordHeader,
};
use protocol::{PartitionIndex, TopicName};

use crate::cli::{
    escape::{Mistake, unescape},
    time::Time,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "What a record is made of")]
pub(super) struct RecipeOptions {
    /// Send to this partition, whatever the key.
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(0..))]
    pub(super) partition: Option<i32>,
    /// Split each line here into key and value. Lines without it have no key of their own.
    #[arg(long, short = 'K', value_name = "SEPARATOR", value_parser = some_bytes)]
    key_separator: Option<Bytes>,
    /// The key of records that have none of their own.
    #[arg(long, short = 'k')]
    key: Option<String>,
    /// A header for every record. NAME alone has a null value.
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<RecordHeader>,
    /// An empty key or value is null.
    #[arg(short = 'Z', long)]
    empty_is_null: bool,
    /// A key or value that is this is null: in a compacted topic, such a value deletes its key.
    #[arg(long, value_name = "TEXT", conflicts_with = "empty_is_null")]
    null_marker: Option<String>,
    /// When the records were made: milliseconds since 1970, a date such as 2026-01-31 or
    /// 2026-01-31T12:30:00Z, or how long ago, such as 90s, 10m, 2h or 1d. Now unless given.
    #[arg(long, value_name = "TIME")]
    timestamp: Option<Time>,
    /// In the notation of Kafka's console producer: parse.key=true, key.separator=: or
    /// null.marker=NULL.
    #[arg(long = "property", visible_alias = "reader-property", value_name = "NAME=VALUE")]
    #[arg(value_parser = property)]
    reader_properties: Vec<Property>,
}

/// What Kafka's console producer is told about lines.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Property {
    ParseKey(bool),
    KeySeparator(Bytes),
    NullMarker(Bytes),
}

/// What every record of a run has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Without value, and with the key of those that have none.
    common: ProducerRecord,
    key_separator: Option<Bytes>,
    null_marker: Option<Bytes>,
}

impl RecipeOptions {
    pub(super) fn recipe(&self, topic: TopicName) -> Recipe {
        let (mut key_separator, mut null_marker) = (None, None);
        let mut is_key_parsed = false;
        for property in &self.reader_properties {
            match property.clone() {
                Property::ParseKey(is_parsed) => is_key_parsed = is_parsed,
                Property::KeySeparator(separator) => key_separator = Some(separator),
                Property::NullMarker(marker) => null_marker = Some(marker),
            }
        }
        let key_separator = key_separator.unwrap_or(Bytes::from_static(b"\t"));
        let marker =
            if self.empty_is_null { Some(String::new()) } else { self.null_marker.clone() };
        Recipe {
            common: ProducerRecord {
                topic,
                partition: self.partition.map(PartitionIndex),
                key: self.key.clone().map(Bytes::from),
                value: None,
                headers: self.headers.clone(),
                timestamp: self.timestamp.map(|time| time.at(SystemClock.now())),
            },
            key_separator: self
                .key_separator
                .clone()
                .or_else(|| is_key_parsed.then_some(key_separator)),
            null_marker: marker.map(Bytes::from).or(null_marker),
        }
    }
}

impl Recipe {
    /// The record that a line stands for.
    pub(super) fn record(&self, line: Bytes) -> ProducerRecord {
        let split =
            self.key_separator.as_deref().and_then(|separator| split_once(&line, separator));
        let mut record = self.common.clone();
        match split {
            Some((key, value)) => {
                record.key = self.unless_null(key);
                record.value = self.unless_null(value);
            }
            None => record.value = self.unless_null(line),
        }
        record
    }

    fn unless_null(&self, bytes: Bytes) -> Option<Bytes> {
        Some(bytes).filter(|bytes| self.null_marker.as_ref() != Some(bytes))
    }
}

/// What stands before and after the first occurrence.
fn split_once(line: &Bytes, separator: &[u8]) -> Option<(Bytes, Bytes)> {
    let at = line.windows(separator.len()).position(|window| window == separator)?;
    Some((line.slice(..at), line.slice(at + separator.len()..)))
}

/// Text with escapes that is some bytes at least: there's no splitting at nothing.
pub(super) fn some_bytes(text: &str) -> Result<Bytes, Mistake> {
    if text.is_empty() {
        return Err(Mistake::new(text, 0..0, "it can't be empty"));
    }
    unescape(text).map(Bytes::from)
}

fn header(text: &str) -> Result<RecordHeader, &'static str> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned().into())),
        None => (text, None),
    };
    if name.is_empty() { Err("write NAME=VALUE") } else { Ok((name.to_owned(), value)) }
}

fn property(text: &str) -> Result<Property, String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let bytes = || some_bytes(value).map_err(|mistake| mistake.to_string());
    match name {
        "parse.key" => match value.parse() {
            Ok(is_parsed) => Ok(Property::ParseKey(is_parsed)),
            Err(_) => Err("parse.key is true or false".to_owned()),
        },
        "key.separator" => Ok(Property::KeySeparator(bytes()?)),
        "null.marker" => Ok(Property::NullMarker(value.to_owned().into())),
        _ => Err(format!("there is no {name}, but parse.key, key.separator and null.marker")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use protocol::Timestamp;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: RecipeOptions,
    }

    fn recipe(arguments: &[&str]) -> Recipe {
        let line = Line::try_parse_from([&["produce"], arguments].concat());
        line.map_err(|error| error.to_string()).unwrap().options.recipe("orders".into())
    }

    fn refusal(arguments: &[&str]) -> String {
        let line = Line::try_parse_from([&["produce"], arguments].concat());
        line.err().expect("it should be refused").to_string()
    }

    fn key_and_value(arguments: &[&str], line: &'static str) -> (Option<String>, Option<String>) {
        let record = recipe(arguments).record(line.into());
        let text =
            |bytes: Option<Bytes>| bytes.map(|bytes| String::from_utf8(bytes.into()).unwrap());
        (text(record.key), text(record.value))
    }

    fn pair(key: &str, value: &str) -> (Option<String>, Option<String>) {
        (Some(key.to_owned()), Some(value.to_owned()))
    }

    #[test]
    fn a_line_is_split_at_the_first_separator() {
        let split = |line| key_and_value(&["-K", "::"], line);
        assert_eq!(split("a::b::c"), pair("a", "b::c"));
        assert_eq!(split("::"), pair("", ""));
        assert_eq!(split("abc"), (None, Some("abc".to_owned())));
        assert_eq!(split(""), (None, Some(String::new())));
        assert_eq!(key_and_value(&["-K", r"\t"], "a\tb"), pair("a", "b"));
    }

    #[test]
    fn a_key_of_ones_own_goes_before_the_common_one() {
        assert_eq!(key_and_value(&["-K", ":", "-k", "x"], "a:b"), pair("a", "b"));
        assert_eq!(key_and_value(&["-K", ":", "-k", "x"], "b"), pair("x", "b"));
    }

    #[test]
    fn what_is_marked_is_null() {
        let z = ["-K", ":", "-Z"];
        assert_eq!(key_and_value(&z, "a:"), (Some("a".to_owned()), None));
        assert_eq!(key_and_value(&z, ":b"), (None, Some("b".to_owned())));
        let marked = ["-K", ":", "--null-marker", "NULL"];
        assert_eq!(key_and_value(&marked, "a:NULL"), (Some("a".to_owned()), None));
        assert_eq!(key_and_value(&marked, "a:"), pair("a", ""));
    }

    #[test]
    fn the_console_producers_properties_are_understood() {
        let parse = ["--property", "parse.key=true"];
        assert_eq!(key_and_value(&parse, "a\tb"), pair("a", "b"));
        let all = ["--property", "key.separator=:", "--property", "null.marker=-"];
        let all = [&parse[..], &all].concat();
        assert_eq!(key_and_value(&all, "a:-"), (Some("a".to_owned()), None));
        assert_eq!(key_and_value(&["--property", "key.separator=:"], "a:b").0, None);
        assert!(refusal(&["--property", "parse.keys=true"]).contains("there is no parse.keys"));
    }

    #[test]
    fn every_record_has_the_headers_the_partition_and_the_time() {
        let arguments = ["-H", "a=1=2", "-H", "b", "-p", "3", "--timestamp", "1700000000000"];
        let record = recipe(&arguments).record("x".into());
        let headers = [("a".to_owned(), Some(Bytes::from("1=2"))), ("b".to_owned(), None)];
        assert_eq!(record.headers, headers);
        assert_eq!(record.partition, Some(PartitionIndex(3)));
        assert_eq!(record.timestamp, Some(Timestamp(1_700_000_000_000)));
    }

    #[test]
    fn a_mistake_is_told_with_its_option() {
        assert!(refusal(&["-K", ""]).contains("can't be empty"));
        assert!(refusal(&["-H", "=x"]).contains("--header"));
        assert!(refusal(&["--partition=-1"]).contains("--partition"));
        assert!(refusal(&["--timestamp", "soon"]).contains("milliseconds since 1970"));
    }
}
