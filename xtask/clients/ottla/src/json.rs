//! Records as JSON: bytes are hex digits, or null.

use anyhow::{Context, Result};
use bytes::Bytes;
use client::{
    ConsumerRecord, ProducerRecord,
    protocol::{PartitionIndex, Timestamp},
};
use serde_json::{Value, json};

/// A record to send.
pub(crate) fn record(topic: &str, of: &Value) -> Result<ProducerRecord> {
    let mut record = ProducerRecord::to(topic);
    record.key = bytes(&of["key"])?;
    record.value = bytes(&of["value"])?;
    for header in of["headers"].as_array().context("headers")? {
        let key = header[0].as_str().context("a header's name")?;
        record.headers.push((key.to_owned(), bytes(&header[1])?));
    }
    record.timestamp = Some(timestamp(&of["timestamp"])?);
    if !of["partition"].is_null() {
        record.partition = Some(partition(&of["partition"])?);
    }
    Ok(record)
}

/// A record that came.
pub(crate) fn stored(record: &ConsumerRecord) -> Value {
    let headers = record.headers.iter();
    let headers: Vec<Value> =
        headers.map(|(key, value)| json!([key, hex(value.as_deref())])).collect();
    json!({
        "partition": record.partition.partition.0,
        "offset": record.offset.0,
        "key": hex(record.key.as_deref()),
        "value": hex(record.value.as_deref()),
        "headers": headers,
        "timestamp": record.timestamp.0,
    })
}

pub(crate) fn timestamp(value: &Value) -> Result<Timestamp> {
    Ok(Timestamp(integer(value)?))
}

pub(crate) fn partition(value: &Value) -> Result<PartitionIndex> {
    Ok(PartitionIndex(small(value)?))
}

pub(crate) fn small(value: &Value) -> Result<i32> {
    Ok(i32::try_from(integer(value)?)?)
}

pub(crate) fn integer(value: &Value) -> Result<i64> {
    value.as_i64().with_context(|| format!("{value} is no integer"))
}

fn hex(bytes: Option<&[u8]>) -> Value {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(bytes) = bytes else { return Value::Null };
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect::<String>().into()
}

fn bytes(hex: &Value) -> Result<Option<Bytes>> {
    let Some(text) = hex.as_str() else { return Ok(None) };
    let digit = |at: u8| char::from(at).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    let bytes = pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    let bytes = bytes.collect::<Option<Vec<u8>>>().context("bytes are not hex digits")?;
    Ok(Some(bytes.into()))
}
