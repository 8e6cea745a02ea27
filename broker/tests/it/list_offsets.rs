//! ListOffsets over the wire: the ends by name, and the first record at or after a time.

use protocol::{
    ErrorCode, LeaderEpoch, Offset, Timestamp,
    api::list_offsets::{
        EARLIEST, EARLIEST_LOCAL, EARLIEST_PENDING_UPLOAD, LATEST, LATEST_TIERED, MAX_TIMESTAMP,
    },
    records::Compression,
};

use crate::{
    client::FIRST_EPOCH,
    node::TestNode,
    records::{batch, batch_at, compressed},
};

#[tokio::test]
async fn the_ends_are_found_at_every_version() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["a", "b", "c"])).await;
    for version in 1..=11 {
        for (sentinel, expected) in [(LATEST, 3), (EARLIEST, 0)] {
            let found = client.list_offset(version, &topic, sentinel).await;
            assert_eq!(found.error_code, ErrorCode::None);
            assert_eq!((found.offset, found.timestamp), (Offset(expected), Timestamp(-1)));
            let epoch = if version >= 4 { FIRST_EPOCH } else { LeaderEpoch(-1) };
            assert_eq!(found.leader_epoch, epoch, "{sentinel} at {version}");
        }
    }
    assert_eq!(client.list_offset(8, &topic, EARLIEST_LOCAL).await.offset, Offset(0));
    assert_eq!(client.list_offset(9, &topic, LATEST_TIERED).await.offset, Offset(-1));
    assert_eq!(client.list_offset(11, &topic, EARLIEST_PENDING_UPLOAD).await.offset, Offset(-1));
}

#[tokio::test]
async fn a_time_leads_to_the_first_record_at_or_after_it() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let base = 1_700_000_000_000;
    // Offset 2 is older than the one before it: the first one counts, not the closest.
    for (delta, value) in [(0, "a"), (200, "b"), (100, "c"), (300, "d")] {
        client.append(&topic, batch_at(Timestamp(base + delta), value)).await;
    }
    let cases = [(-5000, 0), (0, 0), (1, 1), (100, 1), (200, 1), (201, 3), (300, 3)];
    for version in 1..=11 {
        for (delta, expected) in cases {
            let found = client.list_offset(version, &topic, Timestamp(base + delta)).await;
            assert_eq!(found.offset, Offset(expected), "{delta} at {version}");
        }
        let none = client.list_offset(version, &topic, Timestamp(base + 301)).await;
        assert_eq!((none.error_code, none.offset), (ErrorCode::None, Offset(-1)));
        assert_eq!(none.timestamp, Timestamp(-1));
    }
    let found = client.list_offset(11, &topic, MAX_TIMESTAMP).await;
    assert_eq!((found.offset, found.timestamp), (Offset(3), Timestamp(base + 300)));
}

#[tokio::test]
async fn a_time_leads_into_compressed_batches() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for codec in Compression::ALL {
        client.append(&topic, compressed(&["a", "b"], codec)).await;
    }
    let found = client.list_offset(11, &topic, Timestamp(0)).await;
    assert_eq!(found.offset, Offset(0));
    assert_eq!(client.list_offset(11, &topic, MAX_TIMESTAMP).await.error_code, ErrorCode::None);
}

#[tokio::test]
async fn an_empty_log_has_ends_but_no_record() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for (sentinel, expected) in [(LATEST, 0), (EARLIEST, 0), (MAX_TIMESTAMP, -1)] {
        let found = client.list_offset(11, &topic, sentinel).await;
        assert_eq!((found.error_code, found.offset), (ErrorCode::None, Offset(expected)));
    }
    let found = client.list_offset(11, &topic, Timestamp(0)).await;
    assert_eq!((found.offset, found.timestamp), (Offset(-1), Timestamp(-1)));
}
