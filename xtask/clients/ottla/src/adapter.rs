//! What the checks ask for, by our own client.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use client::{
    Acks, Admin, Cluster, ClusterOptions, ConfigResource, Consumer, ConsumerOptions,
    ConsumerRecord, Doors, Endpoint, Error, Isolation, NewTopic, OffsetReset, Place, Producer,
    ProducerOptions,
    admin::TopicResults,
    protocol::{Offset, TopicPartition, records::Compression},
};
use serde_json::{Map, Value, json};

use crate::json::{integer, partition, record, small, stored, timestamp};

/// How long one call may take before the node counts as broken.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Adapter {
    cluster: Cluster,
    admin: Admin,
}

impl Adapter {
    pub(crate) async fn connect(bootstrap: &str) -> Result<Self> {
        let options = ClusterOptions { retry_for: PATIENCE, ..ClusterOptions::default() };
        let bootstrap = Endpoint::parse_list(bootstrap)?;
        let cluster = Cluster::connect(Doors::system(), bootstrap, options).await?;
        Ok(Self { admin: Admin::new(cluster.clone()), cluster })
    }

    pub(crate) async fn perform(&self, request: &Value) -> Result<Value> {
        let topic = request["topic"].as_str().unwrap_or_default();
        match request["op"].as_str().unwrap_or_default() {
            "create_topic" => self.create_topic(topic, request).await,
            "delete_topic" => done(self.admin.delete_topics(&[topic.into()]).await?),
            "grow_topic" => {
                let total = small(&request["partitions"])?;
                let counts = BTreeMap::from([(topic.into(), total)]);
                done(self.admin.create_partitions(&counts, false).await?)
            }
            "topics" => self.topics().await,
            "topic_config" => self.topic_config(topic, &request["key"]).await,
            "produce" => {
                self.produce(topic, request).await?;
                Ok(Value::Null)
            }
            "read" => self.read(topic, request).await,
            "bounds" => {
                let at = self.partition(topic, request)?;
                let first = self.offset(&at, Place::Beginning).await?;
                let end = self.offset(&at, Place::End).await?;
                Ok(json!([first, end]))
            }
            "offset_at" => {
                let at = self.partition(topic, request)?;
                let time = timestamp(&request["timestamp"])?;
                Ok(json!(self.offset(&at, Place::Time(time)).await?))
            }
            "tail" => self.tail(topic, request).await,
            unknown => bail!("unknown op {unknown:?}"),
        }
    }

    async fn create_topic(&self, topic: &str, request: &Value) -> Result<Value> {
        let partitions: i32 = small(&request["partitions"])?;
        let replicas = i16::try_from(small(&request["replication_factor"])?)?;
        let mut wanted = NewTopic::new(topic).partitions(partitions).replication_factor(replicas);
        for (key, value) in request["configs"].as_object().context("configs")? {
            let value = value.as_str().context("a config's value")?;
            wanted = wanted.config(key, value);
        }
        done(self.admin.create_topics(&[wanted], false).await?)
    }

    async fn topics(&self) -> Result<Value> {
        let topics = self.admin.list_topics().await?.into_iter();
        let topics: Map<String, Value> =
            topics.map(|topic| (topic.name.to_string(), topic.partitions.len().into())).collect();
        Ok(topics.into())
    }

    async fn topic_config(&self, topic: &str, key: &Value) -> Result<Value> {
        let key = key.as_str().context("key")?;
        let resource = ConfigResource::Topic(topic.into());
        let configs = self.admin.describe_configs(&resource).await?;
        let config = configs.into_iter().find(|config| config.name == key);
        Ok(config.context("no such config")?.value.into())
    }

    async fn produce(&self, topic: &str, request: &Value) -> Result<()> {
        let codec = request["codec"].as_str().and_then(Compression::from_name);
        let options = ProducerOptions {
            acks: acks(&request["acks"])?,
            idempotence: request["idempotent"].as_bool().context("idempotent")?,
            compression: codec.context("codec")?,
            linger: Duration::from_millis(20),
            request_bytes_max: 2 << 20,
            delivery_timeout: PATIENCE,
            ..ProducerOptions::default()
        };
        let producer = Producer::new(self.cluster.clone(), options);
        let mut sent = Vec::new();
        for one in request["records"].as_array().context("records")? {
            sent.push(producer.queue(record(topic, one)?).await?);
        }
        producer.flush().await;
        for one in sent {
            one.delivery().await?;
        }
        Ok(())
    }

    async fn read(&self, topic: &str, request: &Value) -> Result<Value> {
        let mut places = BTreeMap::new();
        for start in request["starts"].as_array().context("starts")? {
            let place = match &start[1] {
                Value::Null => Place::Beginning,
                offset => Place::At(Offset(integer(offset)?)),
            };
            let partition = partition(&start[0])?;
            places.insert(TopicPartition { topic: topic.into(), partition }, place);
        }
        let mut consumer = self.consumer(&places)?;
        let count = usize::try_from(integer(&request["count"])?)?;
        let records = receive(&mut consumer, count).await?;
        Ok(records.iter().map(stored).collect())
    }

    /// Waits at the end before there is anything to wait for.
    async fn tail(&self, topic: &str, request: &Value) -> Result<Value> {
        let at = self.partition(topic, request)?;
        let mut consumer = self.consumer(&BTreeMap::from([(at.clone(), Place::End)]))?;
        consumer.position(&at).await?;
        let early = consumer.poll(Duration::from_millis(100)).await?;
        ensure!(early.is_empty(), "offset {} is not the end", early[0].offset);
        let one = json!({
            "records": [&request["record"]], "codec": "none", "acks": 1, "idempotent": false,
        });
        self.produce(topic, &one).await?;
        let records = receive(&mut consumer, 1).await?;
        Ok(stored(&records[0]))
    }

    fn consumer(&self, places: &BTreeMap<TopicPartition, Place>) -> Result<Consumer> {
        let options =
            ConsumerOptions { offset_reset: OffsetReset::None, ..ConsumerOptions::default() };
        let mut consumer = Consumer::new(self.cluster.clone(), options);
        consumer.assign(places.keys().cloned());
        for (partition, place) in places {
            consumer.seek(partition, *place)?;
        }
        Ok(consumer)
    }

    async fn offset(&self, of: &TopicPartition, place: Place) -> Result<Option<i64>> {
        let places = BTreeMap::from([(of.clone(), place)]);
        let found = self.admin.list_offsets(&places, Isolation::ReadUncommitted).await?;
        Ok(found[of].offset.map(|offset| offset.0))
    }

    fn partition(&self, topic: &str, request: &Value) -> Result<TopicPartition> {
        Ok(TopicPartition { topic: topic.into(), partition: partition(&request["partition"])? })
    }
}

fn acks(value: &Value) -> Result<Acks> {
    match integer(value)? {
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        other => bail!("acks={other}"),
    }
}

/// Receives exactly so many records.
async fn receive(consumer: &mut Consumer, count: usize) -> Result<Vec<ConsumerRecord>> {
    let deadline = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    while records.len() < count {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "{} of {count} records came within {PATIENCE:?}", records.len());
        records.extend(consumer.poll(left).await?);
    }
    // A log that goes on where it should end is the caller's to see.
    records.truncate(count);
    Ok(records)
}

fn done(results: TopicResults) -> Result<Value> {
    let all: Result<Vec<()>, Error> = results.into_values().collect();
    all?;
    Ok(Value::Null)
}
