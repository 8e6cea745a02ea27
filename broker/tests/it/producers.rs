//! Idempotent producers over the wire: what is sent again is stored once, in order, whatever
//! happened to the broker in between.

use protocol::{
    ErrorCode, Offset, ProducerId,
    records::{BatchOptions, Compression},
};

use crate::{
    client::{Client, Topic},
    node::TestNode,
    records::{batch_with, headers, sequenced},
};

async fn send(
    client: &mut Client,
    topic: &Topic,
    id: ProducerId,
    (epoch, sequence): (i16, i32),
) -> (ErrorCode, Offset) {
    let response = client.produce(topic, sequenced(id, epoch, sequence)).await;
    (response.error_code, response.base_offset)
}

fn at(offset: i64) -> (ErrorCode, Offset) {
    (ErrorCode::None, Offset(offset))
}

fn refused(error: ErrorCode) -> (ErrorCode, Offset) {
    (error, Offset(-1))
}

/// A node, a client, a topic, and a producer that has sent seven batches of one record.
async fn setting() -> (TestNode, Client, Topic, ProducerId) {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let id = client.producer_id().await;
    for sequence in 0..7 {
        assert_eq!(send(&mut client, &topic, id, (0, sequence)).await, at(sequence.into()));
    }
    (node, client, topic, id)
}

/// The last five are known; what came before them is out of order, and so is a gap.
async fn assert_window(client: &mut Client, topic: &Topic, id: ProducerId) {
    for sequence in 2..7 {
        assert_eq!(send(client, topic, id, (0, sequence)).await, at(sequence.into()));
    }
    for sequence in [0, 1, 8, 100] {
        let expected = refused(ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(send(client, topic, id, (0, sequence)).await, expected, "{sequence}");
    }
}

#[tokio::test]
async fn the_last_five_batches_are_known_and_a_gap_is_refused() {
    let (_node, mut client, topic, id) = setting().await;
    assert_window(&mut client, &topic, id).await;
    assert_eq!(send(&mut client, &topic, id, (0, 7)).await, at(7));
    let data = client.fetch(&topic, 0).await;
    let sequences = headers(data.records.as_ref()).into_iter().map(|h| h.base_sequence.0);
    assert_eq!(sequences.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// Found by a simulated clean restart: a batch of the window that was forgotten was taken for a gap,
/// and sent again under a new epoch.
#[tokio::test]
async fn what_is_known_of_producers_survives_a_clean_restart() {
    let (node, client, topic, id) = setting().await;
    drop(client);
    let node = node.restart().await;
    let mut client = node.connect().await;
    assert_window(&mut client, &topic, id).await;
    assert_eq!(send(&mut client, &topic, id, (0, 7)).await, at(7));
}

#[tokio::test]
async fn what_is_known_of_producers_survives_a_crash() {
    let (node, client, topic, id) = setting().await;
    drop(client);
    let node = node.kill().await.start().await;
    let mut client = node.connect().await;
    assert_window(&mut client, &topic, id).await;
    assert_eq!(send(&mut client, &topic, id, (0, 7)).await, at(7));
}

#[tokio::test]
async fn a_new_epoch_starts_at_0_and_fences_the_old_one() {
    let (_node, mut client, topic, id) = setting().await;
    let gap = refused(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(send(&mut client, &topic, id, (1, 5)).await, gap);
    assert_eq!(send(&mut client, &topic, id, (1, 0)).await, at(7));
    let fenced = refused(ErrorCode::InvalidProducerEpoch);
    assert_eq!(send(&mut client, &topic, id, (0, 7)).await, fenced);
    assert_eq!(send(&mut client, &topic, id, (1, 0)).await, at(7), "sent again");
    assert_eq!(send(&mut client, &topic, id, (1, 1)).await, at(8));
}

#[tokio::test]
async fn sequences_wrap_around() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let id = client.producer_id().await;
    // Of a producer that isn't known any more, any sequence is taken.
    assert_eq!(send(&mut client, &topic, id, (0, i32::MAX)).await, at(0));
    assert_eq!(send(&mut client, &topic, id, (0, 0)).await, at(1));
    assert_eq!(send(&mut client, &topic, id, (0, i32::MAX)).await, at(0), "sent again");
}

#[tokio::test]
async fn producers_do_not_disturb_each_other() {
    let (_node, mut client, topic, _) = setting().await;
    let other = client.producer_id().await;
    assert_eq!(send(&mut client, &topic, other, (0, 0)).await, at(7));
    assert_eq!(send(&mut client, &topic, other, (0, 1)).await, at(8));
}

#[tokio::test]
async fn a_recompressed_batch_is_still_its_producers() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[("compression.type", "lz4")]).await;
    let id = client.producer_id().await;
    let options = BatchOptions {
        compression: Compression::Gzip,
        producer_id: id,
        producer_epoch: protocol::ProducerEpoch(0),
        base_sequence: protocol::Sequence(0),
        ..BatchOptions::default()
    };
    let sent = batch_with(&["a", "b"], &options);
    for _ in 0..2 {
        assert_eq!(client.append(&topic, sent.clone()).await, Offset(0));
    }
    let data = client.fetch(&topic, 0).await;
    let headers = headers(data.records.as_ref());
    assert_eq!(headers.len(), 1);
    assert_eq!((headers[0].producer_id, headers[0].record_count), (id, 2));
}

#[tokio::test]
async fn idle_producers_are_forgotten() {
    let settings = ["producer.id.expiration.ms=1", "producer.id.expiration.check.interval.ms=20"];
    let node = TestNode::start(&settings).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let id = client.producer_id().await;
    assert_eq!(send(&mut client, &topic, id, (0, 0)).await, at(0));
    let forgotten = async {
        // A gap is taken once nothing is known any more.
        while send(&mut client, &topic, id, (0, 50)).await != at(1) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), forgotten).await.unwrap();
}
