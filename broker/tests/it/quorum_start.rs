//! A quorum of three begins: with whom, when, and what keeps it from it.

use std::time::Duration;

use broker::InitialControllers;
use protocol::{
    ErrorCode, TopicName,
    api::create_topics::{CreatableTopic, CreateTopicsRequest},
};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{CLUSTER, formatted, sites, start, three, until_brokers_are, voter},
    node::{Site, TestNode},
};

async fn create(node: &TestNode, name: &str) -> ErrorCode {
    let topic = CreatableTopic {
        name: TopicName::from(name),
        num_partitions: 1,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
    node.connect().await.call(7, &request).await.topics[0].error_code
}

/// The line with which a node ends that takes part in no quorum.
async fn refusal(site: Site) -> String {
    let line = site.refusal().await;
    assert!(!line.contains('\n'), "one line: {line}");
    line
}

#[tokio::test]
async fn three_nodes_that_know_addresses_only_make_one_cluster() {
    let nodes = three(&[]).await;
    for node in &nodes {
        assert_eq!(node.node().cluster_id(), CLUSTER);
        until_brokers_are(node, &[1, 2, 3]).await;
    }
    // Whoever is asked forwards to the active controller.
    for (node, name) in nodes.iter().zip(["a", "b", "c"]) {
        assert_eq!(create(node, name).await, ErrorCode::None);
    }
}

#[tokio::test]
async fn initial_controllers_are_known_at_once() {
    let mut sites: Vec<_> = (0..3).map(|_| Site::new(&[])).collect();
    let directories =
        ["MkU3OEVBNTcwNTJENDM2Qg", "u_ucTMKWRwGUGuWNYVmUTA", "1pfhjNyrTAK2R-JmGTCqxQ"];
    let list: Vec<_> = (1..)
        .zip(&sites)
        .zip(directories)
        .map(|((id, site), directory)| format!("{}:{directory}", voter(id, site)))
        .collect();
    let initial = InitialControllers::parse(&list.join(",")).unwrap();
    let servers: Vec<_> =
        sites.iter().map(|site| format!("127.0.0.1:{}", site.controller_port())).collect();
    for (id, site) in (1..).zip(&mut sites) {
        site.set(&format!("node.id={id}"));
        site.set(&format!("controller.quorum.bootstrap.servers={}", servers.join(",")));
        site.format(CLUSTER, &initial).unwrap();
    }
    // Two of three are enough, since nobody has to be asked.
    let third = sites.pop().unwrap();
    let mut nodes = start(sites).await;
    assert_eq!(create(&nodes[0], "early").await, ErrorCode::None);
    nodes.push(third.start().await);
    until_brokers_are(&nodes[2], &[1, 2, 3]).await;
}

#[tokio::test]
async fn a_voter_that_starts_late_is_waited_for() {
    let mut sites = formatted(&[]);
    let third = sites.pop().unwrap();
    let logs: Vec<_> = sites.iter().map(|site| site.log().clone()).collect();
    let early = tokio::spawn(start(sites));
    for log in logs {
        log.line(&["the quorum hasn't begun yet, and waits for controller 3"]).await;
    }
    assert!(!early.is_finished(), "two of three don't know who the third is");
    let third = third.start().await;
    let nodes = early.await.unwrap();
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    until_brokers_are(&third, &[1, 2, 3]).await;
}

#[tokio::test]
async fn controllers_and_brokers_may_be_apart() {
    let mut controllers = sites(&["process.roles=controller"]);
    for site in &mut controllers {
        let listener = format!("listeners=CONTROLLER://127.0.0.1:{}", site.controller_port());
        site.set(&listener);
    }
    let voters: Vec<_> = (1..).zip(&controllers).map(|(id, site)| voter(id, site)).collect();
    let broker_of = |id: i32| {
        let mut site = Site::new(&["process.roles=broker"]);
        site.set(&format!("node.id={id}"));
        site.set(&format!("controller.quorum.voters={}", voters.join(",")));
        site.set(&format!("listeners=PLAINTEXT://127.0.0.1:{}", site.broker_port()));
        site.format(CLUSTER, &InitialControllers::Configured).unwrap();
        site
    };
    let brokers: Vec<_> = [11, 12].map(broker_of).into();
    for site in &controllers {
        site.format(CLUSTER, &InitialControllers::Configured).unwrap();
    }
    let mut all = controllers;
    all.extend(brokers);
    let nodes = start(all).await;
    until_brokers_are(&nodes[3], &[11, 12]).await;
    assert_eq!(create(&nodes[4], "orders").await, ErrorCode::None);
}

#[tokio::test]
async fn the_same_configuration_restarts_whatever_was_killed() {
    let nodes = three(&[]).await;
    assert_eq!(create(&nodes[0], "orders").await, ErrorCode::None);
    let mut sites = Vec::new();
    for node in nodes {
        sites.push(node.kill().await);
    }
    let nodes = start(sites).await;
    until_brokers_are(&nodes[1], &[1, 2, 3]).await;
    assert_eq!(create(&nodes[2], "orders").await, ErrorCode::TopicAlreadyExists);
}

#[tokio::test]
async fn a_wiped_disk_is_no_voter() {
    let mut nodes = three(&[]).await;
    let wiped = nodes.pop().unwrap().kill().await;
    wiped.wipe();
    wiped.format(CLUSTER, &InitialControllers::Configured).unwrap();
    let line = refusal(wiped).await;
    let expected = "this node's directory isn't the voter that the quorum knows";
    assert!(line.starts_with(expected), "{line}");
    assert_eq!(create(&nodes[0], "orders").await, ErrorCode::None);
}

#[tokio::test]
async fn two_wiped_disks_elect_no_empty_cluster() {
    let mut sites = Vec::new();
    for node in three(&[]).await {
        sites.push(node.kill().await);
    }
    for site in &sites[1..] {
        site.wipe();
        site.format(CLUSTER, &InitialControllers::Configured).unwrap();
    }
    let mut sites = sites.into_iter();
    let remembers = tokio::spawn(sites.next().unwrap().try_start());
    for wiped in sites {
        let line = refusal(wiped).await;
        assert!(line.contains("isn't the voter that the quorum knows"), "{line}");
    }
    sleep(Duration::from_secs(1)).await;
    assert!(!remembers.is_finished(), "alone it's no quorum");
    remembers.abort();
}

#[tokio::test]
async fn an_unformatted_controller_does_not_start() {
    let site = sites(&[]).remove(0);
    let line = refusal(site).await;
    assert!(line.contains("is not formatted: run `ottla format --cluster-id ID"), "{line}");
}

#[tokio::test]
async fn a_voter_that_others_do_not_list_is_refused() {
    let nodes = three(&[]).await;
    let voters: Vec<_> = (1..3).zip(&nodes).map(|(id, node)| voter(id, node.site())).collect();
    let mut stranger = Site::new(&["node.id=4"]);
    let list = format!("{},{}", voters.join(","), voter(4, &stranger));
    stranger.set(&format!("controller.quorum.voters={list}"));
    stranger.format(CLUSTER, &InitialControllers::Configured).unwrap();
    let line = refusal(stranger).await;
    assert!(line.starts_with("node 4 is no voter of the quorum"), "{line}");
    assert_eq!(create(&nodes[0], "orders").await, ErrorCode::None);
}

#[tokio::test]
async fn voters_with_each_others_addresses_are_told_and_start_once_that_is_corrected() {
    let mut sites = formatted(&[]);
    let voters: Vec<_> = (1..).zip(&sites).map(|(id, site)| voter(id, site)).collect();
    let swapped = [voter(1, &sites[0]), voter(2, &sites[2]), voter(3, &sites[1])];
    sites[0].set(&format!("controller.quorum.voters={}", swapped.join(",")));
    let mut confused = sites.remove(0);
    let others = tokio::spawn(start(sites));
    let error;
    (confused, error) = confused.try_start().await.err().expect("the list is wrong");
    let line = error.to_string();
    let expected = [
        "controller 3 answers where controller.quorum.voters says that 2 is",
        "controller 2 answers where controller.quorum.voters says that 3 is",
    ];
    assert!(expected.iter().any(|expected| line.starts_with(expected)), "{line}");

    confused.set(&format!("controller.quorum.voters={}", voters.join(",")));
    let node = confused.start().await;
    let _others = others.await.unwrap();
    until_brokers_are(&node, &[1, 2, 3]).await;
}

#[tokio::test]
async fn controllers_of_two_clusters_make_no_quorum() {
    let sites = sites(&[]);
    let other = "u_ucTMKWRwGUGuWNYVmUTA";
    for (site, cluster) in sites.iter().zip([CLUSTER, CLUSTER, other]) {
        site.format(cluster, &InitialControllers::Configured).unwrap();
    }
    let mut starting = tokio::task::JoinSet::new();
    for site in sites {
        starting.spawn(site.try_start());
    }
    // The first that hears of another cluster ends; what the others wait for isn't there then.
    let Err((_, error)) = starting.join_next().await.unwrap().unwrap() else {
        panic!("there is no quorum")
    };
    assert!(error.to_string().contains("belongs to cluster"), "{error}");
    starting.shutdown().await;
}

#[tokio::test]
async fn a_controller_that_was_formatted_for_another_cluster_is_told_and_the_quorum_goes_on() {
    let mut nodes = three(&[]).await;
    let site = nodes.pop().unwrap().kill().await;
    site.wipe();
    site.format("u_ucTMKWRwGUGuWNYVmUTA", &InitialControllers::Configured).unwrap();
    let line = refusal(site).await;
    let expected = format!("belongs to cluster {CLUSTER}, and this node to u_ucTMKWRwGUGuWNYVmUTA");
    assert!(line.contains(&expected), "{line}");
    assert_eq!(create(&nodes[0], "orders").await, ErrorCode::None);
}

#[tokio::test]
async fn two_controllers_with_one_id_are_told() {
    let mut sites = formatted(&[]);
    let twin = Site::new(&["node.id=2"]);
    let mut twin = {
        let voters: Vec<_> = (1..).zip(&sites).map(|(id, site)| voter(id, site)).collect();
        let mut twin = twin;
        twin.set(&format!("controller.quorum.voters={}", voters.join(",")));
        twin
    };
    twin.set("initial.broker.registration.timeout.ms=5000");
    twin.format(CLUSTER, &InitialControllers::Configured).unwrap();
    // The third isn't there, so the quorum hasn't begun.
    let _third = sites.pop().unwrap();
    let second = tokio::spawn(sites.pop().unwrap().try_start());
    let line = refusal(twin).await;
    assert!(line.contains("two nodes have node.id=2"), "{line}");
    assert!(!second.is_finished());
    second.abort();
}

#[tokio::test]
async fn two_brokers_with_one_id_are_told() {
    let nodes = three(&[]).await;
    let voters: Vec<_> = (1..).zip(&nodes).map(|(id, node)| voter(id, node.site())).collect();
    let broker_of = |id: i32, cluster: &str| {
        let mut site = Site::new(&["process.roles=broker"]);
        site.set(&format!("node.id={id}"));
        site.set(&format!("controller.quorum.voters={}", voters.join(",")));
        site.set(&format!("listeners=PLAINTEXT://127.0.0.1:{}", site.broker_port()));
        site.set("initial.broker.registration.timeout.ms=1500");
        site.format(cluster, &InitialControllers::Configured).unwrap();
        site
    };
    let first = broker_of(11, CLUSTER).start().await;
    let began = Instant::now();
    let line = refusal(broker_of(11, CLUSTER)).await;
    assert!(line.contains("two nodes have node.id=11"), "{line}");
    assert!(began.elapsed() < Duration::from_secs(8));
    until_brokers_are(&first, &[1, 2, 3, 11]).await;
    assert_eq!(create(&first, "orders").await, ErrorCode::None);

    let line = refusal(broker_of(12, "u_ucTMKWRwGUGuWNYVmUTA")).await;
    assert!(line.contains("the controllers belong to another cluster than this node"), "{line}");
    assert_eq!(create(&first, "payments").await, ErrorCode::None);
}
