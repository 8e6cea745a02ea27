//! `ottla config`.

use crate::{
    node::Node,
    session::{Session, assert_golden},
};

#[test]
fn a_topics_configuration_is_set_shown_and_unset() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic create orders")
        .run("config describe topic orders")
        .run("config set topic orders retention.ms=60000 cleanup.policy=compact,delete")
        .run("config describe topic orders")
        .run("config describe topic orders retention.ms -o json")
        .run("config set topic orders segment.ms=1000 --validate-only")
        .run("config unset topic orders retention.ms")
        .run("config describe topic orders")
        .run("config describe topic orders --all");
    assert_golden!(session, "a_topics_configuration_is_set_shown_and_unset");
}

#[test]
fn a_brokers_configuration_is_set_for_one_or_for_all() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("config set cluster log.retention.ms=86400000")
        .run("config set broker 1 log.retention.ms=3600000")
        .run("config describe cluster")
        .run("config describe broker 1 log.retention.ms")
        .run("config describe broker 1 log.retention.ms -o json")
        .run("config unset broker 1 log.retention.ms")
        .run("config describe broker 1 log.retention.ms")
        .run("config unset cluster log.retention.ms")
        .run("config describe cluster");
    assert_golden!(session, "a_brokers_configuration_is_set_for_one_or_for_all");
}

#[test]
fn kafkas_spelling_of_configurations_is_understood() {
    let node = Node::start();
    let mut session = Session::with(&node);
    let orders = "--entity-type topics --entity-name orders";
    session
        .run("topic create orders")
        .run(&format!(
            "config alter {orders} --add-config retention.ms=60000,cleanup.policy=[compact,delete]"
        ))
        .run(&format!("config describe {orders}"))
        .run(&format!("config alter {orders} --delete-config retention.ms,cleanup.policy"))
        .run(&format!("config describe {orders}"))
        .run("config describe --entity-type brokers --entity-default");
    assert_golden!(session, "kafkas_spelling_of_configurations_is_understood");
}

#[test]
fn a_refused_configuration_says_what_to_write() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic create orders")
        .run("config set topic orders retntion.ms=1")
        .run("config set topic orders log.retention.ms=1")
        .run("config set topic orders retention.ms=1h")
        .run("config set topic orders retention.ms")
        .run("config set topic orders")
        .run("config unset topic orders retntion.ms")
        .run("config describe topic orders retntion.ms")
        .run("config describe topic ordres")
        .run("config set broker 1 num.partitions=3")
        .run("config set broker 1 num.partition=3")
        .run("config set broker 7 log.retention.ms=1")
        .run("config describe broker 7")
        .run("config describe broker one")
        .run("config describe broker")
        .run("config describe user alice");
    assert_golden!(session, "a_refused_configuration_says_what_to_write");
}
