//! Requests that don't wait for each other's answers.

use std::time::Duration;

use protocol::{
    CorrelationId, ErrorCode, Offset,
    api::{
        api_versions::ApiVersionsRequest, fetch::FetchRequest, metadata::MetadataRequest,
        produce::ProduceRequest,
    },
};

use crate::{
    client::{encode, fetch_request, frame, only_partition, produce_request},
    node::TestNode,
    records::{batch, sequenced, values},
};

#[tokio::test]
async fn twenty_requests_written_at_once_are_answered_in_their_order() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let mut bytes = Vec::new();
    for index in 0..20 {
        let id = CorrelationId(index);
        let content = match index % 4 {
            0 | 1 => {
                let acks = if index % 4 == 0 { -1 } else { 1 };
                encode(13, id, &produce_request(acks, &topic, &[(0, batch(&["value"]))]))
            }
            2 => encode(18, id, &fetch_request(&topic, &[(0, 0)])),
            _ => encode(0, id, &ApiVersionsRequest::default()),
        };
        bytes.extend(frame(&content));
    }
    client.send_bytes(&bytes).await;
    let mut appended = 0;
    for index in 0..20 {
        let id = CorrelationId(index);
        match index % 4 {
            0 | 1 => {
                let response = client.receive::<ProduceRequest>(13, id).await;
                let offset = response.responses[0].partition_responses[0].base_offset;
                assert_eq!(offset, Offset(appended));
                appended += 1;
            }
            2 => {
                let data = only_partition(client.receive::<FetchRequest>(18, id).await);
                let seen = i64::try_from(values(data.records.as_ref()).len()).unwrap();
                assert_eq!(seen, appended, "a connection reads what it has written before");
            }
            _ => {
                client.receive::<ApiVersionsRequest>(0, id).await;
            }
        }
    }
}

#[tokio::test]
async fn requests_behind_a_waiting_fetch_are_answered_after_it() {
    const BEHIND: i32 = 20;
    let node = TestNode::start(&[]).await;
    let (mut client, mut writer) = (node.connect().await, node.connect().await);
    let topic = writer.create_topic("t", 1, &[]).await;
    let fetch =
        FetchRequest { max_wait_ms: 15_000, min_bytes: 1, ..fetch_request(&topic, &[(0, 0)]) };
    let fetch_id = client.send(18, &fetch).await;
    let mut ids = Vec::new();
    for _ in 0..BEHIND {
        ids.push(client.send(13, &MetadataRequest::default()).await);
    }
    assert!(client.is_silent_for(Duration::from_millis(60)).await);
    writer.append(&topic, batch(&["news"])).await;
    let data = only_partition(client.receive::<FetchRequest>(18, fetch_id).await);
    assert_eq!(values(data.records.as_ref()).len(), 1);
    for id in ids {
        client.receive::<MetadataRequest>(13, id).await;
    }
}

#[tokio::test]
async fn five_idempotent_batches_in_flight_are_appended_in_their_order() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("flush.messages", "1")]).await;
    let id = client.producer_id().await;
    let mut ids = Vec::new();
    for sequence in 0..5 {
        let batch = sequenced(id, 0, sequence);
        ids.push(client.send(13, &produce_request(-1, &topic, &[(0, batch)])).await);
    }
    for (sequence, id) in (0..).zip(ids) {
        let response = client.receive::<ProduceRequest>(13, id).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(
            (partition.error_code, partition.base_offset),
            (ErrorCode::None, Offset(sequence))
        );
    }
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_stops_nobody_else() {
    let node = TestNode::start(&[]).await;
    let (mut deaf, mut good) = (node.connect().await, node.connect().await);
    let topic = good.create_topic("t", 1, &[]).await;
    good.append(&topic, crate::records::batch_of_size(1_000_000)).await;
    for _ in 0..40 {
        deaf.send(18, &fetch_request(&topic, &[(0, 0)])).await;
    }
    for _ in 0..5 {
        good.assert_served().await;
        good.append(&topic, batch(&["value"])).await;
    }
}
