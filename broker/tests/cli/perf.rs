//! `ottla perf`. What it measures differs from run to run; the golden files have the rest.

use std::fs;

use serde_json::Value;

use crate::{
    node::{Node, ottla},
    session::{Session, assert_golden},
};

#[test]
fn every_load_shows_examples() {
    let mut session = Session::alone();
    session.run("perf --help");
    for load in ["produce", "consume", "e2e", "codecs"] {
        session.run(&format!("perf {load} -h"));
    }
    assert_golden!(session, "every_load_shows_examples");
}

#[test]
fn a_load_that_makes_no_sense_is_refused() {
    let mut session = Session::alone();
    session
        .run("perf produce load --rate fast")
        .run("perf produce load --duration 10")
        .run("perf produce load --compression lz5")
        .run("perf produce load -z lz4 --compression-level 3")
        .run("perf e2e load -z zstd --compression-level 23")
        .run("perf produce load --partitions 3")
        .run("perf e2e load --rate 0")
        .run("perf e2e load --record-size 23")
        .run("perf codecs /nowhere/data.json")
        .run("perf codecs /dev/null");
    assert_golden!(session, "a_load_that_makes_no_sense_is_refused");
}

#[test]
fn a_load_needs_its_topic() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("perf produce load -n 1")
        .run("perf consume load")
        .run("topic create load --partitions 2")
        .run("perf e2e load --create --partitions 3 -n 1")
        .run("perf consume load");
    assert_golden!(session, "a_load_needs_its_topic");
}

#[test]
fn what_is_produced_is_consumed() {
    let node = Node::start();
    let produced = report(
        &node,
        "perf produce load --create --partitions 3 -n 5000 --record-size 100 --producers 2 -z lz4",
    );
    assert_eq!((&produced["records"], &produced["failed"]), (&5000.into(), &0.into()));
    assert_eq!(produced["bytes"], 500_000);
    assert!(produced["acknowledged"]["p50_us"].as_u64().unwrap() > 0);
    assert_eq!(produced["sent"], Value::Null);

    let consumed = report(&node, "perf consume load");
    assert_eq!((&consumed["records"], &consumed["bytes"]), (&5000.into(), &500_000.into()));
    assert_eq!(consumed["partitions"], 3);
    let first = report(&node, "perf consume --topic load --num-records 10");
    assert_eq!(first["records"], 10);
}

#[test]
fn a_payload_files_lines_are_sent_in_turn() {
    let node = Node::start();
    let file = node.directory().join("payload");
    fs::write(&file, "a\nbb\nccc\n").unwrap();
    let file = file.display();
    let line = format!("perf produce load --create --partitions 1 -n 5 --payload-file {file}");
    assert_eq!(report(&node, &line)["bytes"], 9);
}

#[test]
fn a_rate_is_kept_and_nothing_is_lost_on_the_way() {
    let node = Node::start();
    let found = report(&node, "perf e2e load --create --partitions 2 --rate 500 --duration 2s");
    assert_eq!(found["records"], 1000);
    for count in ["failed", "lost", "duplicated"] {
        assert_eq!(found[count], 0, "{count}");
    }
    // The last record is due after 1.998 seconds.
    let seconds = found["seconds"].as_f64().unwrap();
    assert!((1.998..10.0).contains(&seconds), "{seconds}");
    let at = |stage: &str| found[stage]["p50_us"].as_u64().unwrap();
    assert!(at("sent") <= at("acknowledged"), "{found}");
    assert!(at("received") > 0, "{found}");
}

#[test]
fn codecs_are_compared_without_a_broker() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.json");
    fs::write(&file, "{\"truck\":7,\"at\":\"48.2,16.4\"}\n".repeat(2000)).unwrap();
    let output = ottla().args(["perf", "codecs", "-o", "json"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["records"], &found["interrupted"]), (&2000.into(), &false.into()));
    let codecs = found["codecs"].as_array().unwrap();
    let names: Vec<_> = codecs.iter().map(|trial| trial["codec"].as_str().unwrap()).collect();
    let expected =
        ["none", "gzip", "gzip", "gzip", "snappy", "lz4", "zstd", "zstd", "zstd", "zstd"];
    assert_eq!(names, expected);
    for trial in codecs {
        let is_smaller = trial["ratio"].as_f64().unwrap() > 1.0;
        assert_eq!(is_smaller, trial["codec"] != "none", "{trial}");
    }
}

/// What a load prints for programs.
fn report(node: &Node, line: &str) -> Value {
    let output = ottla()
        .args(line.split(' '))
        .args(["-o", "json", "--bootstrap", node.address()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
