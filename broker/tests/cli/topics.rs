//! `ottla topic`.

use crate::{
    node::Node,
    session::{Session, assert_golden},
};

#[test]
fn a_topic_is_created_listed_described_and_deleted() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic list")
        .run("topic create orders --partitions 3 --config retention.ms=60000")
        .run("topic create returns refunds")
        .run("topic list")
        .run("topic list -o json")
        .run("topic describe orders")
        .run("topic describe orders -o json")
        .run("topic describe")
        .run("topic delete orders returns")
        .run("topic list");
    assert_golden!(session, "a_topic_is_created_listed_described_and_deleted");
}

#[test]
fn kafkas_flags_are_understood() {
    let node = Node::start();
    let mut session = Session::with(&node);
    let bootstrap = format!("--bootstrap-server {}", node.address());
    session
        .run(&format!(
            "topic create {bootstrap} --topic orders --partitions 2 --replication-factor 1 \
             --config cleanup.policy=compact"
        ))
        .run(&format!("topic create {bootstrap} --topic orders --if-not-exists"))
        .run(&format!("topic alter {bootstrap} --topic orders --partitions 4"))
        .run(&format!("topic alter {bootstrap} --topic orders --delete-config cleanup.policy"))
        .run(&format!("topic describe {bootstrap} --topic orders"))
        .run(&format!("topic delete {bootstrap} --topic orders"))
        .run(&format!("topic delete {bootstrap} --topic orders --if-exists"));
    assert_golden!(session, "kafkas_flags_are_understood");
}

#[test]
fn more_partitions_come_with_a_warning() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic create orders --partitions 3")
        .run("topic alter orders --partitions 5 --validate-only")
        .run("topic alter orders --partitions 5 --config segment.ms=1000")
        .run("topic describe orders")
        .run("topic alter orders --partitions 2")
        .run("topic alter orders --partitions 6 --config segment.ms=never")
        .run("topic alter orders")
        .run("topic describe orders");
    assert_golden!(session, "more_partitions_come_with_a_warning");
}

#[test]
fn a_refusal_says_what_to_write() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic describe orders")
        .run("topic create orders")
        .run("topic create orders")
        .run("topic describe ordres")
        .run("topic delete something-else")
        .run("topic alter ordres --partitions 3")
        .run("topic create 'no spaces'")
        .run("topic create returns --replication-factor 3")
        .run("topic create returns --partitions 0")
        .run("topic create returns --config retntion.ms=1")
        .run("topic create returns --config log.retention.ms=1")
        .run("topic create returns --config retention.ms=1h")
        .run("topic create returns --config cleanup.policy=burn")
        .run("topic create returns --config compression.type=rar")
        .run("topic create returns --config retention.ms")
        .run("topic create returns --partition 3")
        .run("topic creat returns")
        .run("topic create");
    assert_golden!(session, "a_refusal_says_what_to_write");
}

#[test]
fn of_several_topics_each_is_answered_for() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic create orders")
        .run("topic create orders returns refunds --partitions 2")
        .run("topic delete orders nowhere returns nothing")
        .run("topic list");
    assert_golden!(session, "of_several_topics_each_is_answered_for");
}

#[test]
fn what_was_done_is_told_in_json() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic create orders -o json")
        .run("topic create orders returns --if-not-exists -o json")
        .run("topic create orders refunds -o json")
        .run("topic alter orders --partitions 2 --config segment.ms=1000 -o json")
        .run("config set topic orders retention.ms=60000 -o json")
        .run("config unset topic orders segment.ms --validate-only -o json")
        .run("topic delete orders nowhere -o json")
        .run("topic delete returns nowhere --if-exists -o json");
    assert_golden!(session, "what_was_done_is_told_in_json");
}

#[test]
fn replicas_are_placed_where_they_are_told() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic create orders --replica-assignment 1,1,1")
        .run("topic describe orders")
        .run("topic create returns --replica-assignment 1:2")
        .run("topic create returns --replica-assignment 1:a")
        .run("topic create returns --replica-assignment 1 --partitions 1");
    assert_golden!(session, "replicas_are_placed_where_they_are_told");
}
