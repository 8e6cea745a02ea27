//! The keys of share groups and their state.

const SHARES: &str = "share groups come later";

metadata::config_keys! {
    /// Share groups and their state.
    pub(crate) SHARE;

    /// Whether share groups are served.
    "group.share.enable": Boolean = "false", ignored(SHARES), internal;
    /// How long a member of a share group may be silent, in milliseconds.
    "group.share.session.timeout.ms": Int = "45000", at_least(1), ignored(SHARES);
    /// The least that a group may set for it, in milliseconds.
    "group.share.min.session.timeout.ms": Int = "45000", at_least(1), ignored(SHARES);
    /// The most that a group may set for it, in milliseconds.
    "group.share.max.session.timeout.ms": Int = "60000", at_least(1), ignored(SHARES);
    /// How often a member of a share group reports, in milliseconds.
    "group.share.heartbeat.interval.ms": Int = "5000", at_least(1), ignored(SHARES);
    /// The least that a group may set for it, in milliseconds.
    "group.share.min.heartbeat.interval.ms": Int = "5000", at_least(1), ignored(SHARES);
    /// The most that a group may set for it, in milliseconds.
    "group.share.max.heartbeat.interval.ms": Int = "15000", at_least(1), ignored(SHARES);
    /// How many members a share group may have.
    "group.share.max.size": Int = "200", between(1, 1000), ignored(SHARES);
    /// How partitions are shared out among members.
    "group.share.assignors": List = "simple", ignored(SHARES);
    /// How long a failed start of a share group's state waits, in milliseconds.
    "group.share.initialize.retry.interval.ms": Int = "30000",
        at_least(1), low, ignored(SHARES), internal;
    /// How often a record is delivered before it counts as poison.
    "group.share.delivery.count.limit": Int = "5", between(2, 10), ignored(SHARES);
    /// How long a member holds a record that it was given, in milliseconds.
    "group.share.record.lock.duration.ms": Int = "30000", between(1000, 3_600_000), ignored(SHARES);
    /// The least that a group may set for it, in milliseconds.
    "group.share.min.record.lock.duration.ms": Int = "15000",
        between(1000, 30_000), ignored(SHARES);
    /// The most that a group may set for it, in milliseconds.
    "group.share.max.record.lock.duration.ms": Int = "60000",
        between(30_000, 3_600_000), ignored(SHARES);
    /// How many records of one partition may be held at once.
    "group.share.partition.max.record.locks": Int = "2000", between(100, 10_000), ignored(SHARES);
    /// How many share sessions a broker remembers.
    "group.share.max.share.sessions": Int = "2000", at_least(1), ignored(SHARES);
    /// A Java class that keeps share groups' state.
    "group.share.persister.class.name": String = "org.apache.kafka.server.share.persister.DefaultStatePersister",
        plugin, internal;
    /// How often Kafka sweeps its waiting share fetches.
    "share.fetch.purgatory.purge.interval.requests": Int = "1000", ignored(SHARES);
    /// How many partitions the share state topic has.
    "share.coordinator.state.topic.num.partitions": Int = "50", at_least(1), high, ignored(SHARES);
    /// How many replicas it has.
    "share.coordinator.state.topic.replication.factor": Short = "3",
        at_least(1), high, ignored(SHARES);
    /// How many of them must be in sync.
    "share.coordinator.state.topic.min.isr": Short = "2", at_least(1), high, ignored(SHARES);
    /// How large its segments grow, in bytes.
    "share.coordinator.state.topic.segment.bytes": Int = "104857600",
        at_least(1), high, ignored(SHARES);
    /// The codec of its records, by number.
    "share.coordinator.state.topic.compression.codec": Int = "0", high, ignored(SHARES);
    /// How often its old records are deleted, in milliseconds.
    "share.coordinator.state.topic.prune.interval.ms": Int = "300000",
        at_least(1), low, ignored(SHARES), internal;
    /// How many threads Kafka keeps share state with.
    "share.coordinator.threads": Int = "1", at_least(1), ignored(SHARES);
    /// How many changes are written between two snapshots of a share partition's state.
    "share.coordinator.snapshot.update.records.per.snapshot": Int = "500",
        at_least(0), ignored(SHARES);
    /// How many bytes of state are read at once while loading.
    "share.coordinator.load.buffer.size": Int = "5242880", at_least(1), high, ignored(SHARES);
    /// How long changes are collected before they're written, in milliseconds; -1 adapts.
    "share.coordinator.append.linger.ms": Int = "-1", at_least(-1), ignored(SHARES);
    /// How long a change may wait for the replicas, in milliseconds.
    "share.coordinator.write.timeout.ms": Int = "5000", at_least(1), high, ignored(SHARES);
    /// How often an idle partition's state is written anew, in milliseconds.
    "share.coordinator.cold.partition.snapshot.interval.ms": Int = "300000",
        at_least(1), low, ignored(SHARES), internal;
}
