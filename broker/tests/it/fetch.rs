//! How much a fetch is answered with, and when.

use std::time::Duration;

use protocol::{
    CorrelationId, ErrorCode, Offset, PartitionIndex,
    api::fetch::{FetchRequest, FetchResponse, PartitionData},
};
use tokio::time::Instant;

use crate::{
    client::{Client, Topic, fetch_request, only_partition, produce_request},
    node::TestNode,
    records::{batch, batch_of_size, headers, values},
};

/// Long enough to show that something waits.
const A_WHILE: Duration = Duration::from_millis(60);

async fn append_to(client: &mut Client, topic: &Topic, partition: i32, bytes: usize) {
    let request = produce_request(1, topic, &[(partition, batch_of_size(bytes))]);
    let response = client.call(13, &request).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::None);
}

/// A fetch of partition 0 that may wait for long.
fn waiting(topic: &Topic, offset: i64) -> FetchRequest {
    FetchRequest { max_wait_ms: 15_000, min_bytes: 1, ..fetch_request(topic, &[(0, offset)]) }
}

async fn receive(client: &mut Client, version: i16, id: CorrelationId) -> FetchResponse {
    client.receive::<FetchRequest>(version, id).await
}

fn sizes(response: &FetchResponse) -> Vec<(i32, usize)> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    let size = |data: &PartitionData| headers(data.records.as_ref()).len();
    partitions.map(|data| (data.partition_index.0, size(data))).collect()
}

#[tokio::test]
async fn a_waiting_fetch_is_woken_by_an_append() {
    let node = TestNode::start(&[]).await;
    let (mut reader, mut writer) = (node.connect().await, node.connect().await);
    let topic = writer.create_topic("t", 1, &[]).await;
    for (offset, version) in [(0, 4), (1, 11), (2, 12), (3, 18)] {
        let id = reader.send(version, &waiting(&topic, offset)).await;
        assert!(reader.is_silent_for(A_WHILE).await);
        writer.append(&topic, batch(&["news"])).await;
        let data = only_partition(receive(&mut reader, version, id).await);
        assert_eq!(values(data.records.as_ref()), [(Offset(offset), "news".to_owned())]);
    }
}

#[tokio::test]
async fn a_fetch_waits_for_its_time_and_no_longer() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let begun = Instant::now();
    let request = FetchRequest { max_wait_ms: 150, ..waiting(&topic, 0) };
    let data = only_partition(client.call(18, &request).await);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    assert_eq!(data.error_code, ErrorCode::None);
    assert!(data.records.unwrap().is_empty(), "empty, but not null");
}

#[tokio::test]
async fn a_fetch_waits_until_there_are_min_bytes_over_all_its_partitions() {
    let node = TestNode::start(&[]).await;
    let (mut reader, mut writer) = (node.connect().await, node.connect().await);
    let topic = writer.create_topic("t", 2, &[]).await;
    let request = FetchRequest {
        max_wait_ms: 15_000,
        min_bytes: 3000,
        ..fetch_request(&topic, &[(0, 0), (1, 0)])
    };
    let id = reader.send(18, &request).await;
    append_to(&mut writer, &topic, 0, 1000).await;
    append_to(&mut writer, &topic, 1, 1000).await;
    assert!(reader.is_silent_for(A_WHILE).await, "2000 bytes are too few");
    append_to(&mut writer, &topic, 0, 1000).await;
    assert_eq!(sizes(&receive(&mut reader, 18, id).await), [(0, 2), (1, 1)]);
}

#[tokio::test]
async fn an_error_is_answered_at_once() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let begun = Instant::now();
    for request in [waiting(&topic, 7), waiting(&Topic::unknown(), 0)] {
        assert_ne!(only_partition(client.call(18, &request).await).error_code, ErrorCode::None);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_deleted_topic_wakes_who_waits_for_it() {
    let node = TestNode::start(&[]).await;
    let (mut reader, mut admin) = (node.connect().await, node.connect().await);
    let topic = admin.create_topic("t", 1, &[]).await;
    let id = reader.send(18, &waiting(&topic, 0)).await;
    assert!(reader.is_silent_for(A_WHILE).await);
    crate::topics::delete(&mut admin, &topic).await;
    let error = only_partition(receive(&mut reader, 18, id).await).error_code;
    // The broker may have given up the partition before the image shows that the topic is gone.
    // Clients ask for metadata after both.
    let expected = [ErrorCode::UnknownTopicId, ErrorCode::NotLeaderOrFollower];
    assert!(expected.contains(&error), "{error:?}");
}

#[tokio::test]
async fn the_first_batch_comes_whole_whatever_the_limits_and_no_second_one_with_it() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 3, &[]).await;
    for partition in [1, 2] {
        append_to(&mut client, &topic, partition, 5000).await;
        append_to(&mut client, &topic, partition, 5000).await;
    }
    // Partition 0 is empty: the first one that has any is what counts.
    let mut request = fetch_request(&topic, &[(0, 0), (1, 0), (2, 0)]);
    request.max_bytes = 1;
    assert_eq!(sizes(&client.call(18, &request).await), [(0, 0), (1, 1), (2, 0)]);
    request.max_bytes = 50 << 20;
    for partition in &mut request.topics[0].partitions {
        partition.partition_max_bytes = 1;
    }
    assert_eq!(sizes(&client.call(18, &request).await), [(0, 0), (1, 1), (2, 0)]);
}

#[tokio::test]
async fn limits_cut_between_batches() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 2, &[]).await;
    for partition in [0, 0, 0, 1, 1, 1] {
        append_to(&mut client, &topic, partition, 1000).await;
    }
    let mut request = fetch_request(&topic, &[(0, 0), (1, 0)]);
    request.topics[0].partitions[0].partition_max_bytes = 2500;
    assert_eq!(sizes(&client.call(18, &request).await), [(0, 2), (1, 3)]);
    request.max_bytes = 4000;
    assert_eq!(sizes(&client.call(18, &request).await), [(0, 2), (1, 1)]);
}

#[tokio::test]
async fn the_brokers_own_limit_holds_whatever_a_client_asks_for() {
    let node = TestNode::start(&["fetch.max.bytes=2500"]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for _ in 0..4 {
        append_to(&mut client, &topic, 0, 1000).await;
    }
    let response = client.call(18, &fetch_request(&topic, &[(0, 0)])).await;
    assert_eq!(sizes(&response), [(0, 2)]);
    // And a client that waits for more than it may get isn't kept waiting.
    let request = FetchRequest { min_bytes: 1 << 20, ..waiting(&topic, 0) };
    let begun = Instant::now();
    assert_eq!(sizes(&client.call(18, &request).await), [(0, 2)]);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// However much a client wants at least: what a limit cuts off, or a segment's end, is there already.
#[tokio::test]
async fn nobody_waits_for_what_is_there() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("segment.bytes", "1048576")]).await;
    for _ in 0..3 {
        append_to(&mut client, &topic, 0, 600_000).await;
    }
    let begun = Instant::now();
    let mut request = FetchRequest { min_bytes: 1 << 20, ..waiting(&topic, 0) };
    let response = client.call(18, &request).await;
    assert_eq!(sizes(&response), [(0, 1)], "the rest is in other segments, or above the limit");
    request.topics[0].partitions[0].partition_max_bytes = 1000;
    assert_eq!(sizes(&client.call(18, &request).await), [(0, 1)]);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_offset_within_a_batch_gets_the_whole_batch() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["a"])).await;
    client.append(&topic, batch(&["b", "c", "d"])).await;
    let data = client.fetch(&topic, 2).await;
    let offsets: Vec<_> = values(data.records.as_ref()).into_iter().map(|(o, _)| o.0).collect();
    assert_eq!(offsets, [1, 2, 3]);
}

#[tokio::test]
async fn a_reader_of_committed_records_is_told_of_aborted_transactions_even_if_there_are_none() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["a"])).await;
    for version in [4, 18] {
        let mut request = fetch_request(&topic, &[(0, 0)]);
        let data = only_partition(client.call(version, &request).await);
        assert_eq!(data.aborted_transactions, None);
        request.isolation_level = 1;
        let data = only_partition(client.call(version, &request).await);
        assert_eq!(data.aborted_transactions, Some(vec![]));
        assert_eq!(values(data.records.as_ref()).len(), 1);
    }
}

/// KIP-595: a reader whose last record is of an epoch that ended earlier here has another log.
#[tokio::test]
async fn a_reader_with_another_history_is_told_where_it_ends() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["a", "b"])).await;
    let node = node.restart().await;
    let mut client = node.connect().await;
    client.append(&topic, batch(&["c", "d"])).await;
    let mut request = waiting(&topic, 3);
    request.topics[0].partitions[0].last_fetched_epoch = crate::client::FIRST_EPOCH;
    let data = only_partition(client.call(18, &request).await);
    assert_eq!(data.error_code, ErrorCode::None);
    assert_eq!(data.diverging_epoch.epoch, crate::client::FIRST_EPOCH);
    assert_eq!(data.diverging_epoch.end_offset, Offset(2));
    assert!(data.records.unwrap().is_empty());
}

#[tokio::test]
async fn a_partition_is_answered_as_often_as_it_is_asked_for() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 2, &[]).await;
    let response = client.call(18, &fetch_request(&topic, &[(1, 0), (0, 0)])).await;
    let indexes = response.responses[0].partitions.iter().map(|data| data.partition_index);
    assert_eq!(indexes.collect::<Vec<_>>(), [PartitionIndex(1), PartitionIndex(0)]);
}
