//! The topic configs that a log obeys. What they are called and may be is metadata's business.

/// A partition's configs, by their names in Kafka with `.` as `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: the size at which a segment is closed.
    pub segment_bytes: u32,
    /// `segment.ms`: the age at which a segment is closed, by its records' timestamps.
    pub segment_ms: i64,
    /// How much earlier than `segment_ms` this log closes its segments: drawn by the caller between
    /// 0 and `segment.jitter.ms`, so that not all logs do it at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: the size of an index at which a segment is closed.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: how far the entries of an index are apart.
    pub index_interval_bytes: u32,
    /// `retention.ms`: how long records are kept. `None` = for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`: how much of the log is kept. `None` = all.
    pub retention_bytes: Option<u64>,
    /// Whether `cleanup.policy` has `compact`: offsets may then be missing between batches.
    pub compact: bool,
    /// Whether `cleanup.policy` has `delete`: old segments go by time and size.
    pub delete: bool,
}

/// Kafka's defaults.
impl Default for LogConfig {
    fn default() -> Self {
        const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: WEEK_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(WEEK_MS),
            retention_bytes: None,
            compact: false,
            delete: true,
        }
    }
}
