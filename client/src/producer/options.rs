//! How a producer sends.

use std::{sync::Arc, time::Duration};

use protocol::records::Compression;

use super::{accumulator::Settings, batch::Codec};
use crate::{
    backoff::Backoff,
    partitioner::{ByKey, Partitioner},
};

/// Who must have a record before it counts as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Nobody: sent is written to the socket.
    None,
    /// The leader. A record is lost if the leader is, before others have it.
    Leader,
    /// All in-sync replicas.
    #[default]
    All,
}

/// How a producer sends. The default is Kafka's, safe rather than fast.
///
/// ```
/// use std::time::Duration;
///
/// use client::{ProducerOptions, protocol::records::Compression};
///
/// let throughput_first = ProducerOptions {
///     compression: Compression::Lz4,
///     linger: Duration::from_millis(50),
///     batch_bytes: 256 << 10,
///     ..ProducerOptions::default()
/// };
/// # let _ = throughput_first;
/// ```
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// Who must have a record. Kafka's `acks`.
    pub acks: Acks,
    /// Whether brokers may know a batch that is sent twice, so that it's appended once and in
    /// order. Works with [`Acks::All`] only, and without it nothing is known again. Kafka's
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// How batches are compressed. Kafka's `compression.type`.
    pub compression: Compression,
    /// The codec's level; none is Kafka's default.
    pub compression_level: Option<i32>,
    /// Chooses the partition of a record that names none; by default, as Kafka's clients do.
    /// Kafka's `partitioner.class`.
    pub partitioner: Arc<dyn Partitioner>,
    /// How long a batch waits to fill. Kafka's `linger.ms`.
    pub linger: Duration,
    /// A batch of this many bytes, before compression, waits no longer. A larger record has a batch
    /// of its own. Kafka's `batch.size`.
    pub batch_bytes: usize,
    /// A request holds at most this many bytes of batches, and so does a record. Kafka's
    /// `max.request.size`.
    pub request_bytes_max: usize,
    /// Records that aren't acknowledged take at most this many bytes; more wait for room. Kafka's
    /// `buffer.memory`.
    pub buffer_bytes: usize,
    /// How long a record may wait for its topic to be known, and then for room. Kafka's
    /// `max.block.ms`.
    pub block_max: Duration,
    /// After this long a record has failed, counted from its queueing. If a request with it is
    /// under way at the moment, its outcome stays unknown. Kafka's `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// How often a batch is sent again at most, while there is time left. Kafka's `retries`.
    pub retries: u32,
    /// How long the in-sync replicas may take, by the leader's clock; the client waits somewhat
    /// longer before it ends the connection. Kafka's `request.timeout.ms`.
    pub ack_timeout: Duration,
    /// How many requests may be under way to each broker; one at least, and no more than the
    /// connection's `in_flight_max` are written. Of one partition, as many batches are under way
    /// with idempotence, but five at most; without it one, so that none overtakes another. Kafka's
    /// `max.in.flight.requests.per.connection`.
    pub in_flight_max: usize,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: true,
            compression: Compression::None,
            compression_level: None,
            partitioner: Arc::new(ByKey::default()),
            linger: Duration::from_millis(5),
            batch_bytes: 16 << 10,
            request_bytes_max: 1 << 20,
            buffer_bytes: 32 << 20,
            block_max: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            retries: u32::MAX,
            ack_timeout: Duration::from_secs(30),
            in_flight_max: 5,
        }
    }
}

/// How many batches of each producer a partition remembers, to know duplicates by.
const BATCHES_REMEMBERED: usize = 5;

impl ProducerOptions {
    pub(super) fn settings(&self, backoff: Backoff) -> Settings {
        let is_idempotent = self.idempotence && self.acks == Acks::All;
        // Without sequences a batch that is sent again would come after those behind it.
        let in_flight_max =
            if is_idempotent { self.in_flight_max.clamp(1, BATCHES_REMEMBERED) } else { 1 };
        Settings {
            batch_bytes: self.batch_bytes,
            linger: self.linger,
            delivery_timeout: self.delivery_timeout,
            retries: self.retries,
            is_idempotent,
            in_flight_max,
            codec: Codec { compression: self.compression, level: self.compression_level },
            backoff,
        }
    }
}
