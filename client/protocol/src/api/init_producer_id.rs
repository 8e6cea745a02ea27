//! InitProducerId (key 22): an id and an epoch for an idempotent or transactional producer.
//!
//! | version | change |
//! |---|---|
//! | 1 | a throttled response is sent before the wait, not after |
//! | 2 | flexible |
//! | 3 | a producer that lost its way asks for the next epoch of the id it has (KIP-360) |
//! | 4 | PRODUCER_FENCED may be answered |
//! | 5 | TRANSACTION_ABORTABLE may be answered (KIP-890) |

use crate::{ErrorCode, ProducerEpoch, ProducerId};

crate::api! {
    key InitProducerId, versions 0..=5, flexible 2..;

    /// The first request of a producer.
    request InitProducerIdRequest {
        /// Null = idempotent only.
        transactional_id: Option<String> { 0.. },
        /// After this long a transaction is aborted, in milliseconds.
        transaction_timeout_ms: i32 { 0.. },
        /// The one it has, or -1.
        producer_id: ProducerId { 3.. },
        /// The one it has, or -1.
        producer_epoch: ProducerEpoch { 3.. },
    }

    /// Who the producer is from now on.
    response InitProducerIdResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        producer_id: ProducerId { 0.. },
        producer_epoch: ProducerEpoch { 0.. },
    }
}
