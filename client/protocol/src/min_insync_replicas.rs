//! How many in-sync replicas a partition needs: one function, for controller and broker alike.

/// The replicas that must be in sync before a partition's high watermark may move: the configured
/// `min.insync.replicas`, but no more than the partition has, and at least the leader.
///
/// A topic of fewer replicas than configured would otherwise never make anything visible (KIP-966).
#[must_use]
pub fn effective_min_insync_replicas(
    min_insync_replicas: usize,
    replication_factor: usize,
) -> usize {
    min_insync_replicas.min(replication_factor).max(1)
}
