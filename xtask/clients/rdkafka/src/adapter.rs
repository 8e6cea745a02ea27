//! One JSON line in, one JSON line out, as `with_process.py` describes them.

use crate::{PATIENCE, assign, consumer, receive, settings};
use anyhow::{Context, Result, bail};
use futures_executor::block_on;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
    TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use serde_json::{Map, Value, json};
use std::io::{BufRead, Write};
use std::sync::Mutex;

/// What a call was answered with, when not with success.
#[derive(Debug)]
struct Refused(RDKafkaErrorCode);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused: {}", self.0)
    }
}

impl std::error::Error for Refused {}

pub(crate) fn run(bootstrap: &str) -> Result<()> {
    let adapter = Adapter {
        bootstrap: bootstrap.to_owned(),
        admin: settings(bootstrap).create().context("admin client")?,
    };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = match adapter.perform(&request) {
            Ok(value) => json!({ "ok": value }),
            Err(error) => match error.downcast_ref::<Refused>() {
                Some(Refused(code)) if *code as i32 > 0 => json!({ "refused": *code as i32 }),
                _ => json!({ "error": format!("{error:#}") }),
            },
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

struct Adapter {
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
}

impl Adapter {
    fn perform(&self, request: &Value) -> Result<Value> {
        let topic = request["topic"].as_str().unwrap_or_default();
        match request["op"].as_str().unwrap_or_default() {
            "create_topic" => self.create_topic(topic, request),
            "delete_topic" => {
                topic_result(block_on(self.admin.delete_topics(&[topic], &options()))?)
            }
            "grow_topic" => {
                let total = usize::try_from(integer(&request["partitions"])?)?;
                let wanted = NewPartitions::new(topic, total);
                topic_result(block_on(self.admin.create_partitions(&[wanted], &options()))?)
            }
            "topics" => self.topics(),
            "topic_config" => self.topic_config(topic, &request["key"]),
            "produce" => {
                self.produce(topic, request)?;
                Ok(Value::Null)
            }
            "read" => self.read(topic, request),
            "bounds" => {
                let partition = partition(&request["partition"])?;
                let consumer = consumer(&self.bootstrap)?;
                let (first, end) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
                Ok(json!([first, end]))
            }
            "offset_at" => self.offset_at(topic, request),
            "tail" => self.tail(topic, request),
            unknown => bail!("unknown op {unknown:?}"),
        }
    }

    fn create_topic(&self, topic: &str, request: &Value) -> Result<Value> {
        let partitions = partition(&request["partitions"])?;
        let replication = TopicReplication::Fixed(partition(&request["replication_factor"])?);
        let mut wanted = NewTopic::new(topic, partitions, replication);
        for (key, value) in request["configs"].as_object().context("configs")? {
            wanted = wanted.set(key, value.as_str().context("a config's value")?);
        }
        topic_result(block_on(self.admin.create_topics(&[wanted], &options()))?)
    }

    fn topics(&self) -> Result<Value> {
        let metadata = self.admin.inner().fetch_metadata(None, PATIENCE)?;
        let topics: Map<String, Value> = metadata
            .topics()
            .iter()
            .map(|topic| (topic.name().to_owned(), topic.partitions().len().into()))
            .collect();
        Ok(topics.into())
    }

    fn topic_config(&self, topic: &str, key: &Value) -> Result<Value> {
        let resource = ResourceSpecifier::Topic(topic);
        let described = block_on(self.admin.describe_configs(&[resource], &options()))?
            .pop()
            .context("no resource was described")?
            .map_err(Refused)?;
        let entry = described.get(key.as_str().context("key")?).context("no such config")?;
        Ok(entry.value.clone().into())
    }

    fn produce(&self, topic: &str, request: &Value) -> Result<()> {
        let producer: ThreadedProducer<Deliveries> = settings(&self.bootstrap)
            .set("acks", request["acks"].to_string())
            .set("enable.idempotence", request["idempotent"].to_string())
            .set("compression.type", request["codec"].as_str().context("codec")?)
            .set("linger.ms", "20")
            .set("message.max.bytes", (2 << 20).to_string())
            .set("partitioner", "murmur2_random")
            .create_with_context(Deliveries::default())?;
        for record in request["records"].as_array().context("records")? {
            let (key, value) = (bytes(&record["key"])?, bytes(&record["value"])?);
            let mut sent = BaseRecord::<[u8], [u8]>::to(topic)
                .timestamp(integer(&record["timestamp"])?)
                .headers(headers(&record["headers"])?);
            sent.key = key.as_deref();
            sent.payload = value.as_deref();
            if !record["partition"].is_null() {
                sent = sent.partition(partition(&record["partition"])?);
            }
            producer.send(sent).map_err(|(error, _)| error)?;
        }
        producer.flush(PATIENCE)?;
        match producer.context().first_failure.lock().expect("no holder panics").take() {
            Some(code) => Err(Refused(code).into()),
            None => Ok(()),
        }
    }

    fn read(&self, topic: &str, request: &Value) -> Result<Value> {
        let consumer = consumer(&self.bootstrap)?;
        let mut starts = Vec::new();
        for start in request["starts"].as_array().context("starts")? {
            let offset = match start[1].as_i64() {
                Some(offset) => Offset::Offset(offset),
                None => Offset::Beginning,
            };
            starts.push((partition(&start[0])?, offset));
        }
        assign(&consumer, topic, starts)?;
        let mut found = Vec::new();
        receive(&consumer, usize::try_from(integer(&request["count"])?)?, |message| {
            found.push(stored(message));
            Ok(())
        })?;
        Ok(found.into())
    }

    fn offset_at(&self, topic: &str, request: &Value) -> Result<Value> {
        let mut wanted = TopicPartitionList::new();
        let timestamp = Offset::Offset(integer(&request["timestamp"])?);
        wanted.add_partition_offset(topic, partition(&request["partition"])?, timestamp)?;
        let found = consumer(&self.bootstrap)?.offsets_for_times(wanted, PATIENCE)?;
        match found.elements()[0].offset() {
            Offset::Offset(offset) => Ok(offset.into()),
            Offset::End => Ok(Value::Null),
            other => bail!("found {other:?}"),
        }
    }

    fn tail(&self, topic: &str, request: &Value) -> Result<Value> {
        let consumer = consumer(&self.bootstrap)?;
        assign(&consumer, topic, [(partition(&request["partition"])?, Offset::End)])?;
        match consumer.poll(PATIENCE) {
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(message)) => bail!("offset {} is not the end", message.offset()),
            None => bail!("the end was not reached within {PATIENCE:?}"),
        }
        let record = &request["record"];
        let one = json!({
            "records": [record], "codec": "none", "acks": 1, "idempotent": false,
        });
        self.produce(topic, &one)?;
        let mut found = Value::Null;
        receive(&consumer, 1, |message| {
            found = stored(message);
            Ok(())
        })?;
        Ok(found)
    }
}

/// Remembers the first delivery that failed.
#[derive(Default)]
struct Deliveries {
    first_failure: Mutex<Option<RDKafkaErrorCode>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((KafkaError::MessageProduction(code), _)) = result {
            self.first_failure.lock().expect("no holder panics").get_or_insert(*code);
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

fn topic_result(results: Vec<TopicResult>) -> Result<Value> {
    for result in results {
        result.map_err(|(_, code)| Refused(code))?;
    }
    Ok(Value::Null)
}

fn stored(message: &BorrowedMessage<'_>) -> Value {
    let headers: Vec<Value> = message
        .headers()
        .map(|headers| {
            headers.iter().map(|header| json!([header.key, hex(header.value)])).collect()
        })
        .unwrap_or_default();
    json!({
        "partition": message.partition(),
        "offset": message.offset(),
        "key": hex(message.key()),
        "value": hex(message.payload()),
        "headers": headers,
        "timestamp": message.timestamp().to_millis(),
    })
}

fn headers(listed: &Value) -> Result<OwnedHeaders> {
    let mut headers = OwnedHeaders::new();
    for header in listed.as_array().context("headers")? {
        let value = bytes(&header[1])?;
        let key = header[0].as_str().context("a header's name")?;
        headers = headers.insert(Header { key, value: value.as_ref() });
    }
    Ok(headers)
}

fn integer(value: &Value) -> Result<i64> {
    value.as_i64().with_context(|| format!("{value} is no integer"))
}

fn partition(value: &Value) -> Result<i32> {
    Ok(i32::try_from(integer(value)?)?)
}

fn hex(bytes: Option<&[u8]>) -> Value {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(bytes) = bytes else { return Value::Null };
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.into()
}

fn bytes(hex: &Value) -> Result<Option<Vec<u8>>> {
    let Some(text) = hex.as_str() else { return Ok(None) };
    let digit = |at: u8| char::from(at).to_digit(16).and_then(|value| u8::try_from(value).ok());
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect::<Option<Vec<u8>>>()
        .context("bytes are not hex digits")
        .map(Some)
}
