//! The keys of our own, all beginning with `ottla.`.

metadata::config_keys! {
    /// What Kafka has no key for.
    pub(crate) OTTLA;

    /// Where operators find the node's metrics, as host:port: `GET /metrics`, as Prometheus does.
    /// Nowhere unless it's set. Whoever reaches it may read it.
    "ottla.admin.listener": String = null;
    /// How little space may be left on a log directory's disk, in bytes, before produce requests
    /// are refused there. Replicating, reading and deleting go on.
    "ottla.log.dir.free.bytes.min": Long = "268435456", at_least(0), high;
    /// How long a node that stops may hand its partitions to others, in milliseconds, before it
    /// stops all the same.
    "ottla.controlled.shutdown.max.ms": Long = "30000", at_least(0);
    /// After how many entries of the metadata log a controller makes a snapshot of what it knows.
    "ottla.metadata.snapshot.entries": Long = "2000", at_least(1);
    /// How many entries of the metadata log are kept although a snapshot holds them, for followers
    /// that lag a little.
    "ottla.metadata.log.entries.kept": Long = "1000", at_least(0);
}
