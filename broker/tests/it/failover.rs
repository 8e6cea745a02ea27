//! Nodes of a cluster die, stop and come back: who notices, and how soon.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::{three, until_brokers_are};

/// Less than the session of a broker: whoever is fenced sooner was probed.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_killed_broker_is_fenced_at_once() {
    let mut nodes = three(&[]).await;
    for node in &nodes {
        until_brokers_are(node, &[1, 2, 3]).await;
    }
    // Each in its turn, so that the active controller is once among them.
    for victim in 0..3 {
        let site = nodes.remove(victim).kill().await;
        let id = i32::try_from(victim).unwrap() + 1;
        let rest: Vec<_> = (1..=3).filter(|other| *other != id).collect();
        for node in &nodes {
            let took = until_brokers_are(node, &rest).await;
            assert!(took < SOON, "fenced after {took:?}");
        }
        nodes.insert(victim, site.start().await);
        for node in &nodes {
            until_brokers_are(node, &[1, 2, 3]).await;
        }
    }
}

#[tokio::test]
async fn a_node_that_stops_in_good_order_is_fenced_before_it_is_gone() {
    let mut nodes = three(&[]).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let began = Instant::now();
    let site = nodes.pop().unwrap().stop().await;
    assert!(began.elapsed() < SOON, "it had nothing to wait for");
    until_brokers_are(&nodes[0], &[1, 2]).await;
    nodes.push(site.start().await);
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
}
