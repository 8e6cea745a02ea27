//! The broker's side of producing.

use bytes::Bytes;
use protocol::{
    ErrorCode, Offset, ProducerEpoch, ProducerId, TopicPartition,
    api::{
        init_producer_id::{InitProducerIdRequest, InitProducerIdResponse},
        produce::{
            PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
        },
    },
};

use super::{FakeBroker, Fault, State};

impl FakeBroker {
    pub(super) fn init_producer_id(
        &self,
        request: InitProducerIdRequest,
    ) -> InitProducerIdResponse {
        let mut state = self.state();
        if request.producer_id.0 >= 0 {
            return InitProducerIdResponse {
                producer_id: request.producer_id,
                producer_epoch: ProducerEpoch(request.producer_epoch.0 + 1),
                ..Default::default()
            };
        }
        state.producers += 1;
        InitProducerIdResponse {
            producer_id: ProducerId(state.producers),
            producer_epoch: ProducerEpoch(0),
            ..Default::default()
        }
    }

    pub(super) fn produce(&self, request: ProduceRequest, is_lost: &mut bool) -> ProduceResponse {
        let mut state = self.state();
        state.produce_requests += 1;
        let mut responses = Vec::new();
        for topic in request.topic_data {
            let ids = state.topics.iter();
            let name = ids.clone().find(|(_, id)| **id == topic.topic_id).map(|(name, _)| name);
            let name = name.cloned().unwrap_or(topic.name);
            let mut partition_responses = Vec::new();
            for data in topic.partition_data {
                let at = TopicPartition { topic: name.clone(), partition: data.index };
                let fault = state.produce_faults.pop_front().unwrap_or(Fault::None);
                let result = match fault {
                    Fault::Refuse(code) => Err(code),
                    Fault::LoseRequest => Err(ErrorCode::NetworkException),
                    Fault::None | Fault::LoseAnswer => state.append(&at, data.records.unwrap()),
                };
                *is_lost |= matches!(fault, Fault::LoseRequest | Fault::LoseAnswer);
                partition_responses.push(PartitionProduceResponse {
                    index: data.index,
                    error_code: result.err().unwrap_or_default(),
                    base_offset: Offset(result.unwrap_or(-1)),
                    ..Default::default()
                });
            }
            responses.push(TopicProduceResponse {
                name,
                topic_id: topic.topic_id,
                partition_responses,
            });
        }
        ProduceResponse { responses, ..Default::default() }
    }
}

impl State {
    fn append(&mut self, at: &TopicPartition, batch: Bytes) -> Result<i64, ErrorCode> {
        if self.batch_bytes_max.is_some_and(|max| batch.len() > max) {
            return Err(ErrorCode::MessageTooLarge);
        }
        let log = self.logs.get_mut(at).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        log.append(batch)
    }
}
