//! Places in a partition, and asking a leader where they are (ListOffsets).

use std::collections::BTreeMap;

use protocol::{
    LeaderEpoch, Message, Offset, Timestamp, TopicName, TopicPartition,
    api::list_offsets::{
        EARLIEST, LATEST, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse,
        ListOffsetsTopic, MAX_TIMESTAMP,
    },
};

use crate::{connection::Connection, error::Error};

/// The first version that knows [`MAX_TIMESTAMP`].
const MAX_TIMESTAMP_FROM: i16 = 7;

/// A place in a partition.
///
/// ```
/// use client::{Place, protocol::Timestamp};
///
/// // What was written from the first of January 2026 on, in UTC.
/// let this_year = Place::Time(Timestamp(1_767_225_600_000));
/// # let _ = this_year;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This offset.
    At(Offset),
    /// The first record that is still there.
    Beginning,
    /// After the last record that a reader sees.
    End,
    /// The first record of this time or later, in milliseconds since 1970; the end where there is
    /// none.
    Time(Timestamp),
    /// The record with the latest timestamp; the end where there is none.
    LatestTime,
}

/// What consumers see of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All that is replicated, whether its transaction is committed or not.
    #[default]
    ReadUncommitted,
    /// Records of committed transactions and of none, up to the first open transaction.
    ReadCommitted,
}

impl Isolation {
    pub(crate) fn level(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// A record that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place, or the log's end that was asked for; none where there is no such record.
    pub offset: Option<Offset>,
    /// Its time; none for the log's ends.
    pub timestamp: Option<Timestamp>,
    /// The epoch of the leader that appended it, or of the log's end; none where the broker doesn't
    /// say.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What to ask about one partition: what Kafka has for a place, and the epoch of the leader that is
/// meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    timestamp: Timestamp,
    leader_epoch: LeaderEpoch,
}

impl Question {
    /// None for an offset, which needs no asking.
    pub(crate) fn new(place: Place, leader_epoch: LeaderEpoch) -> Option<Self> {
        let timestamp = match place {
            Place::At(_) => return None,
            Place::Beginning => EARLIEST,
            Place::End => LATEST,
            Place::Time(timestamp) => Timestamp(timestamp.0.max(0)),
            Place::LatestTime => MAX_TIMESTAMP,
        };
        Some(Self { timestamp, leader_epoch })
    }
}

/// Asks the broker that leads these partitions.
pub(crate) async fn list(
    connection: &Connection,
    isolation: Isolation,
    questions: &BTreeMap<TopicPartition, Question>,
) -> Result<BTreeMap<TopicPartition, Result<Found, Error>>, Error> {
    let needs_max = questions.values().any(|question| question.timestamp == MAX_TIMESTAMP);
    let versions = ListOffsetsRequest::VERSIONS;
    let min = if needs_max { MAX_TIMESTAMP_FROM } else { *versions.start() };
    let version = connection.version_within::<ListOffsetsRequest>(min..=*versions.end())?;
    let request = ListOffsetsRequest {
        isolation_level: isolation.level(),
        topics: by_topic(questions),
        ..Default::default()
    };
    Ok(answers(connection.call_at(&request, version).await?))
}

fn by_topic(questions: &BTreeMap<TopicPartition, Question>) -> Vec<ListOffsetsTopic> {
    let mut topics: BTreeMap<&TopicName, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (TopicPartition { topic, partition }, question) in questions {
        topics.entry(topic).or_default().push(ListOffsetsPartition {
            partition_index: *partition,
            current_leader_epoch: question.leader_epoch,
            timestamp: question.timestamp,
        });
    }
    let topic =
        |(name, partitions): (&TopicName, _)| ListOffsetsTopic { name: name.clone(), partitions };
    topics.into_iter().map(topic).collect()
}

fn answers(response: ListOffsetsResponse) -> BTreeMap<TopicPartition, Result<Found, Error>> {
    let mut answers = BTreeMap::new();
    for topic in response.topics {
        for answer in topic.partitions {
            let partition =
                TopicPartition { topic: topic.name.clone(), partition: answer.partition_index };
            let found = Error::check(answer.error_code, &partition, None).map(|()| Found {
                offset: Some(answer.offset).filter(|offset| offset.0 >= 0),
                timestamp: Some(answer.timestamp).filter(|timestamp| timestamp.0 >= 0),
                leader_epoch: Some(answer.leader_epoch).filter(|epoch| epoch.0 >= 0),
            });
            answers.insert(partition, found);
        }
    }
    answers
}
