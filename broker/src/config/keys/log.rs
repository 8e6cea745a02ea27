//! The keys of logs, and the defaults of topics.

const NOT_YET: &str = "nothing goes by it yet";
const NO_CLEANER: &str = "compaction comes later";

metadata::config_keys! {
    /// Logs: where they are, and the defaults of topics.
    pub(crate) LOG;

    /// The directories that hold the partitions' logs.
    "log.dirs": List = null, high;
    /// The directory that holds the logs where `log.dirs` isn't set.
    "log.dir": List = "data", high;
    /// How long a failed directory may stay unknown to the controller before the node stops, in
    /// milliseconds.
    "log.dir.failure.timeout.ms": Long = "30000", at_least(1), low, ignored(NOT_YET);
    /// The default of topics' `segment.bytes`.
    "log.segment.bytes": Int = "1073741824", at_least(1_048_576), high, cluster_wide;
    /// The default of topics' `segment.ms`.
    "log.roll.ms": Long = null, high, cluster_wide;
    /// The default of topics' `segment.ms`, in hours, where `log.roll.ms` isn't set.
    "log.roll.hours": Int = "168", at_least(1), high;
    /// The default of topics' `segment.jitter.ms`.
    "log.roll.jitter.ms": Long = null, high, cluster_wide;
    /// The default of topics' `segment.jitter.ms`, in hours, where `log.roll.jitter.ms` isn't set.
    "log.roll.jitter.hours": Int = "0", at_least(0), high;
    /// The default of topics' `retention.ms`.
    "log.retention.ms": Long = null, high, cluster_wide;
    /// The default of topics' `retention.ms`, in minutes, where `log.retention.ms` isn't set.
    "log.retention.minutes": Int = null, high;
    /// The default of topics' `retention.ms`, in hours, where neither `log.retention.ms` nor
    /// `log.retention.minutes` is set.
    "log.retention.hours": Int = "168", high;
    /// The default of topics' `retention.bytes`.
    "log.retention.bytes": Long = "-1", high, cluster_wide;
    /// How often logs are searched for segments to drop, in milliseconds.
    "log.retention.check.interval.ms": Long = "300000", at_least(1);
    /// The default of topics' `cleanup.policy`.
    "log.cleanup.policy": List = "delete", subset_of(&["compact", "delete"]), cluster_wide;
    /// The default of topics' `segment.index.bytes`.
    "log.index.size.max.bytes": Int = "10485760", at_least(4), cluster_wide;
    /// The default of topics' `index.interval.bytes`.
    "log.index.interval.bytes": Int = "4096", at_least(0), cluster_wide;
    /// The default of topics' `flush.messages`.
    "log.flush.interval.messages": Long = "9223372036854775807", at_least(1), high, cluster_wide;
    /// The default of topics' `flush.ms`.
    "log.flush.interval.ms": Long = null, high, cluster_wide;
    /// How often logs are searched for records to sync, in milliseconds; the default of
    /// `log.flush.interval.ms` too.
    "log.flush.scheduler.interval.ms": Long = "9223372036854775807", high;
    /// How often recovery points are written down, in milliseconds.
    "log.flush.offset.checkpoint.interval.ms": Int = "60000", at_least(0), high;
    /// How often log start offsets are written down, in milliseconds.
    "log.flush.start.offset.checkpoint.interval.ms": Int = "60000",
        at_least(0), high, ignored(NOT_YET);
    /// The default of topics' `file.delete.delay.ms`.
    "log.segment.delete.delay.ms": Long = "60000", at_least(0), high, cluster_wide;
    /// The default of topics' `preallocate`.
    "log.preallocate": Boolean = "false", cluster_wide, ignored("segments grow as they're written");
    /// The default of topics' `message.timestamp.type`.
    "log.message.timestamp.type": String = "CreateTime",
        one_of(&["CreateTime", "LogAppendTime"]), cluster_wide;
    /// The default of topics' `message.timestamp.before.max.ms`.
    "log.message.timestamp.before.max.ms": Long = "9223372036854775807", at_least(0), cluster_wide;
    /// The default of topics' `message.timestamp.after.max.ms`.
    "log.message.timestamp.after.max.ms": Long = "3600000", at_least(0), cluster_wide;
    /// How long after the start the first chores run, in milliseconds.
    "log.initial.task.delay.ms": Long = "30000", at_least(0), low, internal, ignored(NOT_YET);
    /// The default of topics' `max.message.bytes`.
    "message.max.bytes": Int = "1048588", at_least(0), high, cluster_wide;
    /// The default of topics' `compression.type`.
    "compression.type": String = "producer",
        one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), high, cluster_wide;
    /// The default of topics' `compression.gzip.level`.
    "compression.gzip.level": Int = "-1", gzip_level, cluster_wide;
    /// The default of topics' `compression.lz4.level`.
    "compression.lz4.level": Int = "9", between(1, 17), cluster_wide;
    /// The default of topics' `compression.zstd.level`.
    "compression.zstd.level": Int = "3", between(-131_072, 22), cluster_wide;
    /// The default of topics' `min.insync.replicas`.
    "min.insync.replicas": Int = "1", at_least(1), high, cluster_wide;
    /// The default of topics' `unclean.leader.election.enable`.
    "unclean.leader.election.enable": Boolean = "false", high, cluster_wide;
    /// How many partitions a topic gets where its creator doesn't say.
    "num.partitions": Int = "1", at_least(1);
    /// How many replicas a partition gets where its creator doesn't say.
    "default.replication.factor": Int = "1";
    /// How many logs of one directory are recovered at a time.
    "num.recovery.threads.per.data.dir": Int = "2", at_least(1), high, cluster_wide;
    /// Whether compacted topics are cleaned.
    "log.cleaner.enable": Boolean = "true", ignored(NO_CLEANER);
    /// How many threads clean.
    "log.cleaner.threads": Int = "1", at_least(0), cluster_wide, ignored(NO_CLEANER);
    /// How fast all cleaners together read and write, in bytes per second.
    "log.cleaner.io.max.bytes.per.second": Double = "1.7976931348623157E308",
        cluster_wide, ignored(NO_CLEANER);
    /// The memory for telling keys apart, in bytes, of all cleaners together.
    "log.cleaner.dedupe.buffer.size": Long = "134217728", cluster_wide, ignored(NO_CLEANER);
    /// The memory for reading and writing, in bytes, of all cleaners together.
    "log.cleaner.io.buffer.size": Int = "524288", at_least(0), cluster_wide, ignored(NO_CLEANER);
    /// How full the memory for telling keys apart may get.
    "log.cleaner.io.buffer.load.factor": Double = "0.9", cluster_wide, ignored(NO_CLEANER);
    /// How long a cleaner sleeps when nothing is to be cleaned, in milliseconds.
    "log.cleaner.backoff.ms": Long = "15000", at_least(0), cluster_wide, ignored(NO_CLEANER);
    /// The default of topics' `min.cleanable.dirty.ratio`.
    "log.cleaner.min.cleanable.ratio": Double = "0.5",
        between(0, 1), cluster_wide, ignored(NO_CLEANER);
    /// The default of topics' `delete.retention.ms`.
    "log.cleaner.delete.retention.ms": Long = "86400000",
        at_least(0), cluster_wide, ignored(NO_CLEANER);
    /// The default of topics' `min.compaction.lag.ms`.
    "log.cleaner.min.compaction.lag.ms": Long = "0", at_least(0), cluster_wide, ignored(NO_CLEANER);
    /// The default of topics' `max.compaction.lag.ms`.
    "log.cleaner.max.compaction.lag.ms": Long = "9223372036854775807",
        at_least(1), cluster_wide, ignored(NO_CLEANER);
    /// How long an idle producer's state is kept, in milliseconds.
    "producer.id.expiration.ms": Int = "86400000", at_least(1), low, cluster_wide;
    /// How often producers are searched for idle ones, in milliseconds.
    "producer.id.expiration.check.interval.ms": Int = "600000", at_least(1), low, internal;
}
