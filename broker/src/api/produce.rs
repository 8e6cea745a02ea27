//! Produce: appends one batch to each partition it names.
//!
//! The appends happen while the request starts, on the connection's own task and in the order of
//! its requests; acks=all answers later, when the high watermark has passed. A batch's bytes are
//! never copied: the frame they arrived in becomes mutable again, and twelve of its bytes are
//! patched in place.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::{
    ErrorCode, Offset, PartitionIndex, Timestamp,
    api::produce::{
        LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceRequest, ProduceResponse,
        TopicProduceResponse,
    },
    records::BatchHeader,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use crate::{
    api::{Incoming, current_leaders::CurrentLeaders},
    broker::{Broker, Operation, Resource},
    partition::{Acks, Append, Appended},
    server::{answer::Answer, connection::Outcome, request_context::RequestContext},
};

/// The first version whose producer understands zstd.
const ZSTD_FROM: i16 = 7;

pub(super) async fn start(mut incoming: Incoming) -> Outcome {
    let mut request: ProduceRequest = match incoming.decode() {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    let Incoming { broker, context, header, bytes, body } = incoming;
    drop(body);
    let acks = Acks::try_from(request.acks);
    let mut batches = reclaim(bytes, &mut request);

    let mut waits = Vec::new();
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        let mut partition_responses = Vec::with_capacity(topic.partition_data.len());
        for partition in topic.partition_data {
            let batch = batches.next().expect("one piece of the frame for each partition");
            let appended = match acks {
                Ok(acks) => {
                    let to = Destination {
                        topic: &topic.name,
                        topic_id: topic.topic_id,
                        partition: partition.index,
                        transactional_id: request.transactional_id.as_deref(),
                    };
                    append(&broker, &context, &to, batch, acks)
                }
                Err(error) => Err(Refused::from(error)),
            };
            let (response, wait) = respond(partition.index, appended);
            if let Some(wait) = wait {
                waits.push((responses.len(), partition_responses.len(), wait));
            }
            partition_responses.push(response);
        }
        responses.push(TopicProduceResponse {
            name: topic.name,
            topic_id: topic.topic_id,
            partition_responses,
        });
    }
    let mut response = ProduceResponse { responses, ..ProduceResponse::default() };

    if acks == Ok(Acks::None) {
        return unanswered(&response);
    }
    let (correlation_id, version) = (header.correlation_id, header.api_version);
    if waits.is_empty() {
        name_leaders(&broker, &context, &mut response);
        return Outcome::Answer(Answer::new(correlation_id, version, &response));
    }
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let deadline = Instant::now() + timeout;
    Outcome::Later(Box::pin(async move {
        await_all(&mut response, waits, deadline).await;
        name_leaders(&broker, &context, &mut response);
        Some(Answer::new(correlation_id, version, &response))
    }))
}

/// Takes the frame's memory back from the decoded request, as one mutable piece for each partition
/// in the order of the request. Nothing is copied unless somebody else holds the frame.
fn reclaim(
    frame: Bytes,
    request: &mut ProduceRequest,
) -> impl Iterator<Item = Option<BytesMut>> + use<> {
    let start = frame.as_ptr() as usize;
    let ranges: Vec<_> = request
        .topic_data
        .iter_mut()
        .flat_map(|topic| &mut topic.partition_data)
        .map(|partition| {
            // An empty slice points nowhere, and is as invalid as none.
            let records = partition.records.take().filter(|records| !records.is_empty())?;
            let from = records.as_ptr() as usize - start;
            Some(from..from + records.len())
        })
        .collect();
    let mut rest = frame.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    let mut at = 0;
    ranges.into_iter().map(move |range| {
        let range = range?;
        let _before = rest.split_to(range.start - at);
        at = range.end;
        Some(rest.split_to(range.len()))
    })
}

struct Destination<'a> {
    topic: &'a protocol::TopicName,
    topic_id: protocol::TopicId,
    partition: PartitionIndex,
    transactional_id: Option<&'a str>,
}

/// An error for one partition, with the words that Kafka's clients log.
struct Refused {
    error: ErrorCode,
    message: Option<String>,
}

impl From<ErrorCode> for Refused {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None }
    }
}

fn append(
    broker: &Broker,
    context: &RequestContext,
    to: &Destination<'_>,
    batch: Option<BytesMut>,
    acks: Acks,
) -> Result<Append, Refused> {
    let by_id = context.api_version >= 13;
    let partition = if by_id {
        broker.partitions.by_id(&broker.image.load(), to.topic_id, to.partition)?
    } else {
        broker.partitions.by_name(&broker.image.load(), to.topic, to.partition)?
    };
    if !broker.authorize(context, Operation::Write, Resource::Topic(partition.topic())) {
        return Err(ErrorCode::TopicAuthorizationFailed.into());
    }
    let Some(batch) = batch else {
        let message = "Produce requests must contain one record batch a partition".to_owned();
        return Err(Refused { error: ErrorCode::InvalidRecord, message: Some(message) });
    };
    refuse_transactions(broker, context, to.transactional_id, &batch)?;
    let zstd_allowed = context.api_version >= ZSTD_FROM;
    partition
        .append(batch, acks, zstd_allowed, broker.doors.clock.now())
        .map_err(|refused| Refused { error: refused.error, message: refused.message })
}

/// A transaction that was begun here could never end: there is no coordinator yet to begin one at.
fn refuse_transactions(
    broker: &Broker,
    context: &RequestContext,
    id: Option<&str>,
    batch: &[u8],
) -> Result<(), ErrorCode> {
    let transactional =
        BatchHeader::parse(batch).is_ok_and(|header| header.attributes.is_transactional());
    let may = |id: &str| broker.authorize(context, Operation::Write, Resource::TransactionalId(id));
    match id {
        _ if !transactional => Ok(()),
        Some(id) if may(id) => Err(ErrorCode::InvalidTxnState),
        Some(_) | None => Err(ErrorCode::TransactionalIdAuthorizationFailed),
    }
}

type Wait = oneshot::Receiver<ErrorCode>;

fn respond(
    index: PartitionIndex,
    appended: Result<Append, Refused>,
) -> (PartitionProduceResponse, Option<Wait>) {
    match appended {
        Ok(Append {
            appended: Appended { base_offset, log_append_time, log_start_offset },
            wait,
        }) => {
            let response = PartitionProduceResponse {
                index,
                base_offset,
                log_append_time_ms: log_append_time.unwrap_or(Timestamp(-1)),
                log_start_offset,
                ..PartitionProduceResponse::default()
            };
            (response, wait)
        }
        Err(Refused { error, message }) => {
            let response = PartitionProduceResponse {
                index,
                error_code: error,
                base_offset: Offset(-1),
                error_message: message,
                ..PartitionProduceResponse::default()
            };
            (response, None)
        }
    }
}

/// acks=0: a client that asked for no answer learns of an error by the connection's end.
fn unanswered(response: &ProduceResponse) -> Outcome {
    let error = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .map(|partition| partition.error_code)
        .find(|error| !error.is_none());
    match error {
        None => Outcome::Nothing,
        Some(error) => Outcome::Close(format!("{error} in a produce with acks=0")),
    }
}

/// Waits for every append of the request to be acknowledged, until the client's own timeout.
async fn await_all(
    response: &mut ProduceResponse,
    waits: Vec<(usize, usize, Wait)>,
    deadline: Instant,
) {
    let timer = sleep_until(deadline);
    tokio::pin!(timer);
    let mut timed_out = false;
    for (topic, partition, mut wait) in waits {
        let error = if timed_out {
            wait.try_recv().unwrap_or(ErrorCode::RequestTimedOut)
        } else {
            tokio::select! {
                biased;
                // A dropped sender means that the partition is gone from this broker.
                error = &mut wait => error.unwrap_or(ErrorCode::NotLeaderOrFollower),
                () = &mut timer => {
                    timed_out = true;
                    ErrorCode::RequestTimedOut
                }
            }
        };
        if !error.is_none() {
            let answer = &mut response.responses[topic].partition_responses[partition];
            answer.error_code = error;
            answer.base_offset = Offset(-1);
            answer.log_append_time_ms = Timestamp(-1);
            answer.log_start_offset = Offset(-1);
        }
    }
}

/// Tells with the errors who leads instead (KIP-951).
fn name_leaders(broker: &Broker, context: &RequestContext, response: &mut ProduceResponse) {
    let image = broker.image.load();
    let mut leaders = CurrentLeaders::new(&image, &context.connection.listener);
    for topic in &mut response.responses {
        for answer in &mut topic.partition_responses {
            let name = (&topic.name, topic.topic_id);
            if let Some((id, epoch)) = leaders.of(answer.error_code, name, answer.index) {
                answer.current_leader = LeaderIdAndEpoch { leader_id: id, leader_epoch: epoch };
            }
        }
    }
    let nodes = leaders.nodes().map(|(broker, endpoint)| NodeEndpoint {
        node_id: broker.id,
        host: endpoint.host.clone(),
        port: i32::from(endpoint.port),
        rack: broker.rack.clone(),
    });
    response.node_endpoints = nodes.collect();
}
