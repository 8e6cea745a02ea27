//! The keys of tiered storage.

const NO_TIERS: &str = "there is no tiered storage";

metadata::config_keys! {
    /// Tiered storage, which doesn't exist here.
    pub(crate) REMOTE;

    /// Whether old segments move to a remote tier.
    "remote.log.storage.system.enable": Boolean = "false", ignored(NO_TIERS);
    /// A Java class that stores segments remotely.
    "remote.log.storage.manager.class.name": String = null, non_empty, plugin;
    /// Where that class is loaded from.
    "remote.log.storage.manager.class.path": String = null, ignored(NO_TIERS);
    /// The prefix of that class's own keys.
    "remote.log.storage.manager.impl.prefix": String = "rsm.config.", non_empty, ignored(NO_TIERS);
    /// A Java class that remembers remote segments.
    "remote.log.metadata.manager.class.name": String = "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
        non_empty, plugin;
    /// Where that class is loaded from.
    "remote.log.metadata.manager.class.path": String = null, ignored(NO_TIERS);
    /// The prefix of that class's own keys.
    "remote.log.metadata.manager.impl.prefix": String = "rlmm.config.",
        non_empty, ignored(NO_TIERS);
    /// The listener that it uses.
    "remote.log.metadata.manager.listener.name": String = null, non_empty, ignored(NO_TIERS);
    /// The most that a plugin may remember of a segment, in bytes.
    "remote.log.metadata.custom.metadata.max.bytes": Int = "128",
        at_least(0), low, ignored(NO_TIERS);
    /// How much disk the indexes of remote segments may take, in bytes.
    "remote.log.index.file.cache.total.size.bytes": Long = "1073741824",
        at_least(1), low, cluster_wide, ignored(NO_TIERS);
    /// How many threads look after the remote tier.
    "remote.log.manager.thread.pool.size": Int = "2", at_least(1), ignored(NO_TIERS);
    /// How many threads copy segments.
    "remote.log.manager.copier.thread.pool.size": Int = "10",
        at_least(1), cluster_wide, ignored(NO_TIERS);
    /// How many threads drop expired segments.
    "remote.log.manager.expiration.thread.pool.size": Int = "10",
        at_least(1), cluster_wide, ignored(NO_TIERS);
    /// How many threads look after followers.
    "remote.log.manager.follower.thread.pool.size": Int = "2",
        at_least(1), cluster_wide, ignored(NO_TIERS);
    /// How often these threads look for work, in milliseconds.
    "remote.log.manager.task.interval.ms": Long = "30000", at_least(1), low, ignored(NO_TIERS);
    /// How long a failed task waits at first, in milliseconds.
    "remote.log.manager.task.retry.backoff.ms": Long = "500",
        at_least(1), low, ignored(NO_TIERS), internal;
    /// How long it waits at most, in milliseconds.
    "remote.log.manager.task.retry.backoff.max.ms": Long = "30000",
        at_least(1), low, ignored(NO_TIERS), internal;
    /// How much of that wait is random.
    "remote.log.manager.task.retry.jitter": Double = "0.2", low, ignored(NO_TIERS), internal;
    /// How fast segments are copied, in bytes per second.
    "remote.log.manager.copy.max.bytes.per.second": Long = "9223372036854775807",
        at_least(1), cluster_wide, ignored(NO_TIERS);
    /// How many samples of copying are kept.
    "remote.log.manager.copy.quota.window.num": Int = "11", at_least(1), ignored(NO_TIERS);
    /// How long one sample of copying is, in seconds.
    "remote.log.manager.copy.quota.window.size.seconds": Int = "1", at_least(1), ignored(NO_TIERS);
    /// How fast remote segments are read, in bytes per second.
    "remote.log.manager.fetch.max.bytes.per.second": Long = "9223372036854775807",
        at_least(1), cluster_wide, ignored(NO_TIERS);
    /// How many samples of reading are kept.
    "remote.log.manager.fetch.quota.window.num": Int = "11", at_least(1), ignored(NO_TIERS);
    /// How long one sample of reading is, in seconds.
    "remote.log.manager.fetch.quota.window.size.seconds": Int = "1", at_least(1), ignored(NO_TIERS);
    /// How many threads read remote segments.
    "remote.log.reader.threads": Int = "10", at_least(1), cluster_wide, ignored(NO_TIERS);
    /// How many reads may wait for them.
    "remote.log.reader.max.pending.tasks": Int = "100", at_least(1), ignored(NO_TIERS);
    /// How long a fetch waits for the remote tier, in milliseconds.
    "remote.fetch.max.wait.ms": Int = "500", at_least(1), cluster_wide, ignored(NO_TIERS);
    /// How long a search for an offset waits for the remote tier, in milliseconds.
    "remote.list.offsets.request.timeout.ms": Long = "30000",
        at_least(1), cluster_wide, ignored(NO_TIERS);
    /// The default of topics' `local.retention.ms`.
    "log.local.retention.ms": Long = "-2", at_least(-2), cluster_wide, ignored(NO_TIERS);
    /// The default of topics' `local.retention.bytes`.
    "log.local.retention.bytes": Long = "-2", at_least(-2), cluster_wide, ignored(NO_TIERS);
}
