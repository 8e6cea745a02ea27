//! The keys of consumer groups and their offsets.

const GROUPS: &str = "consumer groups come later";
const STREAMS: &str = "streams groups come later";

metadata::config_keys! {
    /// Consumer groups and their offsets.
    pub(crate) GROUP;

    /// Which kinds of group are served.
    "group.coordinator.rebalance.protocols": List = "classic,consumer,streams",
        subset_of(&["consumer", "classic", "share", "streams"]), ignored(GROUPS);
    /// How many threads Kafka coordinates groups with.
    "group.coordinator.threads": Int = "4", at_least(1), high, ignored(GROUPS);
    /// How long a coordinator collects records before it writes them, in milliseconds; -1 adapts.
    "group.coordinator.append.linger.ms": Int = "-1", at_least(-1), ignored(GROUPS);
    /// The shortest session that a member may ask for, in milliseconds.
    "group.min.session.timeout.ms": Int = "6000", ignored(GROUPS);
    /// The longest session that a member may ask for, in milliseconds.
    "group.max.session.timeout.ms": Int = "1800000", ignored(GROUPS);
    /// How long a new group waits for more members before it first shares out partitions, in
    /// milliseconds.
    "group.initial.rebalance.delay.ms": Int = "3000", ignored(GROUPS);
    /// How many members a group may have.
    "group.max.size": Int = "2147483647", at_least(1), ignored(GROUPS);
    /// How long a member of a consumer group may be silent, in milliseconds.
    "group.consumer.session.timeout.ms": Int = "45000", at_least(1), ignored(GROUPS);
    /// The least that a group may set for it, in milliseconds.
    "group.consumer.min.session.timeout.ms": Int = "45000", at_least(1), ignored(GROUPS);
    /// The most that a group may set for it, in milliseconds.
    "group.consumer.max.session.timeout.ms": Int = "60000", at_least(1), ignored(GROUPS);
    /// How often a member of a consumer group reports, in milliseconds.
    "group.consumer.heartbeat.interval.ms": Int = "5000", at_least(1), ignored(GROUPS);
    /// The least that a group may set for it, in milliseconds.
    "group.consumer.min.heartbeat.interval.ms": Int = "5000", at_least(1), ignored(GROUPS);
    /// The most that a group may set for it, in milliseconds.
    "group.consumer.max.heartbeat.interval.ms": Int = "15000", at_least(1), ignored(GROUPS);
    /// How many members a consumer group may have.
    "group.consumer.max.size": Int = "2147483647", at_least(1), ignored(GROUPS);
    /// How partitions are shared out among members; the first is the default.
    "group.consumer.assignors": List = "uniform,range", ignored(GROUPS);
    /// Which way a group may change between the classic and the consumer protocol.
    "group.consumer.migration.policy": String = "bidirectional",
        one_of_any_case(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]), ignored(GROUPS);
    /// How often subscriptions by pattern are matched against the topics again, in milliseconds.
    "group.consumer.regex.refresh.interval.ms": Int = "600000",
        at_least(10_000), ignored(GROUPS), internal;
    /// How long a commit may wait for the replicas, in milliseconds.
    "offsets.commit.timeout.ms": Int = "5000", at_least(1), high, ignored(GROUPS);
    /// How many bytes of offsets are read at once while loading.
    "offsets.load.buffer.size": Int = "5242880", at_least(1), high, ignored(GROUPS);
    /// How many replicas the offsets topic has.
    "offsets.topic.replication.factor": Short = "3", at_least(1), high, ignored(GROUPS);
    /// How many partitions the offsets topic has.
    "offsets.topic.num.partitions": Int = "50", at_least(1), high, ignored(GROUPS);
    /// How large its segments grow, in bytes.
    "offsets.topic.segment.bytes": Int = "104857600", at_least(1), high, ignored(GROUPS);
    /// The codec of its records, by number.
    "offsets.topic.compression.codec": Int = "0", high, ignored(GROUPS);
    /// How much text a commit may carry, in bytes.
    "offset.metadata.max.bytes": Int = "4096", high, ignored(GROUPS);
    /// How long an empty group's offsets are kept, in minutes.
    "offsets.retention.minutes": Int = "10080", at_least(1), high, ignored(GROUPS);
    /// How often offsets are searched for expired ones, in milliseconds.
    "offsets.retention.check.interval.ms": Long = "600000", at_least(1), high, ignored(GROUPS);
    /// How long a member of a streams group may be silent, in milliseconds.
    "group.streams.session.timeout.ms": Int = "45000", at_least(1), ignored(STREAMS);
    /// The least that a group may set for it, in milliseconds.
    "group.streams.min.session.timeout.ms": Int = "45000", at_least(1), ignored(STREAMS);
    /// The most that a group may set for it, in milliseconds.
    "group.streams.max.session.timeout.ms": Int = "60000", at_least(1), ignored(STREAMS);
    /// How often a member of a streams group reports, in milliseconds.
    "group.streams.heartbeat.interval.ms": Int = "5000", at_least(1), ignored(STREAMS);
    /// The least that a group may set for it, in milliseconds.
    "group.streams.min.heartbeat.interval.ms": Int = "5000", at_least(1), ignored(STREAMS);
    /// The most that a group may set for it, in milliseconds.
    "group.streams.max.heartbeat.interval.ms": Int = "15000", at_least(1), ignored(STREAMS);
    /// How many members a streams group may have.
    "group.streams.max.size": Int = "2147483647", at_least(1), ignored(STREAMS);
    /// How many standby copies a task of a streams group has.
    "group.streams.num.standby.replicas": Int = "0", at_least(0), ignored(STREAMS);
    /// The most that a group may set for it.
    "group.streams.max.standby.replicas": Int = "2", at_least(0), ignored(STREAMS);
    /// How long a new streams group waits for more members, in milliseconds.
    "group.streams.initial.rebalance.delay.ms": Int = "3000", at_least(0), ignored(STREAMS);
}
