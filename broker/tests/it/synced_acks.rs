//! Under `flush.messages=1` an acknowledgement waits for the disk, and nothing else does.

use std::{sync::Arc, time::Duration};

use protocol::{
    ErrorCode, Offset,
    api::{fetch::FetchRequest, metadata::MetadataRequest, produce::ProduceRequest},
};

use crate::{
    client::{Client, Topic, fetch_request, only_partition, produce_request},
    gated_disk::GatedDisk,
    node::{Site, TestNode},
    records::{batch, values},
};

const A_WHILE: Duration = Duration::from_millis(80);

async fn setting() -> (GatedDisk, TestNode, Client, Topic) {
    let disk = GatedDisk::default();
    let node = Site::on(Arc::new(disk.clone()), &[]).start().await;
    let mut client = node.connect().await;
    let topic = client.create_topic("synced", 1, &[("flush.messages", "1")]).await;
    client.append(&topic, batch(&["before"])).await;
    (disk, node, client, topic)
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_sync() {
    let (disk, _node, mut client, topic) = setting().await;
    for (acks, expected) in [(1, 1), (-1, 2)] {
        disk.close();
        let id = client.send(13, &produce_request(acks, &topic, &[(0, batch(&["v"]))])).await;
        let behind = client.send(13, &MetadataRequest::default()).await;
        assert!(client.is_silent_for(A_WHILE).await, "acks={acks}");
        disk.open_again();
        let response = client.receive::<ProduceRequest>(13, id).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(
            (partition.error_code, partition.base_offset),
            (ErrorCode::None, Offset(expected))
        );
        client.receive::<MetadataRequest>(13, behind).await;
    }
}

#[tokio::test]
async fn consumers_see_only_what_is_synced_and_are_woken_by_it() {
    let (disk, node, mut client, topic) = setting().await;
    let mut reader = node.connect().await;
    disk.close();
    client.send(13, &produce_request(1, &topic, &[(0, batch(&["after"]))])).await;
    let request =
        FetchRequest { max_wait_ms: 15_000, min_bytes: 1, ..fetch_request(&topic, &[(0, 1)]) };
    let id = reader.send(18, &request).await;
    assert!(reader.is_silent_for(A_WHILE).await);
    disk.open_again();
    let data = only_partition(reader.receive::<FetchRequest>(18, id).await);
    assert_eq!(values(data.records.as_ref()), [(Offset(1), "after".to_owned())]);
}

#[tokio::test]
async fn who_does_not_want_to_wait_longer_is_told_so() {
    let (disk, _node, mut client, topic) = setting().await;
    disk.close();
    let request =
        ProduceRequest { timeout_ms: 50, ..produce_request(-1, &topic, &[(0, batch(&["v"]))]) };
    let response = client.call(13, &request).await;
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, ErrorCode::RequestTimedOut);
    disk.open_again();
    // It was appended all the same: a timeout says nothing about that.
    assert_eq!(client.append(&topic, batch(&["w"])).await, Offset(2));
}

#[tokio::test]
async fn a_stalled_sync_holds_up_nobody_who_does_not_ask_for_it() {
    let (disk, node, mut client, topic) = setting().await;
    let mut other = node.connect().await;
    let plain = other.create_topic("plain", 1, &[]).await;
    disk.close();
    let id = client.send(13, &produce_request(-1, &topic, &[(0, batch(&["v"]))])).await;
    assert!(client.is_silent_for(A_WHILE).await);
    for offset in 0..5 {
        assert_eq!(other.append(&plain, batch(&["v"])).await, Offset(offset));
        assert_eq!(other.fetch(&topic, 0).await.high_watermark, Offset(1));
        other.assert_served().await;
    }
    disk.open_again();
    client.receive::<ProduceRequest>(13, id).await;
}
