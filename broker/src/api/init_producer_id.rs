//! InitProducerId: an id of its own for every idempotent producer.
//!
//! Without a transactional id, that's all there is to it: nothing is remembered here. A producer
//! that asks again gets another id (KIP-360's epoch bump is for transactional producers; Kafka too
//! answers an idempotent one with a new id).

use std::sync::Arc;

use protocol::{
    ErrorCode, ProducerEpoch, ProducerId,
    api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse},
};

use crate::{
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    match init(&broker, &context, &request).await {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            producer_epoch: ProducerEpoch(0),
            ..InitProducerIdResponse::default()
        },
        Err(error_code) => InitProducerIdResponse {
            error_code,
            producer_id: ProducerId(-1),
            producer_epoch: ProducerEpoch(-1),
            ..InitProducerIdResponse::default()
        },
    }
}

async fn init(
    broker: &Broker,
    context: &RequestContext,
    request: &InitProducerIdRequest,
) -> Result<ProducerId, ErrorCode> {
    match &request.transactional_id {
        Some(id) if id.is_empty() => Err(ErrorCode::InvalidRequest),
        Some(id) if !broker.authorize(context, Operation::Write, Resource::TransactionalId(id)) => {
            Err(ErrorCode::TransactionalIdAuthorizationFailed)
        }
        // Transactions have a coordinator, and there is none yet.
        Some(_) => Err(ErrorCode::CoordinatorNotAvailable),
        None if !broker.authorize(context, Operation::IdempotentWrite, Resource::Cluster) => {
            Err(ErrorCode::ClusterAuthorizationFailed)
        }
        None => broker.producer_ids.next(broker).await,
    }
}
