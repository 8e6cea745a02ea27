//! The files of a log as somebody else reads them: an independent decoder over the bytes of the
//! `.log` files.

use bytes::{Buf, Bytes};
use kafka_protocol::records::{Compression as TheirCompression, RecordBatchDecoder};
use protocol::{ErrorCode, records::Compression};

use crate::{
    node::{TestNode, files},
    records::{batch_of_size, compressed},
};

/// The smallest that Kafka allows.
const SEGMENT_BYTES: &str = "1048576";

#[tokio::test]
async fn an_independent_decoder_reads_every_record_of_every_segment() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("orders", 1, &[("segment.bytes", SEGMENT_BYTES)]).await;
    let mut sent = Vec::new();
    for round in 0..3 {
        for codec in Compression::ALL {
            let values = [format!("{codec} {round} a"), format!("{codec} {round} b")];
            let batch = compressed(&[&values[0], &values[1]], codec);
            let answer = client.produce_at(13, -1, &topic, batch).await;
            assert_eq!(answer.error_code, ErrorCode::None);
            sent.extend(values.map(Bytes::from));
        }
        let answer = client.produce_at(13, -1, &topic, batch_of_size(600_000)).await;
        assert_eq!(answer.error_code, ErrorCode::None);
        sent.push(Bytes::from("x".repeat(600_000)));
    }
    let directory = node.partition_dir("orders", 0);
    let _site = node.stop().await;

    let logs = files(&directory, ".log");
    assert!(logs.len() > 1, "the log has rolled: {logs:?}");
    let mut found = Vec::new();
    let mut codecs = std::collections::BTreeSet::new();
    for log in logs {
        let mut bytes = Bytes::from(std::fs::read(log).unwrap());
        while bytes.has_remaining() {
            let set = RecordBatchDecoder::decode(&mut bytes).unwrap();
            codecs.insert(name(set.compression));
            found.extend(set.records.into_iter().map(|record| (record.offset, record.value)));
        }
    }
    let expected = (0..).zip(sent.into_iter().map(Some));
    assert!(found.into_iter().eq(expected), "every value, in the order of its offset");
    assert_eq!(codecs.len(), 5, "every codec is stored: {codecs:?}");
}

fn name(codec: TheirCompression) -> &'static str {
    match codec {
        TheirCompression::None => "none",
        TheirCompression::Gzip => "gzip",
        TheirCompression::Snappy => "snappy",
        TheirCompression::Lz4 => "lz4",
        TheirCompression::Zstd => "zstd",
    }
}
