//! Exit codes and colours: what scripts depend on.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::node::{Node, ottla};

fn code(node: &Node, words: &[&str]) -> Option<i32> {
    let mut command = ottla();
    command.args(words).env("OTTLA_BOOTSTRAP", node.address());
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code()
}

#[test]
fn an_exit_code_says_whose_fault_it_was() {
    let node = Node::start();
    assert_eq!(code(&node, &["topic", "create", "orders"]), Some(0));
    // The cluster refuses.
    assert_eq!(code(&node, &["topic", "create", "orders"]), Some(1));
    // Nobody is there.
    let nobody = ["cluster", "--bootstrap", "127.0.0.1:1", "--timeout", "0"];
    assert_eq!(code(&node, &nobody), Some(1));
    // The caller has to write something else.
    assert_eq!(code(&node, &["topic"]), Some(2));
    assert_eq!(code(&node, &["topic", "create", "t", "--config", "retention.ms=x"]), Some(2));
    assert_eq!(code(&node, &["start", "--set", "num.partitions=x"]), Some(2));
    // What is named doesn't exist.
    assert_eq!(code(&node, &["topic", "describe", "returns"]), Some(3));
    assert_eq!(code(&node, &["config", "describe", "topic", "orders", "x.y"]), Some(3));
}

#[test]
fn a_command_that_waits_is_interrupted() {
    // It accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut child =
        ottla().args(["cluster", "--bootstrap", &address]).stderr(Stdio::null()).spawn().unwrap();
    // Once it's connected, it listens to signals.
    let _connection = silent.accept().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    let output = ottla().args(["topic", "creat"]).output().unwrap();
    assert!(!output.stderr.contains(&b'\x1b'));
    let nobody = ["cluster", "--bootstrap", "127.0.0.1:1", "--timeout", "0"];
    let output = ottla().args(nobody).output().unwrap();
    assert!(!output.stderr.contains(&b'\x1b'));
    // Whoever insists gets colours, unless NO_COLOR says otherwise.
    let forced = |name: &str| {
        let mut command = ottla();
        command.args(nobody).env("CLICOLOR_FORCE", "1").env(name, "1");
        command.output().unwrap().stderr.contains(&b'\x1b')
    };
    assert!(forced("IRRELEVANT"));
    assert!(!forced("NO_COLOR"));
}
