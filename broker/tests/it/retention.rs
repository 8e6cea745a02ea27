//! Logs grow by segments and lose the oldest: by size, by time, and never what readers may still
//! expect without being told.

use std::time::Duration;

use protocol::{
    ErrorCode, Offset, Timestamp,
    api::{
        describe_configs::RESOURCE_TOPIC,
        incremental_alter_configs::SET,
        list_offsets::{EARLIEST, LATEST},
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, Topic},
    node::{TestNode, files},
    records::{batch_at, batch_of_size, now},
};

const SETTINGS: &[&str] = &["log.retention.check.interval.ms=50"];

/// The smallest that Kafka allows.
const SEGMENT_BYTES: &str = "1048576";

/// More than half of a segment.
const BATCH_BYTES: usize = 700_000;

/// Waits until the log starts behind an offset. Returns where.
async fn until_start_is_behind(client: &mut Client, topic: &Topic, offset: i64) -> Offset {
    let moved = async {
        loop {
            let start = client.list_offset(11, topic, EARLIEST).await.offset;
            if start > Offset(offset) {
                return start;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), moved).await.unwrap()
}

#[tokio::test]
async fn a_log_rolls_by_size_and_is_read_across_its_segments() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("segment.bytes", SEGMENT_BYTES)]).await;
    for _ in 0..3 {
        client.append(&topic, batch_of_size(BATCH_BYTES)).await;
    }
    let segments = files(&node.partition_dir("t", 0), ".log");
    let names: Vec<_> =
        segments.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    let expected =
        ["00000000000000000000.log", "00000000000000000001.log", "00000000000000000002.log"];
    assert_eq!(names, expected, "Kafka's names");
    for offset in 0..3 {
        let data = client.fetch(&topic, offset).await;
        let first = crate::records::headers(data.records.as_ref())[0];
        assert_eq!(first.base_offset, Offset(offset));
    }
}

#[tokio::test]
async fn retention_by_size_drops_the_oldest_segments() {
    let node = TestNode::start(SETTINGS).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("segment.bytes", SEGMENT_BYTES)]).await;
    for _ in 0..4 {
        client.append(&topic, batch_of_size(BATCH_BYTES)).await;
    }
    sleep(Duration::from_millis(150)).await;
    assert_eq!(client.list_offset(11, &topic, EARLIEST).await.offset, Offset(0));

    let change = ("retention.bytes", SET, Some("1500000"));
    let changed = crate::configs::alter(&mut client, 1, RESOURCE_TOPIC, "t", change).await;
    assert_eq!(changed, ErrorCode::None);
    let start = until_start_is_behind(&mut client, &topic, 0).await;
    assert_eq!(start, Offset(1), "dropping another one would leave less than is to be retained");
    let gone = client.fetch(&topic, 0).await;
    assert_eq!(gone.error_code, ErrorCode::OffsetOutOfRange);
    let there = client.fetch(&topic, 1).await;
    assert_eq!((there.error_code, there.log_start_offset), (ErrorCode::None, start));
    assert_eq!(client.list_offset(11, &topic, LATEST).await.offset, Offset(4));
    let response = client.produce(&topic, batch_of_size(10)).await;
    assert_eq!(response.log_start_offset, start);

    let node = node.restart().await;
    let mut client = node.connect().await;
    assert!(client.list_offset(11, &topic, EARLIEST).await.offset >= start);
}

#[tokio::test]
async fn retention_by_time_drops_even_the_last_segment_and_offsets_go_on() {
    let node = TestNode::start(SETTINGS).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("retention.ms", "3600000")]).await;
    let two_hours_ago = Timestamp(now().0 - 2 * 3_600_000);
    client.append(&topic, batch_at(two_hours_ago, "old")).await;
    assert_eq!(until_start_is_behind(&mut client, &topic, 0).await, Offset(1));
    assert_eq!(client.append(&topic, batch_at(now(), "new")).await, Offset(1));
    sleep(Duration::from_millis(150)).await;
    assert_eq!(client.list_offset(11, &topic, EARLIEST).await.offset, Offset(1));

    let node = node.kill().await.start().await;
    let mut client = node.connect().await;
    assert_eq!(client.append(&topic, batch_at(now(), "newer")).await, Offset(2));
}

#[tokio::test]
async fn dropped_segments_leave_the_disk() {
    let node = TestNode::start(SETTINGS).await;
    let mut client = node.connect().await;
    let configs =
        [("segment.bytes", SEGMENT_BYTES), ("retention.bytes", "1"), ("file.delete.delay.ms", "0")];
    let topic = client.create_topic("t", 1, &configs).await;
    for _ in 0..4 {
        client.append(&topic, batch_of_size(BATCH_BYTES)).await;
    }
    until_start_is_behind(&mut client, &topic, 2).await;
    let gone = async {
        while files(&node.partition_dir("t", 0), "").iter().any(|path| {
            path.file_name().unwrap().to_str().unwrap().starts_with("00000000000000000000")
        }) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.unwrap();
}
