//! AllocateProducerIds: brokers take producer ids in blocks, so that no two producers share one.

use protocol::{
    ErrorCode, ProducerId,
    api::allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse},
};

use super::Decision;
use crate::{ClusterImage, record::ProducerIdsRecord};

/// How many ids a block has, as in Kafka. What is left of a block is lost when its broker stops.
const BLOCK_LENGTH: i32 = 1000;

impl ClusterImage {
    /// Gives a broker the next block.
    pub fn allocate_producer_ids(
        &self,
        request: &AllocateProducerIdsRequest,
    ) -> Decision<AllocateProducerIdsResponse> {
        let refuse = |error_code| {
            let default = AllocateProducerIdsResponse::default();
            Decision::unchanged(AllocateProducerIdsResponse { error_code, ..default })
        };
        if let Err(error_code) = self.registration(request.broker_id, request.broker_epoch) {
            return refuse(error_code);
        }
        let start = self.next_producer_id();
        let Some(next) = start.0.checked_add(i64::from(BLOCK_LENGTH)) else {
            return refuse(ErrorCode::UnknownServerError);
        };
        let record = ProducerIdsRecord {
            broker_id: request.broker_id,
            broker_epoch: request.broker_epoch,
            next_producer_id: ProducerId(next),
        };
        let response = AllocateProducerIdsResponse {
            producer_id_start: start,
            producer_id_len: BLOCK_LENGTH,
            ..AllocateProducerIdsResponse::default()
        };
        Decision { records: vec![record.into()], response }
    }
}

#[cfg(test)]
mod tests;
