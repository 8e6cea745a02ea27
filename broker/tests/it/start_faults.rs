//! What keeps a node from starting: one line for its operator, and nobody else is disturbed.

use std::net::TcpListener;

use crate::node::{Site, TestNode};

async fn refusal(site: Site) -> String {
    let line = site.refusal().await;
    assert!(!line.contains('\n'), "one line: {line}");
    line
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_listener() {
    let site = Site::new(&[]);
    let port = site.broker_port();
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let line = refusal(site).await;
    let expected = format!("cannot listen on 127.0.0.1:{port} for listener PLAINTEXT");
    assert!(line.starts_with(&expected), "{line}");
    assert!(line.contains("another process listens there"), "{line}");

    let site = Site::new(&[]);
    let _taken = TcpListener::bind(("127.0.0.1", site.controller_port())).unwrap();
    let line = refusal(site).await;
    assert!(line.contains("for listener CONTROLLER"), "{line}");
}

#[tokio::test]
async fn a_port_that_was_in_use_is_no_obstacle_later() {
    let site = Site::new(&[]);
    let taken = TcpListener::bind(("127.0.0.1", site.broker_port())).unwrap();
    let Err((site, _)) = site.try_start().await else { panic!("the port is taken") };
    drop(taken);
    site.start().await.connect().await.assert_served().await;
}

#[tokio::test]
async fn a_directory_of_another_node_is_refused() {
    let mut site = TestNode::start(&[]).await.stop().await;
    site.set("node.id=7");
    let path = site.log_dir();
    let line = refusal(site).await;
    assert!(line.contains(&path.display().to_string()), "{line}");
    assert!(line.contains("belongs to node 1, but node.id is 7"), "{line}");
}

#[tokio::test]
async fn a_directory_of_another_cluster_is_refused() {
    let foreign = TestNode::start(&[]).await.stop().await;
    let mut site = TestNode::start(&[]).await.stop().await;
    let dirs = [site.log_dir(), foreign.log_dir()].map(|dir| dir.display().to_string());
    site.set(&format!("log.dirs={}", dirs.join(",")));
    let line = refusal(site).await;
    assert!(line.contains("belongs to cluster"), "{line}");
}

#[tokio::test]
async fn a_store_of_another_cluster_is_refused() {
    let foreign = TestNode::start(&[]).await.stop().await;
    let mut site = TestNode::start(&[]).await.stop().await;
    site.set(&format!("metadata.log.dir={}", foreign.metadata_dir().display()));
    let line = refusal(site).await;
    assert!(line.contains("cluster"), "{line}");
}

#[tokio::test]
async fn a_broker_of_a_larger_cluster_does_not_format_itself() {
    let mut site = Site::new(&[
        "process.roles=broker",
        "node.id=2",
        "controller.quorum.bootstrap.servers=127.0.0.1:1",
    ]);
    site.set(&format!("listeners=PLAINTEXT://127.0.0.1:{}", site.broker_port()));
    let line = refusal(site).await;
    assert!(line.contains("is not formatted: run `ottla format --cluster-id ID"), "{line}");
}

#[tokio::test]
async fn a_directory_that_is_a_file_is_refused() {
    let site = Site::new(&[]);
    std::fs::write(site.log_dir(), "not a directory").unwrap();
    let path = site.log_dir();
    let line = refusal(site).await;
    assert!(line.contains(&path.display().to_string()), "{line}");
}

#[tokio::test]
async fn properties_that_say_nothing_are_refused() {
    let site = TestNode::start(&[]).await.stop().await;
    let path = site.log_dir().join("meta.properties");
    std::fs::write(&path, "version=1\nnode.id=one\n").unwrap();
    let line = refusal(site).await;
    assert!(line.contains(&path.display().to_string()), "{line}");
}

#[tokio::test]
async fn a_directory_in_use_is_refused_and_its_user_goes_on() {
    let first = TestNode::start(&[]).await;
    let mut client = first.connect().await;
    let mut second = Site::new(&[]);
    let (data, metadata) = (first.site().log_dir(), first.site().metadata_dir());
    second.set(&format!("log.dirs={}", data.display()));
    second.set(&format!("metadata.log.dir={}", metadata.display()));
    let line = refusal(second).await;
    assert!(line.contains("in use by another process"), "{line}");
    client.assert_served().await;
}
