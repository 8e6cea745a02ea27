//! Every key of a broker or controller: all of Kafka 4.2's, and a few of our own.

mod group;
mod log;
mod network;
mod ottla;
mod quorum;
mod quota;
mod remote;
mod replication;
mod security;
mod server;
mod share;
mod transaction;

use metadata::config::ConfigDef;

const TABLES: [&[ConfigDef]; 12] = [
    server::SERVER,
    network::NETWORK,
    log::LOG,
    replication::REPLICATION,
    quorum::QUORUM,
    group::GROUP,
    transaction::TRANSACTION,
    share::SHARE,
    security::SECURITY,
    quota::QUOTA,
    remote::REMOTE,
    ottla::OTTLA,
];

/// What is known about a name that somebody set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// A key of the tables.
    Key(&'static ConfigDef),
    /// A key of the tables for one listener alone: `listener.name.internal.ssl.client.auth`.
    OfListener(&'static ConfigDef),
    /// A key that only a plugin would read.
    OfPlugin,
    /// A key that Kafka had once.
    Removed(&'static str),
}

/// Keys that are read by plugins, by their beginning.
const PLUGINS: [&str; 3] = ["config.providers.", "rlmm.config.", "rsm.config."];

/// Keys that Kafka 4 doesn't have any more, by their beginning, and what became of them.
const REMOVED: [(&str, &str); 11] = [
    ("broker.id.generation.enable", "every node names its node.id"),
    ("control.plane.listener.name", "controllers have listeners of their own"),
    ("inter.broker.protocol.version", "the feature metadata.version took its place"),
    (
        "leader.imbalance.per.broker.percentage",
        "leadership always returns to the preferred replica",
    ),
    ("log.message.downconversion.enable", "old record formats are gone"),
    ("log.message.format.version", "old record formats are gone"),
    (
        "log.message.timestamp.difference.max.ms",
        "log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms took its place",
    ),
    ("offsets.commit.required.acks", "commits always wait for all replicas"),
    ("password.encoder.", "passwords aren't kept encoded any more"),
    ("reserved.broker.max.id", "every node names its node.id"),
    ("zookeeper.", "the controllers' quorum took ZooKeeper's place"),
];

/// All keys.
pub(crate) fn all() -> impl Iterator<Item = &'static ConfigDef> {
    TABLES.into_iter().flatten()
}

/// The key of that name, if a broker or controller has it.
#[must_use]
pub fn key(name: &str) -> Option<&'static ConfigDef> {
    all().find(|def| def.name == name)
}

/// What is known about a name.
pub(crate) fn lookup(name: &str) -> Option<Known> {
    if let Some(def) = key(name) {
        return Some(Known::Key(def));
    }
    if let Some((_, rest)) =
        name.strip_prefix("listener.name.").and_then(|rest| rest.split_once('.'))
    {
        // Between the listener's name and the key there may be a SASL mechanism.
        let def = all().find(|def| {
            rest.strip_suffix(def.name)
                .is_some_and(|front| front.is_empty() || front.ends_with('.'))
        });
        return def.map(Known::OfListener);
    }
    if PLUGINS.iter().any(|prefix| name.starts_with(prefix)) {
        return Some(Known::OfPlugin);
    }
    let removed = REMOVED.iter().find(|(prefix, _)| name.starts_with(prefix));
    removed.map(|(_, instead)| Known::Removed(instead))
}

/// A key together with those that say the same in another unit or under an older name, the
/// strongest first.
pub(crate) fn synonyms(name: &'static str) -> Vec<&'static str> {
    const SAME: [&[&str]; 4] = [
        &["log.roll.ms", "log.roll.hours"],
        &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
        &["node.id", "broker.id"],
    ];
    // The scheduler's interval has a meaning of its own and is a default besides.
    if name == "log.flush.interval.ms" {
        return vec![name, "log.flush.scheduler.interval.ms"];
    }
    SAME.iter()
        .find(|names| names.contains(&name))
        .map_or_else(|| vec![name], |names| names.to_vec())
}
