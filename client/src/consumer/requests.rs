//! The requests of a consumer, each from the connection to the answer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Message, Offset, TopicName, TopicPartition,
    api::{
        fetch::FetchRequest,
        offset_for_leader_epoch::{
            OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
        },
    },
};

use super::{
    ConsumerOptions,
    fetch_session::{Answers, FetchSession, Refusal, Wanted},
    fetched::Point,
};
use crate::{
    cluster::Pool,
    error::Error,
    offsets::{self, Found, Question},
};

/// The last version of Fetch that names topics; later ones give their ids.
const BY_NAME_MAX: i16 = 12;

/// The first version of OffsetForLeaderEpoch that consumers may ask.
const EPOCH_END_FROM: i16 = 3;

/// How a broker is to answer one fetch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) max_wait: Duration,
    pub(super) bytes_max: i32,
}

/// Fetches from one broker, within the session with it.
pub(super) async fn fetch(
    pool: &Pool,
    broker: BrokerId,
    options: &ConsumerOptions,
    terms: Terms,
    session: &mut FetchSession,
    wanted: &[(TopicPartition, Wanted)],
) -> Result<Answers, Error> {
    let result = fetch_once_or_twice(pool, broker, options, terms, session, wanted).await;
    if result.is_err() {
        session.lost();
    }
    result
}

async fn fetch_once_or_twice(
    pool: &Pool,
    broker: BrokerId,
    options: &ConsumerOptions,
    terms: Terms,
    session: &mut FetchSession,
    wanted: &[(TopicPartition, Wanted)],
) -> Result<Answers, Error> {
    let connection = pool.connection(broker).await?;
    let has_ids = wanted.iter().all(|(_, wanted)| wanted.topic_id.is_some());
    let max = if has_ids { *FetchRequest::VERSIONS.end() } else { BY_NAME_MAX };
    let versions = *FetchRequest::VERSIONS.start()..=max;
    let version = connection.version_within::<FetchRequest>(versions)?;
    let mut request = FetchRequest {
        max_wait_ms: i32::try_from(terms.max_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: options.min_bytes,
        max_bytes: terms.bytes_max,
        isolation_level: options.isolation.level(),
        ..Default::default()
    };
    let timeout = terms.max_wait + connection.request_timeout();
    loop {
        session.ask(wanted, version > BY_NAME_MAX, &mut request);
        let was_new = session.is_new();
        let response = connection.send_at(&request, version, timeout).await?.response().await?;
        let error = match session.answered(response) {
            Ok(answers) => return Ok(answers),
            Err(Refusal::Session(code)) if !was_new => {
                tracing::debug!(%broker, %code, "another fetch session");
                continue;
            }
            Err(Refusal::Session(code) | Refusal::Answer(code)) => (code, None),
            Err(Refusal::Mismatch) => {
                let message = "the answer is about other partitions than those asked for";
                (ErrorCode::UnknownServerError, Some(message))
            }
        };
        let (code, message) = error;
        return Err(Error::answer(code, format_args!("Fetch from broker {broker}"), message));
    }
}

/// Ends a fetch session, so that the broker needn't remember it.
pub(super) async fn end_session(
    pool: &Pool,
    broker: BrokerId,
    request: FetchRequest,
) -> Result<(), Error> {
    let connection = pool.connection(broker).await?;
    let response = connection.call(&request).await?;
    Error::check(response.error_code, format_args!("Fetch from broker {broker}"), None)
}

/// Asks one broker for places.
pub(super) async fn locate(
    pool: Arc<Pool>,
    broker: BrokerId,
    options: ConsumerOptions,
    questions: BTreeMap<TopicPartition, Question>,
) -> Result<BTreeMap<TopicPartition, Result<Found, Error>>, Error> {
    let connection = pool.connection(broker).await?;
    offsets::list(&connection, options.isolation, &questions).await
}

/// A place, and the epoch of the leader that is asked about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) point: Point,
    pub(super) leader_epoch: LeaderEpoch,
}

/// Where an epoch ended: the largest one, up to the one asked about, that the log has, and the
/// offset behind its last record. None where the log has no such epoch.
pub(super) type EpochEnd = Option<(LeaderEpoch, Offset)>;

/// Asks one broker where the epochs of these places ended (KIP-320).
///
/// # Errors
/// [`Error::UnsupportedVersion`] from a broker that doesn't tell consumers.
pub(super) async fn epoch_ends(
    pool: Arc<Pool>,
    broker: BrokerId,
    checks: &BTreeMap<TopicPartition, Check>,
) -> Result<BTreeMap<TopicPartition, Result<EpochEnd, Error>>, Error> {
    let connection = pool.connection(broker).await?;
    let versions = EPOCH_END_FROM..=*OffsetForLeaderEpochRequest::VERSIONS.end();
    let version = connection.version_within::<OffsetForLeaderEpochRequest>(versions)?;
    let mut topics: BTreeMap<&TopicName, Vec<OffsetForLeaderPartition>> = BTreeMap::new();
    for (at, check) in checks {
        topics.entry(&at.topic).or_default().push(OffsetForLeaderPartition {
            partition: at.partition,
            current_leader_epoch: check.leader_epoch,
            leader_epoch: check.point.epoch,
        });
    }
    let topic = |(topic, partitions): (&TopicName, _)| OffsetForLeaderTopic {
        topic: topic.clone(),
        partitions,
    };
    let request = OffsetForLeaderEpochRequest {
        replica_id: BrokerId(-1),
        topics: topics.into_iter().map(topic).collect(),
    };
    let mut answers = BTreeMap::new();
    for topic in connection.call_at(&request, version).await?.topics {
        for answer in topic.partitions {
            let at = TopicPartition { topic: topic.topic.clone(), partition: answer.partition };
            let end = epoch_end(answer.leader_epoch, answer.end_offset);
            let end = Error::check(answer.error_code, &at, None).map(|()| end);
            answers.insert(at, end);
        }
    }
    Ok(answers)
}

/// -1 stands for none, in either of the two.
pub(super) fn epoch_end(epoch: LeaderEpoch, end_offset: Offset) -> EpochEnd {
    (epoch.0 >= 0 && end_offset.0 >= 0).then_some((epoch, end_offset))
}
