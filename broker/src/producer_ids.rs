//! Ids for idempotent producers, handed out from a block that the controller gave to this broker.
//!
//! A block is never given twice, so an id is never handed out twice, whatever crashes; what was
//! left of a block when the broker stopped is lost.

use protocol::{ErrorCode, ProducerId, api::allocate_producer_ids::AllocateProducerIdsRequest};
use tokio::sync::Mutex;

use crate::broker::Broker;

#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    block: Mutex<std::ops::Range<i64>>,
}

impl ProducerIds {
    /// The next id. Waits for a new block where the last one is used up.
    pub(crate) async fn next(&self, broker: &Broker) -> Result<ProducerId, ErrorCode> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            *block = Self::allocate(broker).await?;
        }
        block.next().map(ProducerId).ok_or(ErrorCode::CoordinatorLoadInProgress)
    }

    async fn allocate(broker: &Broker) -> Result<std::ops::Range<i64>, ErrorCode> {
        let request =
            AllocateProducerIdsRequest { broker_id: broker.id(), broker_epoch: broker.epoch() };
        let response = broker.channel.call(&request, |response| response.error_code).await;
        match response {
            Ok(response) if response.error_code.is_none() => {
                let start = response.producer_id_start.0;
                Ok(start..start + i64::from(response.producer_id_len))
            }
            // Kafka's producers retry this one, whatever kept the controller from answering.
            Ok(_) | Err(_) => Err(ErrorCode::CoordinatorLoadInProgress),
        }
    }
}
