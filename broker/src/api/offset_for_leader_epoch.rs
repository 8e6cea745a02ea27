//! OffsetForLeaderEpoch: where a leader's epoch ends, for those who check whether their log or
//! position diverged from the leader's (KIP-101, KIP-279, KIP-320).

use std::sync::Arc;

use protocol::{
    ErrorCode, LeaderEpoch, Offset, TopicName,
    api::offset_for_leader_epoch::{
        EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
        OffsetForLeaderPartition, OffsetForLeaderTopicResult,
    },
};

use crate::{
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request
        .topics
        .into_iter()
        .map(|topic| OffsetForLeaderTopicResult {
            partitions: topic
                .partitions
                .iter()
                .map(|wanted| match find(&broker, &context, &topic.topic, wanted) {
                    Ok((leader_epoch, end_offset)) => EpochEndOffset {
                        error_code: ErrorCode::None,
                        partition: wanted.partition,
                        leader_epoch,
                        end_offset,
                    },
                    Err(error_code) => EpochEndOffset {
                        error_code,
                        partition: wanted.partition,
                        leader_epoch: LeaderEpoch(-1),
                        end_offset: Offset(-1),
                    },
                })
                .collect(),
            topic: topic.topic,
        })
        .collect();
    OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() }
}

fn find(
    broker: &Broker,
    context: &RequestContext,
    topic: &TopicName,
    wanted: &OffsetForLeaderPartition,
) -> Result<(LeaderEpoch, Offset), ErrorCode> {
    if !broker.authorize(context, Operation::Describe, Resource::Topic(topic)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let partition = broker.partitions.by_name(&broker.image.load(), topic, wanted.partition)?;
    partition.epoch_end_offset(wanted.current_leader_epoch, wanted.leader_epoch)
}
