//! What becomes of a batch on its way through a topic, and when it is acknowledged.

use bytes::Bytes;
use protocol::{
    ErrorCode, LeaderEpoch, Offset, Timestamp,
    records::{Compression, TimestampType, set_base_offset, set_partition_leader_epoch},
};

use crate::{
    client::FIRST_EPOCH,
    node::TestNode,
    records::{batch, batch_at, compressed, headers, now, records, values},
};

#[tokio::test]
async fn a_batch_is_stored_as_it_was_sent_but_for_twelve_bytes() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let mut expected = Vec::new();
    for codec in Compression::ALL {
        let sent = compressed(&["one", "two", "three"], codec);
        let offset = client.append(&topic, sent.clone()).await;
        let mut patched = sent.to_vec();
        set_base_offset(&mut patched, offset);
        set_partition_leader_epoch(&mut patched, FIRST_EPOCH);
        expected.extend(patched);
    }
    let data = client.fetch(&topic, 0).await;
    assert_eq!(data.records.unwrap(), Bytes::from(expected));
}

#[tokio::test]
async fn under_log_append_time_records_have_the_brokers_time() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let configs = [("message.timestamp.type", "LogAppendTime")];
    let topic = client.create_topic("t", 1, &configs).await;
    let before = now();
    // The producer's own time is of no interest, however wrong.
    let response = client.produce(&topic, batch_at(Timestamp(5), "value")).await;
    assert_eq!(response.error_code, ErrorCode::None);
    assert!((before..=now()).contains(&response.log_append_time_ms));
    let data = client.fetch(&topic, 0).await;
    let header = headers(data.records.as_ref())[0];
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    let record = &records(data.records.as_ref())[0];
    assert_eq!(record.timestamp, response.log_append_time_ms);
}

#[tokio::test]
async fn a_topic_with_a_codec_stores_with_that_codec() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let targets = [
        ("gzip", Compression::Gzip),
        ("snappy", Compression::Snappy),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
        ("uncompressed", Compression::None),
    ];
    for (name, target) in targets {
        let topic = client.create_topic(name, 1, &[("compression.type", name)]).await;
        let mut expected = Vec::new();
        for codec in Compression::ALL {
            let offset = client.append(&topic, compressed(&["one", "two"], codec)).await;
            expected.push((offset, "one".to_owned()));
            expected.push((offset.plus(1), "two".to_owned()));
        }
        let data = client.fetch(&topic, 0).await;
        assert_eq!(values(data.records.as_ref()), expected);
        for header in headers(data.records.as_ref()) {
            assert_eq!(header.attributes.compression().unwrap(), target);
        }
    }
}

#[tokio::test]
async fn a_batch_that_has_the_topics_codec_already_is_left_alone() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("compression.type", "gzip")]).await;
    let sent = compressed(&["value"], Compression::Gzip);
    client.append(&topic, sent.clone()).await;
    let fetched = client.fetch(&topic, 0).await.records.unwrap();
    assert_eq!(fetched[17..], sent[17..], "from the checksum on");
}

/// A topic can't demand more replicas than it has: the effective minimum is the smaller of the two.
#[tokio::test]
async fn a_minimum_beyond_the_replication_factor_stops_nobody() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("min.insync.replicas", "2")]).await;
    assert_eq!(client.append(&topic, batch(&["value"])).await, Offset(0));
}

#[tokio::test]
async fn every_acks_keeps_the_record() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for (acks, value) in [(1, "one"), (-1, "all")] {
        let response = client.produce_at(13, acks, &topic, batch(&[value])).await;
        assert_eq!(response.error_code, ErrorCode::None);
    }
    let request = crate::client::produce_request(0, &topic, &[(0, batch(&["none"]))]);
    client.send(13, &request).await;
    let read = client.fetch(&topic, 0).await;
    let read: Vec<_> = values(read.records.as_ref()).into_iter().map(|(_, value)| value).collect();
    assert_eq!(read, ["one", "all", "none"]);
}

#[tokio::test]
async fn records_carry_the_epoch_of_the_leader_that_appended_them() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["first"])).await;
    let node = node.restart().await;
    let mut client = node.connect().await;
    client.append(&topic, batch(&["second"])).await;
    let data = client.fetch(&topic, 0).await;
    let epochs = headers(data.records.as_ref()).into_iter().map(|h| h.partition_leader_epoch);
    let epochs: Vec<LeaderEpoch> = epochs.collect();
    assert_eq!(epochs[0], FIRST_EPOCH);
    assert!(epochs[1] > epochs[0]);
}
