//! The keys of transactions and their state.

const TRANSACTIONS: &str = "transactions come later";

metadata::config_keys! {
    /// Transactions and their state.
    pub(crate) TRANSACTION;

    /// How many replicas of the transaction topic must be in sync.
    "transaction.state.log.min.isr": Int = "2", at_least(1), high, ignored(TRANSACTIONS);
    /// How many bytes of transactions are read at once while loading.
    "transaction.state.log.load.buffer.size": Int = "5242880",
        at_least(1), high, ignored(TRANSACTIONS);
    /// How many replicas the transaction topic has.
    "transaction.state.log.replication.factor": Short = "3",
        at_least(1), high, ignored(TRANSACTIONS);
    /// How many partitions the transaction topic has.
    "transaction.state.log.num.partitions": Int = "50", at_least(1), high, ignored(TRANSACTIONS);
    /// How large its segments grow, in bytes.
    "transaction.state.log.segment.bytes": Int = "104857600",
        at_least(1), high, ignored(TRANSACTIONS);
    /// Whether a write is checked to belong to an open transaction.
    "transaction.partition.verification.enable": Boolean = "true",
        low, cluster_wide, ignored(TRANSACTIONS);
    /// How long an idle transactional id is kept, in milliseconds.
    "transactional.id.expiration.ms": Int = "604800000", at_least(1), high, ignored(TRANSACTIONS);
    /// The longest transaction that a producer may ask for, in milliseconds.
    "transaction.max.timeout.ms": Int = "900000", at_least(1), high, ignored(TRANSACTIONS);
    /// How often transactions are searched for overdue ones, in milliseconds.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": Int = "10000",
        at_least(1), low, ignored(TRANSACTIONS);
    /// How often transactional ids are searched for expired ones, in milliseconds.
    "transaction.remove.expired.transaction.cleanup.interval.ms": Int = "3600000",
        at_least(1), low, ignored(TRANSACTIONS);
    /// Whether a transaction may stay open for an outside coordinator.
    "transaction.two.phase.commit.enable": Boolean = "false", low, ignored(TRANSACTIONS);
    /// How long adding a partition to a transaction is retried, in milliseconds.
    "add.partitions.to.txn.retry.backoff.max.ms": Int = "100",
        at_least(0), high, ignored(TRANSACTIONS);
    /// How long each retry waits, in milliseconds.
    "add.partitions.to.txn.retry.backoff.ms": Int = "20", at_least(1), high, ignored(TRANSACTIONS);
}
