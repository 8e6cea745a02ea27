//! A record as an object on a line of its own, for programs.
//!
//! Bytes that are no UTF-8 are there in base64, in a field of another name: what is printed can
//! always be told apart, and read back.

use std::io::{self, Write};

use client::ConsumerRecord;
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Prints one record.
pub(super) fn print(record: &ConsumerRecord, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Printed(record))?;
    out.write_all(b"\n")
}

struct Printed<'a>(&'a ConsumerRecord);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", record.partition.topic.as_str())?;
        map.serialize_entry("partition", &record.partition.partition.0)?;
        map.serialize_entry("offset", &record.offset.0)?;
        map.serialize_entry("timestamp", &record.timestamp.0)?;
        bytes(&mut map, ["key", "key_base64"], record.key.as_deref())?;
        bytes(&mut map, ["value", "value_base64"], record.value.as_deref())?;
        let headers = record.headers.iter();
        let headers: Vec<_> =
            headers.map(|(key, value)| PrintedHeader { key, value: value.as_deref() }).collect();
        map.serialize_entry("headers", &headers)?;
        map.end()
    }
}

struct PrintedHeader<'a> {
    key: &'a str,
    value: Option<&'a [u8]>,
}

impl Serialize for PrintedHeader<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", self.key)?;
        bytes(&mut map, ["value", "value_base64"], self.value)?;
        map.end()
    }
}

/// Text under the first name, other bytes under the second.
fn bytes<M: SerializeMap>(
    map: &mut M,
    [text_name, base64_name]: [&'static str; 2],
    bytes: Option<&[u8]>,
) -> Result<(), M::Error> {
    match bytes.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        None => map.serialize_entry(text_name, &None::<&str>),
        Some((Ok(text), _)) => map.serialize_entry(text_name, text),
        Some((Err(_), bytes)) => map.serialize_entry(base64_name, &base64(bytes)),
    }
}

/// Base64 of RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * position) & 0x3f) as usize];
            text.push(if position <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::{
        LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicPartition, records::TimestampType,
    };

    use super::*;

    #[test]
    fn a_record_is_an_object_on_a_line() {
        let record = ConsumerRecord {
            partition: TopicPartition { topic: "orders".into(), partition: PartitionIndex(3) },
            offset: Offset(42),
            leader_epoch: LeaderEpoch(7),
            timestamp: Timestamp(1_700_000_000_000),
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(Bytes::from_static(b"two\nlines")),
            headers: vec![("a".into(), Some("1".into())), ("b".into(), None)],
        };
        let mut out = Vec::new();
        print(&record, &mut out).unwrap();
        let expected = concat!(
            r#"{"topic":"orders","partition":3,"offset":42,"timestamp":1700000000000,"key":null,"#,
            r#""value":"two\nlines","headers":[{"key":"a","value":"1"},{"key":"b","value":null}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn other_bytes_are_in_base64_under_another_name() {
        let mut text = Vec::new();
        let header = PrintedHeader { key: "trace", value: Some(b"\xff\x00") };
        serde_json::to_writer(&mut text, &header).unwrap();
        assert_eq!(text, br#"{"key":"trace","value_base64":"/wA="}"#);
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (bytes, text) in vectors {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
