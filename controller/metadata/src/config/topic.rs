//! A topic's configuration with all its values in force.

use std::time::Duration;

use super::{
    ConfigDef, ConfigEntry, ConfigSource, ConfigValue, InvalidConfig, Layers, SynonymEntry,
    TOPIC_KEYS, topic_key,
};

/// A topic's configuration: every value that is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    /// What happens to old segments.
    pub cleanup_policy: CleanupPolicy,
    /// The codec that records are stored with.
    pub compression_type: CompressionType,
    /// How long a tombstone stays.
    pub delete_retention_ms: i64,
    /// How long a dropped segment's files stay on disk.
    pub file_delete_delay: Duration,
    /// Sync after so many records. `None` = never for their number.
    pub flush_messages: Option<u64>,
    /// Sync a record after so long. `None` = never for its age.
    pub flush_interval: Option<Duration>,
    /// How many bytes of log lie between two index entries.
    pub index_interval_bytes: u32,
    /// The longest that a record may stay uncompacted.
    pub max_compaction_lag_ms: i64,
    /// The largest record batch that is accepted.
    pub max_message_bytes: u32,
    /// How far a record's timestamp may lie ahead.
    pub message_timestamp_after_max_ms: i64,
    /// How far a record's timestamp may lie behind.
    pub message_timestamp_before_max_ms: i64,
    /// Whose clock stamps the records.
    pub message_timestamp_type: TimestampType,
    /// How much of a log must be uncompacted for the cleaner to act.
    pub min_cleanable_dirty_ratio: f64,
    /// The shortest that a record stays uncompacted.
    pub min_compaction_lag_ms: i64,
    /// How many replicas must be in sync for acks=all, before the replication factor caps it.
    pub min_insync_replicas: usize,
    /// How large the log may grow. `None` = no limit.
    pub retention_bytes: Option<u64>,
    /// How old records may get. `None` = no limit.
    pub retention_ms: Option<i64>,
    /// How large a segment grows.
    pub segment_bytes: u32,
    /// How large an offset index grows.
    pub segment_index_bytes: u32,
    /// How much earlier than `segment_ms` a segment may be closed.
    pub segment_jitter_ms: i64,
    /// How old a segment gets.
    pub segment_ms: i64,
    /// Whether a replica that lacks acknowledged records may become leader.
    pub unclean_leader_election_enable: bool,
}

/// What happens to old segments. Neither = everything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Drop them by age and size.
    pub delete: bool,
    /// Keep the last record of every key.
    pub compact: bool,
}

/// The codec that records are stored with, and its effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    /// Whatever the producer chose: batches stay as they came.
    Producer,
    /// None.
    Uncompressed,
    /// gzip; `None` = the codec's own default level.
    Gzip(Option<u32>),
    /// Snappy.
    Snappy,
    /// lz4 at this level.
    Lz4(i32),
    /// zstd at this level.
    Zstd(i32),
}

/// Whose clock stamps the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The leader's.
    LogAppendTime,
}

/// Checks what somebody wants to set on a topic. `layers.topic` holds all of the topic's overrides
/// as they'd be afterwards.
///
/// # Errors
/// Kafka's sentence for the first thing that is wrong; the client's answer is `INVALID_CONFIG`.
pub fn validate_topic(layers: &Layers<'_>) -> Result<(), InvalidConfig> {
    for (name, text) in layers.topic {
        let Some(def) = topic_key(name) else {
            return Err(InvalidConfig::UnknownTopicConfig(name.clone()));
        };
        let value = def.parse(text)?;
        if name == "remote.storage.enable" && value.boolean() {
            return Err(InvalidConfig::TieredStorage);
        }
    }
    let config = TopicConfig::resolve(layers);
    let (min_ms, max_ms) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if min_ms > max_ms {
        return Err(InvalidConfig::CompactionLag { min_ms, max_ms });
    }
    Ok(())
}

impl TopicConfig {
    /// The values in force, given what is set where.
    #[must_use]
    pub fn resolve(layers: &Layers<'_>) -> Self {
        let optional = |name: &str| {
            layers.topic_value(topic_key(name).expect("only names of the table are asked for"))
        };
        let value = |name: &str| optional(name).expect("these keys have a default");
        let long = |name: &str| value(name).number();
        let bytes = |name: &str| u32_of(&value(name));
        Self {
            cleanup_policy: CleanupPolicy::of(&value("cleanup.policy")),
            compression_type: CompressionType::of(&value),
            delete_retention_ms: long("delete.retention.ms"),
            file_delete_delay: Duration::from_millis(u64_of(&value("file.delete.delay.ms"))),
            flush_messages: limited(long("flush.messages")),
            flush_interval: limited(long("flush.ms")).map(Duration::from_millis),
            index_interval_bytes: bytes("index.interval.bytes"),
            max_compaction_lag_ms: long("max.compaction.lag.ms"),
            max_message_bytes: bytes("max.message.bytes"),
            message_timestamp_after_max_ms: long("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: long("message.timestamp.before.max.ms"),
            message_timestamp_type: TimestampType::of(&value("message.timestamp.type")),
            min_cleanable_dirty_ratio: value("min.cleanable.dirty.ratio").double(),
            min_compaction_lag_ms: long("min.compaction.lag.ms"),
            min_insync_replicas: usize::try_from(long("min.insync.replicas"))
                .expect("at least one, and an int"),
            retention_bytes: u64::try_from(long("retention.bytes")).ok(),
            retention_ms: Some(long("retention.ms")).filter(|ms| *ms >= 0),
            segment_bytes: optional("internal.segment.bytes")
                .map_or_else(|| bytes("segment.bytes"), |value| u32_of(&value)),
            segment_index_bytes: bytes("segment.index.bytes"),
            segment_jitter_ms: long("segment.jitter.ms"),
            segment_ms: long("segment.ms"),
            unclean_leader_election_enable: value("unclean.leader.election.enable").boolean(),
        }
    }
}

impl Default for TopicConfig {
    /// The values where nobody has set anything.
    fn default() -> Self {
        Self::resolve(&Layers::default())
    }
}

impl CleanupPolicy {
    fn of(value: &ConfigValue) -> Self {
        let has = |word: &str| value.list().iter().any(|item| item == word);
        Self { delete: has("delete"), compact: has("compact") }
    }
}

impl CompressionType {
    fn of(value: &impl Fn(&str) -> ConfigValue) -> Self {
        let level =
            |name: &str| i32::try_from(value(name).number()).expect("the levels are of type int");
        match value("compression.type").text() {
            "producer" => Self::Producer,
            "uncompressed" => Self::Uncompressed,
            "gzip" => Self::Gzip(u32::try_from(level("compression.gzip.level")).ok()),
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4(level("compression.lz4.level")),
            "zstd" => Self::Zstd(level("compression.zstd.level")),
            other => unreachable!("{other} isn't in the table"),
        }
    }
}

impl TimestampType {
    fn of(value: &ConfigValue) -> Self {
        match value.text() {
            "LogAppendTime" => Self::LogAppendTime,
            _ => Self::CreateTime,
        }
    }
}

fn u64_of(value: &ConfigValue) -> u64 {
    u64::try_from(value.number()).expect("the table refuses negative ones")
}

fn u32_of(value: &ConfigValue) -> u32 {
    u32::try_from(value.number()).expect("an int that isn't negative")
}

/// Kafka writes "never" as the largest number there is.
fn limited(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|_| number != i64::MAX)
}

/// A topic's configuration as DescribeConfigs shows it, by name.
#[must_use]
pub fn describe_topic(layers: &Layers<'_>) -> Vec<ConfigEntry> {
    let mut entries: Vec<ConfigEntry> = TOPIC_KEYS
        .iter()
        .filter(|def| !def.internal)
        .map(|def| describe_topic_key(def, layers))
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn describe_topic_key(def: &'static ConfigDef, layers: &Layers<'_>) -> ConfigEntry {
    let value = layers.topic_value(def).map(|value| value.to_string());
    let names: Vec<_> = def.synonyms.iter().map(|synonym| (synonym.0, synonym.2)).collect();
    let mut synonyms = layers.broker_synonyms(&names, false);
    if layers.topic.contains_key(def.name) {
        let name = def.name.to_owned();
        let value = value.clone();
        synonyms.insert(0, SynonymEntry { name, value, source: ConfigSource::Topic });
    }
    ConfigEntry {
        name: def.name.to_owned(),
        value,
        source: synonyms.first().map_or(ConfigSource::Default, |strongest| strongest.source),
        is_sensitive: def.is_sensitive(),
        is_read_only: false,
        synonyms,
        kind: def.kind,
        documentation: def.doc(),
    }
}
