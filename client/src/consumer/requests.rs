//! The requests of a consumer, each from the connection to the answer.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{
    BrokerId, LeaderEpoch, Message, Offset, TopicId, TopicName, TopicPartition,
    api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData},
};

use super::ConsumerOptions;
use crate::{
    cluster::Pool,
    error::Error,
    offsets::{self, Found, Question},
};

/// The last version that names topics; later ones give their ids.
const BY_NAME_MAX: i16 = 12;

/// What to fetch from one partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    pub(super) offset: Offset,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) topic_id: Option<TopicId>,
}

/// Fetches from one broker. The order of the partitions says who comes first when space is short.
pub(super) async fn fetch(
    pool: Arc<Pool>,
    broker: BrokerId,
    options: ConsumerOptions,
    partitions: Vec<(TopicPartition, From)>,
) -> Result<BTreeMap<TopicPartition, PartitionData>, Error> {
    let connection = pool.connection(broker).await?;
    let has_ids = partitions.iter().all(|(_, from)| from.topic_id.is_some());
    let max = if has_ids { *FetchRequest::VERSIONS.end() } else { BY_NAME_MAX };
    let versions = *FetchRequest::VERSIONS.start()..=max;
    let version = connection.version_within::<FetchRequest>(versions)?;
    let names: BTreeMap<TopicId, TopicName> = partitions
        .iter()
        .filter_map(|(partition, from)| Some((from.topic_id?, partition.topic.clone())))
        .collect();
    let request = FetchRequest {
        max_wait_ms: i32::try_from(options.max_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: options.min_bytes,
        max_bytes: options.max_bytes,
        isolation_level: options.isolation.level(),
        topics: by_topic(partitions, options.partition_max_bytes),
        ..Default::default()
    };
    let timeout = options.max_wait + connection.request_timeout();
    let response = connection.send_at(&request, version, timeout).await?.response().await?;
    Error::check(response.error_code, format_args!("Fetch from broker {broker}"), None)?;
    Ok(answers(response, version, &names))
}

/// Groups neighbours of one topic, and keeps the order.
fn by_topic(partitions: Vec<(TopicPartition, From)>, max_bytes: i32) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (TopicPartition { topic, partition }, from) in partitions {
        if topics.last().is_none_or(|last| last.topic != topic) {
            let topic_id = from.topic_id.unwrap_or_default();
            topics.push(FetchTopic { topic, topic_id, partitions: Vec::new() });
        }
        let group = topics.last_mut().expect("pushed above");
        group.partitions.push(FetchPartition {
            partition,
            current_leader_epoch: from.leader_epoch,
            fetch_offset: from.offset,
            partition_max_bytes: max_bytes,
            ..Default::default()
        });
    }
    topics
}

fn answers(
    response: FetchResponse,
    version: i16,
    names: &BTreeMap<TopicId, TopicName>,
) -> BTreeMap<TopicPartition, PartitionData> {
    let mut answers = BTreeMap::new();
    for topic in response.responses {
        let by_id = version > BY_NAME_MAX;
        let name = if by_id { names.get(&topic.topic_id) } else { Some(&topic.topic) };
        let Some(name) = name else { continue };
        for data in topic.partitions {
            let partition = data.partition_index;
            answers.insert(TopicPartition { topic: name.clone(), partition }, data);
        }
    }
    answers
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
