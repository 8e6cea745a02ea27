//! The keys of replication between brokers.

const REQUEST_TIMEOUT: &str = "request.timeout.ms goes for all requests";

metadata::config_keys! {
    /// Replication between brokers.
    pub(crate) REPLICATION;

    /// The listener that brokers use among themselves.
    "inter.broker.listener.name": String = null;
    /// The protocol that brokers use among themselves where `inter.broker.listener.name` isn't set.
    "security.inter.broker.protocol": String = "PLAINTEXT",
        one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]);
    /// How long a follower may lag before it is out of sync, in milliseconds.
    "replica.lag.time.max.ms": Long = "30000", high;
    /// How long a fetch from the leader may take, in milliseconds.
    "replica.socket.timeout.ms": Int = "30000", high;
    /// The receive buffer of a follower's socket.
    "replica.socket.receive.buffer.bytes": Int = "65536",
        high, ignored("the operating system sizes socket buffers");
    /// The most that a follower fetches of one partition at once, in bytes, the first batch
    /// excepted.
    "replica.fetch.max.bytes": Int = "1048576", at_least(0);
    /// How long a follower's fetch waits for records, in milliseconds.
    "replica.fetch.wait.max.ms": Int = "500", high;
    /// How long a follower waits after a failed fetch, in milliseconds.
    "replica.fetch.backoff.ms": Int = "1000", at_least(0);
    /// The least that a follower's fetch is answered with, in bytes, until it has waited long
    /// enough.
    "replica.fetch.min.bytes": Int = "1", high;
    /// The most that a follower fetches at once, in bytes, the first batch excepted.
    "replica.fetch.response.max.bytes": Int = "10485760", at_least(0);
    /// How many threads fetch from one leader.
    "num.replica.fetchers": Int = "1",
        at_least(1), high, cluster_wide, ignored("one session per pair of brokers fetches");
    /// How many threads move replicas between directories.
    "num.replica.alter.log.dirs.threads": Int = null,
        high, ignored("replicas don't move between directories yet");
    /// How often high watermarks are written down, in milliseconds.
    "replica.high.watermark.checkpoint.interval.ms": Long = "5000", high;
    /// A Java class that chooses the replica that a consumer reads from.
    "replica.selector.class": String = null, plugin;
    /// Whether leadership returns to the preferred replicas by itself.
    "auto.leader.rebalance.enable": Boolean = "true", high;
    /// How often it's checked whether leadership is where it should be, in seconds.
    "leader.imbalance.check.interval.seconds": Long = "300", at_least(1), high;
    /// How often partitions are searched that only an unclean election helps, in milliseconds.
    "unclean.leader.election.interval.ms": Long = "300000",
        at_least(1), internal, ignored("where it is allowed, it's held at once");
    /// How long a request to the controller may take, in milliseconds.
    "controller.socket.timeout.ms": Int = "30000", ignored(REQUEST_TIMEOUT);
}
