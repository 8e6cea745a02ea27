//! Batches that are none, or that the topic doesn't take: refused with Kafka's error, and the log is
//! as it was.

use bytes::Bytes;
use protocol::{
    ErrorCode, Offset, Timestamp,
    api::{list_offsets::LATEST, produce::ProduceRequest},
    records::{BatchOptions, Compression},
};

use crate::{
    client::{Client, Topic, produce_request},
    node::TestNode,
    records::{
        ATTRIBUTES, CRC, LAST_OFFSET_DELTA, LENGTH, MAGIC, RECORD_COUNT, batch, batch_at,
        batch_of_size, batch_with, batch_without_key, compressed, forge, now, overwrite, values,
    },
};

/// Produces each batch and expects its error, then that a good one still gets offset 0.
async fn assert_refused(client: &mut Client, topic: &Topic, cases: Vec<(&str, Bytes, ErrorCode)>) {
    for (what, batch, expected) in cases {
        let response = client.produce(topic, batch).await;
        assert_eq!(response.error_code, expected, "{what}: {:?}", response.error_message);
        assert_eq!(response.base_offset, Offset(-1), "{what}");
    }
    assert_eq!(client.list_offset(11, topic, LATEST).await.offset, Offset(0));
    assert_eq!(client.append(topic, batch(&["good"])).await, Offset(0));
}

#[tokio::test]
async fn a_malformed_batch_is_refused_and_leaves_no_trace() {
    let node = TestNode::start(&[]).await;
    let (mut client, mut other) = (node.connect().await, node.connect().await);
    let topic = client.create_topic("t", 1, &[]).await;
    let good = batch(&["one", "two"]);
    let twice = Bytes::from([&good[..], &good[..]].concat());
    let trailing = Bytes::from([&good[..], b"x"].concat());
    let last = good.len() - 1;
    let length = i32::try_from(good.len() - 12).unwrap();
    let with_length = |length: i32| overwrite(&good, LENGTH, &length.to_be_bytes());
    let with_counts = |count: i32| {
        let forged = forge(&good, RECORD_COUNT, &count.to_be_bytes());
        forge(&forged, LAST_OFFSET_DELTA, &(count - 1).to_be_bytes())
    };
    use ErrorCode::{CorruptMessage, InvalidRecord, InvalidTimestamp, UnsupportedCompressionType};
    let cases = vec![
        ("wrong checksum", overwrite(&good, CRC, &[0; 4]), CorruptMessage),
        ("damaged record", overwrite(&good, last, &[0x55]), CorruptMessage),
        ("count without offsets", forge(&good, RECORD_COUNT, &7_i32.to_be_bytes()), InvalidRecord),
        ("more than there are", with_counts(3), InvalidRecord),
        ("fewer than there are", with_counts(1), InvalidRecord),
        ("negative count", forge(&good, RECORD_COUNT, &(-1_i32).to_be_bytes()), InvalidRecord),
        ("length too large", with_length(length + 1), InvalidRecord),
        ("length too small", with_length(length - 1), InvalidRecord),
        ("length negative", with_length(-1), CorruptMessage),
        ("length below a header", with_length(10), CorruptMessage),
        ("trailing bytes", trailing, InvalidRecord),
        ("two batches", twice, InvalidRecord),
        ("no bytes", Bytes::new(), InvalidRecord),
        ("half a header", good.slice(..30), InvalidRecord),
        ("magic 0", overwrite(&good, MAGIC, &[0]), InvalidRecord),
        ("magic 1", overwrite(&good, MAGIC, &[1]), InvalidRecord),
        ("magic 3", overwrite(&good, MAGIC, &[3]), CorruptMessage),
        ("unknown codec", forge(&good, ATTRIBUTES, &[0, 5]), UnsupportedCompressionType),
        ("LogAppendTime", forge(&good, ATTRIBUTES, &[0, 0x08]), InvalidTimestamp),
        ("control batch", forge(&good, ATTRIBUTES, &[0, 0x20]), InvalidRecord),
        ("offset of its own", overwrite(&good, 0, &5_i64.to_be_bytes()), InvalidRecord),
        ("garbage", Bytes::from(vec![0xaa; 200]), CorruptMessage),
    ];
    assert_refused(&mut client, &topic, cases).await;
    other.assert_served().await;
}

#[tokio::test]
async fn a_request_without_records_is_refused() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let mut request = produce_request(1, &topic, &[(0, Bytes::new())]);
    request.topic_data[0].partition_data[0].records = None;
    let response = client.call(13, &request).await;
    let error = response.responses[0].partition_responses[0].error_code;
    assert_eq!(error, ErrorCode::InvalidRecord);
}

#[tokio::test]
async fn one_bad_batch_of_a_request_spoils_no_other() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 3, &[]).await;
    let bad = overwrite(&batch(&["bad"]), CRC, &[0; 4]);
    let batches = [(2, batch(&["two"])), (0, bad), (9, batch(&["nowhere"])), (1, batch(&["one"]))];
    let response = client.call(13, &produce_request(-1, &topic, &batches)).await;
    let partitions = &response.responses[0].partition_responses;
    let errors: Vec<_> = partitions.iter().map(|p| (p.index.0, p.error_code)).collect();
    let expected = [
        (2, ErrorCode::None),
        (0, ErrorCode::CorruptMessage),
        (9, ErrorCode::UnknownTopicOrPartition),
        (1, ErrorCode::None),
    ];
    assert_eq!(errors, expected);
    for (index, value) in [(2, "two"), (1, "one")] {
        let response = client.call(18, &crate::client::fetch_request(&topic, &[(index, 0)])).await;
        let data = crate::client::only_partition(response);
        assert_eq!(values(data.records.as_ref()), [(Offset(0), value.to_owned())]);
    }
}

#[tokio::test]
async fn a_compacted_topic_takes_only_what_it_can_read_and_has_keys() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("cleanup.policy", "compact")]).await;
    let mut cases = Vec::new();
    for codec in Compression::ALL {
        cases.push(("no key", batch_without_key(codec), ErrorCode::InvalidRecord));
    }
    // A codec in the header, and bytes that are nothing of the kind.
    for codec in 1..=4 {
        let lie = forge(&batch(&["plain"]), ATTRIBUTES, &[0, codec]);
        cases.push(("not compressed so", lie, ErrorCode::InvalidRecord));
    }
    assert_refused(&mut client, &topic, cases).await;
    for codec in Compression::ALL {
        client.append(&topic, compressed(&["value"], codec)).await;
    }
}

#[tokio::test]
async fn a_batch_larger_than_the_topic_allows_is_refused() {
    let node = TestNode::start(&["message.max.bytes=2000"]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("own-limit", 1, &[("max.message.bytes", "1000")]).await;
    let cases = vec![("too large", batch_of_size(1000), ErrorCode::MessageTooLarge)];
    assert_refused(&mut client, &topic, cases).await;
    let topic = client.create_topic("brokers-limit", 1, &[]).await;
    let cases = vec![("too large", batch_of_size(2000), ErrorCode::MessageTooLarge)];
    assert_refused(&mut client, &topic, cases).await;
    client.append(&topic, batch_of_size(1000)).await;
}

#[tokio::test]
async fn zstd_needs_produce_7_and_fetch_10() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let zstd = compressed(&["value"], Compression::Zstd);
    let early = client.produce_at(6, 1, &topic, zstd.clone()).await;
    assert_eq!(early.error_code, ErrorCode::UnsupportedCompressionType);
    assert_eq!(client.produce_at(7, 1, &topic, zstd).await.error_code, ErrorCode::None);
    let early = client.fetch_at(9, &topic, 0).await;
    assert_eq!(early.error_code, ErrorCode::UnsupportedCompressionType);
    assert!(early.records.unwrap().is_empty());
    let fetched = client.fetch_at(10, &topic, 0).await;
    assert_eq!(values(fetched.records.as_ref()), [(Offset(0), "value".to_owned())]);
}

#[tokio::test]
async fn a_timestamp_out_of_the_topics_range_is_refused() {
    const HOUR_MS: i64 = 3_600_000;
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let configs = [("message.timestamp.before.max.ms", "3600000")];
    let topic = client.create_topic("t", 1, &configs).await;
    let at = |ms| batch_at(Timestamp(now().0 + ms), "value");
    let cases = vec![
        ("two hours ago", at(-2 * HOUR_MS), ErrorCode::InvalidTimestamp),
        ("in two hours", at(2 * HOUR_MS), ErrorCode::InvalidTimestamp),
        ("long ago", batch_at(Timestamp(0), "value"), ErrorCode::InvalidTimestamp),
        ("never", batch_at(Timestamp(i64::MAX), "value"), ErrorCode::InvalidTimestamp),
    ];
    assert_refused(&mut client, &topic, cases).await;
    client.append(&topic, at(-HOUR_MS / 2)).await;
    client.append(&topic, batch_at(Timestamp(-1), "no timestamp")).await;
}

#[tokio::test]
async fn acks_other_than_0_1_and_all_are_refused() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for acks in [5, 2, -2, i16::MAX] {
        let response = client.produce_at(13, acks, &topic, batch(&["value"])).await;
        assert_eq!(response.error_code, ErrorCode::InvalidRequiredAcks);
    }
    assert_eq!(client.append(&topic, batch(&["value"])).await, Offset(0));
}

#[tokio::test]
async fn acks_0_is_answered_by_nothing_and_an_error_by_the_connections_end() {
    let node = TestNode::start(&[]).await;
    let (mut client, mut other) = (node.connect().await, node.connect().await);
    let topic = client.create_topic("t", 1, &[]).await;
    client.send(13, &produce_request(0, &topic, &[(0, batch(&["kept"]))])).await;
    // The next answer is the next request's: the first one had none.
    let fetched = client.fetch(&topic, 0).await;
    assert_eq!(values(fetched.records.as_ref()), [(Offset(0), "kept".to_owned())]);

    client.send(13, &produce_request(0, &Topic::unknown(), &[(0, batch(&["lost"]))])).await;
    assert!(client.is_closed().await);
    other.assert_served().await;
}

#[tokio::test]
async fn a_producer_id_without_a_sequence_is_refused() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let options = BatchOptions {
        producer_id: client.producer_id().await,
        producer_epoch: protocol::ProducerEpoch(0),
        ..BatchOptions::default()
    };
    let cases = vec![("no sequence", batch_with(&["v"], &options), ErrorCode::InvalidRecord)];
    assert_refused(&mut client, &topic, cases).await;
}

#[tokio::test]
async fn an_empty_produce_request_has_an_empty_answer() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let response = client.call(13, &ProduceRequest { acks: 1, ..ProduceRequest::default() }).await;
    assert!(response.responses.is_empty());
}
