//! AllocateProducerIds (key 67): the controller gives a broker a block of producer ids that no other
//! broker has or will have (KIP-730).
//!
//! | version | change |
//! |---|---|
//! | 0 | the first |

use crate::{BrokerEpoch, BrokerId, ErrorCode, ProducerId};

crate::api! {
    key AllocateProducerIds, versions 0..=0, flexible 0..;

    /// Asks for the next block.
    request AllocateProducerIdsRequest {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
    }

    /// A block of ids.
    response AllocateProducerIdsResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        /// The first id.
        producer_id_start: ProducerId { 0.. },
        /// How many there are.
        producer_id_len: i32 { 0.. },
    }
}
