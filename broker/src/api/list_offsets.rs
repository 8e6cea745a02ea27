//! ListOffsets: the ends of a partition, and the first record at or after a time.

use std::sync::Arc;

use protocol::{
    ErrorCode, LeaderEpoch, Offset, Timestamp, TopicName,
    api::list_offsets::{
        ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest,
        ListOffsetsResponse, ListOffsetsTopicResponse,
    },
};

use crate::{
    broker::{Broker, Operation, Resource},
    partition::{Isolation, OffsetAt, OffsetFound},
    server::request_context::RequestContext,
};

/// The first version whose client understands OFFSET_NOT_AVAILABLE (KIP-207).
const OFFSET_NOT_AVAILABLE_FROM: i16 = 5;

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let isolation = Isolation::of(request.replica_id, request.isolation_level);
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in topic.partitions {
            let found = find(&broker, &context, &topic.name, &wanted, isolation).await;
            partitions.push(answer(&wanted, found));
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }
}

async fn find(
    broker: &Broker,
    context: &RequestContext,
    topic: &TopicName,
    wanted: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<Option<OffsetFound>, ErrorCode> {
    if !broker.authorize(context, Operation::Describe, Resource::Topic(topic)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let at = OffsetAt::from_request(wanted.timestamp, context.api_version)?;
    let partition =
        broker.partitions.by_name(&broker.image.load(), topic, wanted.partition_index)?;
    let found = partition.find_offset(at, isolation, wanted.current_leader_epoch).await;
    found.map_err(|error| match error {
        // What older clients retry.
        ErrorCode::OffsetNotAvailable if context.api_version < OFFSET_NOT_AVAILABLE_FROM => {
            ErrorCode::LeaderNotAvailable
        }
        error => error,
    })
}

fn answer(
    wanted: &ListOffsetsPartition,
    found: Result<Option<OffsetFound>, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let (error_code, found) = match found {
        Ok(found) => (ErrorCode::None, found),
        Err(error) => (error, None),
    };
    // Nothing at or after that time is no error: offset and timestamp are -1.
    let found = found.unwrap_or(OffsetFound {
        timestamp: Timestamp(-1),
        offset: Offset(-1),
        leader_epoch: LeaderEpoch(-1),
    });
    ListOffsetsPartitionResponse {
        partition_index: wanted.partition_index,
        error_code,
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: found.leader_epoch,
    }
}
