//! A node that sends its clients where they don't find it says so when it starts.

use std::net::TcpListener;

use crate::{
    node::Node,
    session::{Session, assert_golden},
};

/// What the warning begins with.
const KEY: &str = "advertised.listeners=PLAINTEXT://";

fn advertising(address: &str) -> String {
    format!("advertised.listeners=PLAINTEXT://{address}")
}

#[test]
fn a_port_on_which_nobody_listens_is_explained() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let node = Node::start_with(&[&advertising(&address)]);
    let line = node.logs(&["WARN", KEY]);
    assert!(line.contains(&format!("{KEY}{address} ")), "{line}");
    assert!(line.contains("nobody listens there"), "{line}");
    assert!(line.contains("To mend it: write the address at which clients reach"), "{line}");
}

#[test]
fn a_name_that_nobody_knows_is_explained() {
    // RFC 2606: a name that never resolves.
    let node = Node::start_with(&[&advertising("kafka.invalid:9092")]);
    let line = node.logs(&["WARN", KEY]);
    assert!(line.contains("kafka.invalid:9092"), "{line}");
    assert!(line.contains("its host name can't be resolved"), "{line}");
}

#[test]
fn another_nodes_address_is_explained() {
    let other = Node::start();
    let node = Node::start_with(&[&advertising(other.address())]);
    let line = node.logs(&["WARN", KEY]);
    assert!(line.contains("a node of another cluster answers there"), "{line}");
}

#[test]
fn what_is_no_broker_at_the_address_is_explained() {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = web.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = web.accept().unwrap();
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let node = Node::start_with(&[&advertising(&address)]);
    let line = node.logs(&["WARN", KEY]);
    assert!(line.contains("what answers there is no broker"), "{line}");
    server.join().unwrap();
}

#[test]
fn a_node_that_clients_find_warns_of_nothing() {
    let node = Node::start_with(&["advertised.listeners=PLAINTEXT://localhost:0"]);
    let mut session = Session::with(&node);
    // By now the check has had its time: this is the same way.
    session.run("topic create orders").run("topic list");
    assert!(!node.log().contains("WARN"), "{}", node.log());
    assert_golden!(session, "a_node_that_clients_find_warns_of_nothing");
}
