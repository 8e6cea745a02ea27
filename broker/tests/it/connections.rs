//! Connections come and go: how many there may be, how long they may be silent, and how they end
//! with the node.

use std::time::Duration;

use protocol::{
    CorrelationId,
    api::{fetch::FetchRequest, metadata::MetadataRequest},
};
use tokio::time::Instant;

use crate::{
    client::{encode, fetch_request, frame, only_partition},
    node::TestNode,
};

#[tokio::test]
async fn one_address_has_no_more_connections_than_it_may() {
    // The controller's listener counts its own.
    let node = TestNode::start(&["max.connections.per.ip=2"]).await;
    let (mut first, mut second) = (node.connect().await, node.connect().await);
    first.assert_served().await;
    second.assert_served().await;
    assert!(node.connect().await.is_closed().await);
    first.assert_served().await;
    drop(second);
    // Its end is noticed soon, and not at once.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut third = node.connect().await;
        third.send_bytes(&frame(&encode(13, CorrelationId(1), &MetadataRequest::default()))).await;
        if third.receive_frame().await.is_some() {
            break;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn beyond_the_limit_of_all_connections_new_ones_wait() {
    let node = TestNode::start(&["max.connections=2"]).await;
    let (mut first, mut second) = (node.connect().await, node.connect().await);
    first.assert_served().await;
    second.assert_served().await;
    let mut third = node.connect().await;
    let id = third.send(13, &MetadataRequest::default()).await;
    assert!(third.is_silent_for(Duration::from_millis(60)).await);
    drop(first);
    third.receive::<MetadataRequest>(13, id).await;
    second.assert_served().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_a_waiting_one_is_not() {
    let node = TestNode::start(&["connections.max.idle.ms=400"]).await;
    let mut admin = node.connect().await;
    let topic = admin.create_topic("t", 1, &[]).await;
    let mut waits = node.connect().await;
    let request =
        FetchRequest { max_wait_ms: 1200, min_bytes: 1, ..fetch_request(&topic, &[(0, 0)]) };
    let id = waits.send(18, &request).await;
    assert!(admin.is_closed().await);
    only_partition(waits.receive::<FetchRequest>(18, id).await);
}

#[tokio::test]
async fn a_node_that_stops_answers_who_waits_and_ends_soon() {
    let node = TestNode::start(&[]).await;
    let (mut silent, mut waits) = (node.connect().await, node.connect().await);
    let topic = waits.create_topic("t", 1, &[]).await;
    silent.assert_served().await;
    let request =
        FetchRequest { max_wait_ms: 15_000, min_bytes: 1, ..fetch_request(&topic, &[(0, 0)]) };
    let id = waits.send(18, &request).await;
    assert!(waits.is_silent_for(Duration::from_millis(60)).await);
    let begun = Instant::now();
    node.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    only_partition(waits.receive::<FetchRequest>(18, id).await);
    assert!(waits.is_closed().await);
    assert!(silent.is_closed().await);
}
