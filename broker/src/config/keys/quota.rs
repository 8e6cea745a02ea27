//! The keys of quotas.

const NO_QUOTAS: &str = "there are no quotas yet";

metadata::config_keys! {
    /// Quotas: how usage is averaged over time.
    pub(crate) QUOTA;

    /// How many samples of clients' usage are kept.
    "quota.window.num": Int = "11", at_least(1), low, ignored(NO_QUOTAS);
    /// How long one sample of clients' usage is, in seconds.
    "quota.window.size.seconds": Int = "1", at_least(1), low, ignored(NO_QUOTAS);
    /// How many samples of replication's usage are kept.
    "replication.quota.window.num": Int = "11", at_least(1), low, ignored(NO_QUOTAS);
    /// How long one sample of replication's usage is, in seconds.
    "replication.quota.window.size.seconds": Int = "1", at_least(1), low, ignored(NO_QUOTAS);
    /// How many samples are kept of moving replicas between directories.
    "alter.log.dirs.replication.quota.window.num": Int = "11", at_least(1), low, ignored(NO_QUOTAS);
    /// How long one sample of moving replicas between directories is, in seconds.
    "alter.log.dirs.replication.quota.window.size.seconds": Int = "1",
        at_least(1), low, ignored(NO_QUOTAS);
    /// How many samples of changes to the cluster are kept.
    "controller.quota.window.num": Int = "11", at_least(1), low, ignored(NO_QUOTAS);
    /// How long one sample of changes to the cluster is, in seconds.
    "controller.quota.window.size.seconds": Int = "1", at_least(1), low, ignored(NO_QUOTAS);
    /// A Java class that decides on clients' quotas.
    "client.quota.callback.class": Class = null, low, plugin;
}
