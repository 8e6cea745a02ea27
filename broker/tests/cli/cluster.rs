//! `ottla cluster`, and clusters that aren't there.

use std::net::TcpListener;

use crate::{
    node::Node,
    session::{Session, assert_golden},
};

#[test]
fn the_cluster_shows_its_brokers() {
    let node = Node::start_with(&["broker.rack=north"]);
    let mut session = Session::with(&node);
    session.run("cluster").run("cluster -o json");
    assert_golden!(session, "the_cluster_shows_its_brokers");
}

#[test]
fn the_quorum_shows_its_leader_and_voters() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session.replace(&node.controller_address(), "127.0.0.1:19093");
    session.run("cluster quorum").run("cluster quorum -o json");
    assert_golden!(session, "the_quorum_shows_its_leader_and_voters");
}

#[test]
fn the_status_shows_what_is_wrong_and_the_events_what_happened() {
    let node = Node::start_with(&["broker.rack=north"]);
    let mut session = Session::with(&node);
    session
        .run("topic create orders --partitions 2")
        .run("cluster status")
        .run("cluster status -o json")
        .run("cluster events")
        .run("cluster events --limit 1")
        .run("cluster events -o json")
        .run("cluster events --limit 0")
        .run("cluster status --limit many");
    assert_golden!(session, "the_status_shows_what_is_wrong_and_the_events_what_happened");
}

#[test]
fn a_cluster_that_is_not_there_is_explained() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let mut session = Session::at(&address);
    session
        .run("cluster --timeout 0")
        .run("topic list --timeout 0 --bootstrap localhost:port")
        .run("topic list --timeout 0 --bootstrap ''");
    assert_golden!(session, "a_cluster_that_is_not_there_is_explained");
}

#[test]
fn what_is_no_broker_is_explained() {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = web.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = web.accept().unwrap();
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let mut session = Session::at(&address);
    session.run("topic list --timeout 0");
    server.join().unwrap();
    assert_golden!(session, "what_is_no_broker_is_explained");
}
