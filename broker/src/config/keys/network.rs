//! The keys of sockets, connections and requests.

const NOT_YET: &str = "nothing goes by it yet";
const NO_PURGATORY: &str = "waiting requests leave by themselves";
const NO_SECURITY: &str = "there is no authentication yet";

metadata::config_keys! {
    /// Sockets, connections and requests.
    pub(crate) NETWORK;

    /// Where this node listens: `NAME://host:port`, with an empty host for every address of the
    /// machine.
    "listeners": List = "PLAINTEXT://:9092", high, per_broker;
    /// The addresses that clients and other nodes are told to use, where they differ from
    /// `listeners`.
    "advertised.listeners": List = null, high;
    /// Which protocol each listener speaks, as NAME:PROTOCOL pairs.
    "listener.security.protocol.map": String = "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
        low, per_broker;
    /// The send buffer of a socket; -1 leaves it to the operating system.
    "socket.send.buffer.bytes": Int = "102400",
        high, ignored("the operating system sizes socket buffers");
    /// The receive buffer of a socket; -1 leaves it to the operating system.
    "socket.receive.buffer.bytes": Int = "102400",
        high, ignored("the operating system sizes socket buffers");
    /// The largest request that is read, in bytes. A larger one closes its connection.
    "socket.request.max.bytes": Int = "104857600", at_least(1), high;
    /// How many connections may wait to be accepted.
    "socket.listen.backlog.size": Int = "50", at_least(1), ignored("the runtime sets the backlog");
    /// How many connections each listener holds at once. Further ones wait until another ends.
    "max.connections": Int = "2147483647", at_least(0), cluster_wide;
    /// How many connections one address may hold.
    "max.connections.per.ip": Int = "2147483647", at_least(0), cluster_wide;
    /// Other limits for single addresses, as address:limit pairs.
    "max.connections.per.ip.overrides": String = "", cluster_wide;
    /// How many connections are accepted per second.
    "max.connection.creation.rate": Int = "2147483647",
        at_least(0), cluster_wide, ignored("connections aren't rate limited yet");
    /// How long a connection may be silent before it is closed, in milliseconds; -1 is for ever.
    "connections.max.idle.ms": Long = "600000";
    /// How long a failed authentication waits before its connection is closed, in milliseconds.
    "connection.failed.authentication.delay.ms": Int = "100",
        at_least(0), low, ignored(NO_SECURITY);
    /// How many requests the broker works on at once. Beyond it connections aren't read.
    "queued.max.requests": Int = "500", at_least(1), high, ignored(NOT_YET);
    /// How many bytes of requests the broker holds at once; beyond it connections aren't read. -1
    /// is half a gibibyte.
    "queued.max.request.bytes": Long = "-1";
    /// How many threads Kafka reads and writes sockets with.
    "num.network.threads": Int = "3",
        at_least(1), high, cluster_wide, ignored("the runtime has one thread per core");
    /// How many threads Kafka works on requests with.
    "num.io.threads": Int = "8",
        at_least(1), high, cluster_wide, ignored("the runtime has one thread per core");
    /// How many threads Kafka uses for chores.
    "background.threads": Int = "10",
        at_least(1), high, cluster_wide, ignored("the runtime has one thread per core");
    /// How long a request to another node may take, in milliseconds.
    "request.timeout.ms": Int = "30000", high;
    /// How long a connection to another node may take to open at first, in milliseconds.
    "socket.connection.setup.timeout.ms": Long = "10000";
    /// How long it may take after many failures, in milliseconds.
    "socket.connection.setup.timeout.max.ms": Long = "30000", ignored(NOT_YET);
    /// The most that one fetch is answered with, in bytes, the first batch excepted.
    "fetch.max.bytes": Int = "57671680", at_least(1024);
    /// How many incremental fetch sessions the broker remembers.
    "max.incremental.fetch.session.cache.slots": Int = "1000", at_least(0);
    /// How many partitions one page of DescribeTopicPartitions lists.
    "max.request.partition.size.limit": Int = "2000", at_least(1), ignored(NOT_YET);
    /// How often Kafka sweeps its waiting fetches.
    "fetch.purgatory.purge.interval.requests": Int = "1000", ignored(NO_PURGATORY);
    /// How often Kafka sweeps its waiting produces.
    "producer.purgatory.purge.interval.requests": Int = "1000", ignored(NO_PURGATORY);
    /// How often Kafka sweeps its waiting deletes.
    "delete.records.purgatory.purge.interval.requests": Int = "1", ignored(NO_PURGATORY);
    /// Listeners that open before the authorizer is ready.
    "early.start.listeners": List = null, high, ignored(NO_SECURITY);
}
