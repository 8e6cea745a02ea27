//! The keys of the controllers' quorum and their log.

const ELECTION_TIMEOUT: &str = "the quorum goes by controller.quorum.election.timeout.ms alone";
const METADATA_STORE: &str = "the controllers' log lies in RocksDB";
const NO_SAMPLES: &str = "metrics are counted otherwise";
const SNAPSHOTS: &str = "a snapshot is taken after a number of changes";
const NO_SECURITY: &str = "there is no authentication yet";

metadata::config_keys! {
    /// The controllers' quorum and their log.
    pub(crate) QUORUM;

    /// The listeners that controllers use; one name is enough. Brokers don't advertise them.
    "controller.listener.names": List = null, high;
    /// The controllers, as id@host:port, of a quorum that never changes.
    "controller.quorum.voters": List = "", high;
    /// The addresses of controllers to ask first, of a quorum that may change.
    "controller.quorum.bootstrap.servers": List = "", high;
    /// How long a controller waits for a silent leader before it stands for election, or up to
    /// twice as long, in milliseconds. A leader that no majority answers for as long steps back.
    "controller.quorum.election.timeout.ms": Int = "400", at_least(0), high;
    /// How long a leader that no majority answers still counts itself as leader, in milliseconds.
    "controller.quorum.fetch.timeout.ms": Int = "2000",
        at_least(0), high, ignored(ELECTION_TIMEOUT);
    /// How long a failed candidate waits at most, in milliseconds.
    "controller.quorum.election.backoff.max.ms": Int = "1000",
        at_least(0), high, ignored("elections are drawn apart at random");
    /// How long a leader collects changes before it writes them, in milliseconds.
    "controller.quorum.append.linger.ms": Int = "25",
        at_least(0), ignored("a proposal takes along all that waits");
    /// How long a request between controllers may take, in milliseconds.
    "controller.quorum.request.timeout.ms": Int = "2000", at_least(0), ignored(ELECTION_TIMEOUT);
    /// How long a failed request between controllers waits, in milliseconds.
    "controller.quorum.retry.backoff.ms": Int = "20",
        at_least(0), low, ignored(ELECTION_TIMEOUT);
    /// Whether a new controller joins the quorum by itself.
    "controller.quorum.auto.join.enable": Boolean = "false",
        low, ignored("controllers are added by command");
    /// How nodes sign in to controllers.
    "sasl.mechanism.controller.protocol": String = "GSSAPI", high, ignored(NO_SECURITY);
    /// How often the slowest changes are logged, in milliseconds.
    "controller.performance.sample.period.ms": Long = "60000",
        at_least(100), ignored(NO_SAMPLES), internal;
    /// How slow a change must be to be logged at once, in milliseconds.
    "controller.performance.always.log.threshold.ms": Long = "2000",
        at_least(0), ignored(NO_SAMPLES), internal;
    /// The directory of the controllers' log; the first of `log.dirs` where it isn't set.
    "metadata.log.dir": String = null, high;
    /// How many bytes of changes a snapshot is taken after.
    "metadata.log.max.record.bytes.between.snapshots": Long = "20971520",
        at_least(1), high, ignored(SNAPSHOTS);
    /// How long after the last snapshot the next one is taken if anything changed, in milliseconds;
    /// 0 is never.
    "metadata.log.max.snapshot.interval.ms": Long = "3600000",
        at_least(0), high, ignored(SNAPSHOTS);
    /// How large a segment of the controllers' log grows, in bytes.
    "metadata.log.segment.bytes": Int = "1073741824",
        at_least(8_388_608), high, ignored(METADATA_STORE);
    /// How old a segment of the controllers' log gets, in milliseconds.
    "metadata.log.segment.ms": Long = "604800000", high, ignored(METADATA_STORE);
    /// How large the controllers' log and its snapshots may grow, in bytes.
    "metadata.max.retention.bytes": Long = "104857600", high, ignored(METADATA_STORE);
    /// How long old segments and snapshots of the controllers' log are kept, in milliseconds.
    "metadata.max.retention.ms": Long = "604800000", high, ignored(METADATA_STORE);
    /// How often an idle controller writes an empty change, in milliseconds.
    "metadata.max.idle.interval.ms": Int = "500",
        at_least(0), low, ignored("the quorum's heartbeats tell how far it is");
    /// Overrides `metadata.log.segment.bytes`, for tests.
    "internal.metadata.log.segment.bytes": Int = null, low, ignored(METADATA_STORE), internal;
    /// The largest batch of changes, in bytes.
    "internal.metadata.max.batch.size.in.bytes": Int = "8388608",
        low, ignored(METADATA_STORE), internal;
    /// The most changes that are fetched at once, in bytes.
    "internal.metadata.max.fetch.size.in.bytes": Int = "8388608",
        low, ignored(METADATA_STORE), internal;
    /// How long a dropped segment's files stay, in milliseconds.
    "internal.metadata.delete.delay.millis": Long = "60000", low, ignored(METADATA_STORE), internal;
}
