//! The keys of topics: all that Kafka 4.2 has, with its defaults.

use super::{
    BrokerSynonym, ConfigDef,
    Unit::{Hours, Minutes, Same},
};

const MAX: &str = "9223372036854775807";
const NO_CLEANER: &str = "compaction comes later";
const NO_THROTTLE: &str = "replication isn't throttled yet";
const NO_TIERS: &str = "there is no tiered storage";

crate::config_keys! {
    /// Every key that a topic of Kafka 4.2 has.
    pub TOPIC_KEYS;

    /// What happens to old segments: `delete` drops them by age and size, `compact` keeps the last
    /// record of every key, both do both, and an empty list keeps everything. `compact` is accepted
    /// and remembered; the cleaner that acts on it comes later.
    "cleanup.policy": List = "delete", subset_of(&["compact", "delete"]),
        from_broker(&[BrokerSynonym("log.cleanup.policy", Same, Some("delete"))]);
    /// The codec that records are stored with. `producer` keeps what the producer chose.
    "compression.type": String = "producer",
        one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        from_broker(&[BrokerSynonym("compression.type", Same, Some("producer"))]);
    /// The effort of gzip where `compression.type` is gzip; -1 is the codec's own default.
    "compression.gzip.level": Int = "-1", gzip_level,
        from_broker(&[BrokerSynonym("compression.gzip.level", Same, Some("-1"))]);
    /// The effort of lz4 where `compression.type` is lz4.
    "compression.lz4.level": Int = "9", between(1, 17),
        from_broker(&[BrokerSynonym("compression.lz4.level", Same, Some("9"))]);
    /// The effort of zstd where `compression.type` is zstd.
    "compression.zstd.level": Int = "3", between(-131_072, 22),
        from_broker(&[BrokerSynonym("compression.zstd.level", Same, Some("3"))]);
    /// How long a deleted key's tombstone stays in a compacted topic, in milliseconds.
    "delete.retention.ms": Long = "86400000", at_least(0), ignored(NO_CLEANER),
        from_broker(&[BrokerSynonym("log.cleaner.delete.retention.ms", Same, Some("86400000"))]);
    /// How long a dropped segment's files stay on disk, in milliseconds, for readers to finish.
    "file.delete.delay.ms": Long = "60000", at_least(0),
        from_broker(&[BrokerSynonym("log.segment.delete.delay.ms", Same, Some("60000"))]);
    /// How many records may be appended before the log is synced to disk. 1 acknowledges only what
    /// is synced; the default leaves syncing to the operating system.
    "flush.messages": Long = "9223372036854775807", at_least(1),
        from_broker(&[BrokerSynonym("log.flush.interval.messages", Same, Some(MAX))]);
    /// How long a record may wait to be synced to disk, in milliseconds.
    "flush.ms": Long = "9223372036854775807", at_least(0),
        from_broker(&[
            BrokerSynonym("log.flush.interval.ms", Same, None),
            BrokerSynonym("log.flush.scheduler.interval.ms", Same, Some(MAX)),
        ]);
    /// The replicas whose fetching is held to the follower's rate, as partition:broker pairs or `*`.
    "follower.replication.throttled.replicas": List = "", throttled_replicas, ignored(NO_THROTTLE);
    /// How many bytes of log lie between two entries of the offset index.
    "index.interval.bytes": Int = "4096", at_least(0),
        from_broker(&[BrokerSynonym("log.index.interval.bytes", Same, Some("4096"))]);
    /// The replicas whose reading is held to the leader's rate, as partition:broker pairs or `*`.
    "leader.replication.throttled.replicas": List = "", throttled_replicas, ignored(NO_THROTTLE);
    /// How many bytes of a tiered log stay local; -2 follows `retention.bytes`.
    "local.retention.bytes": Long = "-2", at_least(-2), ignored(NO_TIERS),
        from_broker(&[BrokerSynonym("log.local.retention.bytes", Same, Some("-2"))]);
    /// How long a tiered log's segments stay local, in milliseconds; -2 follows `retention.ms`.
    "local.retention.ms": Long = "-2", at_least(-2), ignored(NO_TIERS),
        from_broker(&[BrokerSynonym("log.local.retention.ms", Same, Some("-2"))]);
    /// The longest that a record may stay uncompacted, in milliseconds.
    "max.compaction.lag.ms": Long = "9223372036854775807", at_least(1), ignored(NO_CLEANER),
        from_broker(&[BrokerSynonym("log.cleaner.max.compaction.lag.ms", Same, Some(MAX))]);
    /// The largest record batch that is accepted, in bytes, as compressed.
    "max.message.bytes": Int = "1048588", at_least(0),
        from_broker(&[BrokerSynonym("message.max.bytes", Same, Some("1048588"))]);
    /// How far a record's own timestamp may lie ahead of the broker's clock, in milliseconds.
    "message.timestamp.after.max.ms": Long = "3600000", at_least(0),
        from_broker(&[BrokerSynonym("log.message.timestamp.after.max.ms", Same, Some("3600000"))]);
    /// How far a record's own timestamp may lie behind the broker's clock, in milliseconds.
    "message.timestamp.before.max.ms": Long = "9223372036854775807", at_least(0),
        from_broker(&[BrokerSynonym("log.message.timestamp.before.max.ms", Same, Some(MAX))]);
    /// Whose clock stamps the records: the producer's (`CreateTime`) or the leader's
    /// (`LogAppendTime`).
    "message.timestamp.type": String = "CreateTime", one_of(&["CreateTime", "LogAppendTime"]),
        from_broker(&[BrokerSynonym("log.message.timestamp.type", Same, Some("CreateTime"))]);
    /// How much of a log must be uncompacted, as a fraction, before the cleaner takes it on.
    "min.cleanable.dirty.ratio": Double = "0.5", between(0, 1), ignored(NO_CLEANER),
        from_broker(&[BrokerSynonym("log.cleaner.min.cleanable.ratio", Same, Some("0.5"))]);
    /// The shortest that a record stays uncompacted, in milliseconds.
    "min.compaction.lag.ms": Long = "0", at_least(0), ignored(NO_CLEANER),
        from_broker(&[BrokerSynonym("log.cleaner.min.compaction.lag.ms", Same, Some("0"))]);
    /// How many replicas must be in sync for a record sent with acks=all to be accepted.
    "min.insync.replicas": Int = "1", at_least(1),
        from_broker(&[BrokerSynonym("min.insync.replicas", Same, Some("1"))]);
    /// Whether a new segment's file is given its full size at once.
    "preallocate": Boolean = "false", ignored("segments grow as they're written"),
        from_broker(&[BrokerSynonym("log.preallocate", Same, Some("false"))]);
    /// Whether a tiered topic stops copying segments to the remote tier.
    "remote.log.copy.disable": Boolean = "false", ignored(NO_TIERS);
    /// Whether the remote tier's segments are deleted when tiering is turned off.
    "remote.log.delete.on.disable": Boolean = "false", ignored(NO_TIERS);
    /// Whether old segments move to a remote tier. There is none: only `false` is accepted.
    "remote.storage.enable": Boolean = "false", ignored(NO_TIERS);
    /// How large one partition's log may grow before its oldest segments are dropped; -1 is no
    /// limit.
    "retention.bytes": Long = "-1",
        from_broker(&[BrokerSynonym("log.retention.bytes", Same, Some("-1"))]);
    /// How old records may get before their segments are dropped, in milliseconds; -1 is no limit.
    "retention.ms": Long = "604800000", at_least(-1),
        from_broker(&[
            BrokerSynonym("log.retention.ms", Same, None),
            BrokerSynonym("log.retention.minutes", Minutes, None),
            BrokerSynonym("log.retention.hours", Hours, Some("168")),
        ]);
    /// How large a segment grows before the next one is begun, in bytes.
    "segment.bytes": Int = "1073741824", at_least(1_048_576),
        from_broker(&[BrokerSynonym("log.segment.bytes", Same, Some("1073741824"))]);
    /// How large a segment's offset index may grow before the next segment is begun, in bytes.
    "segment.index.bytes": Int = "10485760", at_least(4),
        from_broker(&[BrokerSynonym("log.index.size.max.bytes", Same, Some("10485760"))]);
    /// How much earlier than `segment.ms` a segment may be closed, at random, in milliseconds, so
    /// that not all partitions begin a new one at once.
    "segment.jitter.ms": Long = "0", at_least(0),
        from_broker(&[
            BrokerSynonym("log.roll.jitter.ms", Same, None),
            BrokerSynonym("log.roll.jitter.hours", Hours, Some("0")),
        ]);
    /// How old a segment gets before the next one is begun, in milliseconds, so that retention can
    /// drop it even where little is written.
    "segment.ms": Long = "604800000", at_least(1),
        from_broker(&[
            BrokerSynonym("log.roll.ms", Same, None),
            BrokerSynonym("log.roll.hours", Hours, Some("168")),
        ]);
    /// Whether a replica that lacks acknowledged records may become leader when no other can.
    "unclean.leader.election.enable": Boolean = "false",
        from_broker(&[BrokerSynonym("unclean.leader.election.enable", Same, Some("false"))]);
    /// Overrides `segment.bytes` without its lower bound, for tests.
    "internal.segment.bytes": Int = null, internal;
}

/// The key of that name.
#[must_use]
pub fn topic_key(name: &str) -> Option<&'static ConfigDef> {
    TOPIC_KEYS.iter().find(|def| def.name == name)
}
