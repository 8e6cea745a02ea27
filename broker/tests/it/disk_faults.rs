//! Disks that are full, fail or forget: what was acknowledged is kept, what can't be kept isn't
//! acknowledged, and what isn't concerned goes on.

use std::{sync::Arc, time::Duration};

use protocol::{ErrorCode, Offset, api::list_offsets::EARLIEST};
use simdisk::{Call, Crash, SimDisk};
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, Topic, fetch_request, only_partition, produce_request},
    node::{Site, TestNode, files},
    records::{batch, values},
};

async fn produce_to(client: &mut Client, topic: &Topic, partition: i32) -> ErrorCode {
    let request = produce_request(-1, topic, &[(partition, batch(&["value"]))]);
    client.call(13, &request).await.responses[0].partition_responses[0].error_code
}

async fn fetch_from(client: &mut Client, topic: &Topic, partition: i32) -> ErrorCode {
    let data = only_partition(client.call(18, &fetch_request(topic, &[(partition, 0)])).await);
    let is_empty = data.records.is_none_or(|records| records.is_empty());
    assert_eq!(is_empty, !data.error_code.is_none(), "records, or an error");
    data.error_code
}

/// Produces until the answer is this one.
async fn until_answered(client: &mut Client, topic: &Topic, expected: ErrorCode) {
    let answered = async {
        while client.produce(topic, batch(&["again"])).await.error_code != expected {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), answered).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_produce_and_serves_reads_until_there_is_space() {
    let disk = SimDisk::new(1);
    let node = Site::on(Arc::new(disk.clone()), &[]).start().await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["before"])).await;

    disk.set_capacity(0);
    for _ in 0..3 {
        let response = client.produce(&topic, batch(&["refused"])).await;
        assert_eq!(response.error_code, ErrorCode::KafkaStorageError);
    }
    let read = client.fetch(&topic, 0).await;
    assert_eq!(values(read.records.as_ref()), [(Offset(0), "before".to_owned())]);

    disk.set_capacity(1 << 30);
    assert_eq!(client.append(&topic, batch(&["after"])).await, Offset(1));
    let node = node.stop().await.start().await;
    let read = node.connect().await.fetch(&topic, 0).await;
    let expected = [(Offset(0), "before".to_owned()), (Offset(1), "after".to_owned())];
    assert_eq!(values(read.records.as_ref()), expected);
}

#[tokio::test]
async fn below_the_mark_of_free_space_produce_is_refused_before_the_disk_is_full() {
    let disk = SimDisk::new(2);
    let settings = ["ottla.log.dir.free.bytes.min=1000000"];
    let node = Site::on(Arc::new(disk.clone()), &settings).start().await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["before"])).await;
    disk.set_capacity(999_999);
    until_answered(&mut client, &topic, ErrorCode::KafkaStorageError).await;
    assert_eq!(fetch_from(&mut client, &topic, 0).await, ErrorCode::None);
    disk.set_capacity(1 << 30);
    until_answered(&mut client, &topic, ErrorCode::None).await;
}

#[tokio::test]
async fn a_failed_sync_acknowledges_nothing_and_stops_its_directory() {
    let disk = SimDisk::new(3);
    let node = Site::on(Arc::new(disk.clone()), &[]).start().await;
    let (mut client, mut other) = (node.connect().await, node.connect().await);
    let topic = client.create_topic("t", 1, &[("flush.messages", "1")]).await;
    client.append(&topic, batch(&["durable"])).await;

    disk.fail_after(Call::Sync, 0);
    assert_eq!(produce_to(&mut client, &topic, 0).await, ErrorCode::KafkaStorageError);
    assert_eq!(produce_to(&mut client, &topic, 0).await, ErrorCode::KafkaStorageError);
    assert_eq!(fetch_from(&mut client, &topic, 0).await, ErrorCode::KafkaStorageError);
    other.assert_served().await;
    let last_words = node.node().failed().await.to_string();
    assert!(last_words.starts_with("all log directories have failed"), "{last_words}");
}

#[tokio::test]
async fn a_failed_directory_takes_only_its_own_partitions_offline() {
    let disk = SimDisk::new(4);
    let mut site = Site::on(Arc::new(disk.clone()), &[]);
    let dirs = ["a", "b"].map(|name| site.log_dir().join(name).display().to_string());
    site.set(&format!("log.dirs={}", dirs.join(",")));
    let node = site.start().await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 4, &[("flush.messages", "1")]).await;
    for partition in 0..4 {
        assert_eq!(produce_to(&mut client, &topic, partition).await, ErrorCode::None);
    }
    disk.fail_after(Call::Sync, 0);
    assert_eq!(produce_to(&mut client, &topic, 0).await, ErrorCode::KafkaStorageError);
    let mut offline = 0;
    for partition in 0..4 {
        let fetched = fetch_from(&mut client, &topic, partition).await;
        assert_eq!(produce_to(&mut client, &topic, partition).await, fetched);
        offline += i32::from(!fetched.is_none());
    }
    assert_eq!(offline, 2, "half of them were in the directory that failed");
}

#[tokio::test]
async fn with_flush_messages_1_what_was_acknowledged_survives_a_power_failure() {
    for acks in [1, -1] {
        let disk = SimDisk::new(5);
        let node = Site::on(Arc::new(disk.clone()), &[]).start().await;
        let mut client = node.connect().await;
        let topic = client.create_topic("t", 1, &[("flush.messages", "1")]).await;
        for value in ["a", "b", "c"] {
            let response = client.produce_at(13, acks, &topic, batch(&[value])).await;
            assert_eq!(response.error_code, ErrorCode::None);
        }
        disk.crash(Crash::Power);
        let mut site = node.kill().await;
        site.set_disk(Arc::new(disk.reopen()));
        let node = site.start().await;
        let read = node.connect().await.fetch(&topic, 0).await;
        let read: Vec<_> = values(read.records.as_ref()).into_iter().map(|(_, v)| v).collect();
        assert_eq!(read, ["a", "b", "c"], "acks={acks}");
    }
}

#[tokio::test]
async fn a_killed_node_has_kept_what_it_acknowledged() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for value in ["a", "b", "c"] {
        client.append(&topic, batch(&[value])).await;
    }
    let node = node.kill().await.start().await;
    let mut client = node.connect().await;
    let read = client.fetch(&topic, 0).await;
    let read: Vec<_> = values(read.records.as_ref()).into_iter().map(|(_, v)| v).collect();
    assert_eq!(read, ["a", "b", "c"]);
    assert_eq!(client.append(&topic, batch(&["d"])).await, Offset(3));
}

#[tokio::test]
async fn a_damaged_segment_is_never_served_and_others_are() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 2, &[]).await;
    for partition in 0..2 {
        assert_eq!(produce_to(&mut client, &topic, partition).await, ErrorCode::None);
    }
    let segment = files(&node.partition_dir("t", 0), ".log").remove(0);
    let site = node.stop().await;
    let mut bytes = std::fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 0x40;
    std::fs::write(&segment, bytes).unwrap();

    let node = site.start().await;
    let mut client = node.connect().await;
    let damaged = fetch_from(&mut client, &topic, 0).await;
    assert!(
        matches!(damaged, ErrorCode::CorruptMessage | ErrorCode::KafkaStorageError),
        "{damaged:?}"
    );
    assert_eq!(fetch_from(&mut client, &topic, 1).await, ErrorCode::None);
    assert_eq!(produce_to(&mut client, &topic, 1).await, ErrorCode::None);
    let start = client.list_offset(11, &topic, EARLIEST).await;
    assert_eq!(start.offset, Offset(0));
}
