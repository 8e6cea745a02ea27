//! A broker that some of the cluster doesn't reach: it's left out where it's missed, and the others
//! go on.

use std::time::Duration;

use protocol::ErrorCode;

use crate::{
    client::Topic,
    cluster::{
        self, active_controller, create_on, leader_and_isr, produce, produce_until_acknowledged,
        read, until, until_brokers_are, until_isr_is, until_led_by_another,
    },
    links::Links,
    node::TestNode,
};

/// How long a produce waits that nobody should acknowledge.
const SHORTLY: Duration = Duration::from_secs(1);

/// Who doesn't answer is given up sooner than by default.
const SETTINGS: [&str; 3] = [
    "replica.lag.time.max.ms=3000",
    "replica.socket.timeout.ms=2000",
    "socket.connection.setup.timeout.ms=2000",
];

/// Three nodes and their links.
async fn three_linked() -> (Vec<TestNode>, Links) {
    let links = Links::default();
    let mut sites = cluster::formatted(&SETTINGS);
    for (id, site) in (1..).zip(&mut sites) {
        let net = links.of(id);
        site.set_doors(move |doors| doors.net = net.clone());
    }
    let nodes = cluster::start(sites).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    (nodes, links)
}

/// Two partitions of three replicas, led by brokers 1 and 3, of which two have to be in sync.
async fn two_partitions(nodes: &[TestNode]) -> Topic {
    let replicas: [&[i32]; 2] = [&[1, 2, 3], &[3, 1, 2]];
    let topic = create_on(&nodes[0], "t", &replicas, &[("min.insync.replicas", "2")]).await;
    produce_until_acknowledged(&nodes[0], &topic, 0, "before").await;
    produce_until_acknowledged(&nodes[2], &topic, 1, "before").await;
    topic
}

/// All three serve as if nothing had been.
async fn assert_healed(nodes: &[TestNode], topic: &Topic) {
    for index in 0..2 {
        until_isr_is(&nodes[1], topic, index, &[1, 2, 3]).await;
        let leader = until("somebody leads", async || {
            let (leader, _) = leader_and_isr(&nodes[1], topic, index).await?;
            usize::try_from(leader - 1).ok()
        });
        let leader = &nodes[leader.await];
        produce_until_acknowledged(leader, topic, index, "healed").await;
        let values = read(leader, topic, index).await;
        assert_eq!(values.first().map(String::as_str), Some("before"));
        assert_eq!(values.last().map(String::as_str), Some("healed"));
    }
}

#[tokio::test]
async fn a_broker_without_its_peers_is_left_out_and_acknowledges_nothing_alone() {
    let (nodes, links) = three_linked().await;
    let topic = two_partitions(&nodes).await;
    let lonely = &nodes[2];
    for (id, peer) in [(1, &nodes[0]), (2, &nodes[1])] {
        links.cut(3, peer.site().broker_port());
        links.cut(id, lonely.site().broker_port());
    }

    // What it doesn't fetch is missed as soon as there is something: it's dropped from where it
    // follows, and what the others lead goes on.
    produce_until_acknowledged(&nodes[0], &topic, 0, "without 3").await;
    until_isr_is(&nodes[0], &topic, 0, &[1, 2]).await;
    // Nobody follows it, so it waits in vain; and alone, as it hears from the controllers, it's too
    // few.
    let waits_in_vain = produce(lonely, &topic, 1, "unanswered", SHORTLY).await;
    assert_eq!(waits_in_vain.error_code, ErrorCode::RequestTimedOut);
    until_isr_is(lonely, &topic, 1, &[3]).await;
    for _ in 0..3 {
        let answer = produce(lonely, &topic, 1, "alone", SHORTLY).await;
        assert_eq!(answer.error_code, ErrorCode::NotEnoughReplicas);
    }
    // The controllers hear of it, so it stays what it is.
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    assert_eq!(leader_and_isr(&nodes[0], &topic, 1).await, Some((3, vec![3])));
    nodes.iter().for_each(|node| node.log().assert_nobody_was_fenced());
    // Its operator and theirs are told whom they miss.
    let own = format!("127.0.0.1:{}", nodes[0].site().broker_port());
    lonely.log().line(&["WARN", "fetching failed", "leader=1", &own]).await;
    let theirs = format!("127.0.0.1:{}", lonely.site().broker_port());
    nodes[0].log().line(&["WARN", "fetching failed", "leader=3", &theirs]).await;

    links.mend_all();
    assert_healed(&nodes, &topic).await;
    let alone = read(lonely, &topic, 1).await;
    assert!(!alone.contains(&"alone".to_owned()), "refused, and there all the same: {alone:?}");
}

#[tokio::test]
async fn a_broker_without_the_controllers_is_fenced_and_a_zombie_acknowledges_nothing() {
    let (nodes, links) = three_linked().await;
    let topic = two_partitions(&nodes).await;
    let zombie = &nodes[2];
    for (id, other) in [(1, &nodes[0]), (2, &nodes[1])] {
        links.cut(3, other.site().controller_port());
        links.cut(id, zombie.site().controller_port());
    }

    let leader = until_led_by_another(&nodes[0], &topic, 1, 3).await;
    until_brokers_are(&nodes[0], &[1, 2]).await;
    let active = usize::try_from(active_controller(&nodes[0]).await).unwrap();
    nodes[active - 1].log().line(&["broker is silent, and fenced", "broker=3"]).await;
    zombie.log().line(&["WARN", "heartbeat not answered"]).await;

    // It doesn't know, and nobody follows it any more.
    assert_eq!(leader_and_isr(zombie, &topic, 1).await, Some((3, vec![1, 2, 3])));
    for _ in 0..3 {
        let answer = produce(zombie, &topic, 1, "zombie", SHORTLY).await;
        assert_eq!(answer.error_code, ErrorCode::RequestTimedOut);
    }
    let leader = &nodes[usize::try_from(leader).unwrap() - 1];
    produce_until_acknowledged(leader, &topic, 1, "without 3").await;
    produce_until_acknowledged(&nodes[0], &topic, 0, "without 3").await;

    links.mend_all();
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    assert_healed(&nodes, &topic).await;
    let values = read(leader, &topic, 1).await;
    assert!(values.contains(&"without 3".to_owned()), "{values:?}");
    assert!(!values.contains(&"zombie".to_owned()), "{values:?}");
}
