//! The keys of the node itself, and what it lets clients do.

const NO_SAMPLES: &str = "metrics are counted otherwise";

metadata::config_keys! {
    /// The node itself: who it is, and what it lets clients do.
    pub(crate) SERVER;

    /// What this node is: `broker`, `controller` or both.
    "process.roles": List = null, subset_of(&["broker", "controller"]), high;
    /// This node's number in the cluster.
    "node.id": Int = null, at_least(0), high;
    /// The older name of `node.id`.
    "broker.id": Int = "-1", high;
    /// The rack or zone that the node stands in, told to clients and used to place replicas apart.
    "broker.rack": String = null;
    /// Whether asking for a topic that doesn't exist creates it.
    "auto.create.topics.enable": Boolean = "true", high;
    /// Whether topics can be deleted.
    "delete.topic.enable": Boolean = "true", high;
    /// A Java class that judges new topics.
    "create.topic.policy.class.name": Class = null, low, plugin;
    /// A Java class that judges changes of configuration.
    "alter.config.policy.class.name": Class = null, low, plugin;
    /// Whether a node that stops hands its partitions to others first.
    "controlled.shutdown.enable": Boolean = "true";
    /// Java classes that fetch values from elsewhere.
    "config.providers": List = "", low, cluster_wide, plugin;
    /// Whether unfinished versions of requests are served.
    "unstable.api.versions.enable": Boolean = "false",
        high, ignored("only stable versions are served"), internal;
    /// Whether unfinished feature levels are accepted.
    "unstable.feature.versions.enable": Boolean = "false",
        high, ignored("only stable versions are served"), internal;
    /// How long the first registration may take before the node gives up, in milliseconds.
    "initial.broker.registration.timeout.ms": Int = "60000";
    /// How often a broker tells the controller that it lives, in milliseconds.
    "broker.heartbeat.interval.ms": Int = "2000";
    /// How long a broker may be silent before it is fenced, in milliseconds.
    "broker.session.timeout.ms": Int = "9000";
    /// How long starting may take before the node gives up, in milliseconds.
    "server.max.startup.time.ms": Long = "9223372036854775807", at_least(0), internal;
    /// Java classes that report metrics.
    "metric.reporters": List = "org.apache.kafka.common.metrics.JmxReporter",
        low, cluster_wide, plugin;
    /// Java classes that report the older metrics.
    "kafka.metrics.reporters": List = "", low, plugin;
    /// How many samples a metric is computed from.
    "metrics.num.samples": Int = "2", at_least(1), low, ignored(NO_SAMPLES);
    /// How long one sample is, in milliseconds.
    "metrics.sample.window.ms": Long = "30000", at_least(1), low, ignored(NO_SAMPLES);
    /// How much is measured.
    "metrics.recording.level": String = "INFO", low, ignored(NO_SAMPLES);
    /// How often the older reporters ask for metrics, in seconds.
    "kafka.metrics.polling.interval.secs": Int = "10", at_least(1), low, ignored(NO_SAMPLES);
    /// The largest report of metrics that a client may push, in bytes.
    "telemetry.max.bytes": Int = "1048576",
        at_least(1), low, ignored("clients' metrics aren't collected");
}
