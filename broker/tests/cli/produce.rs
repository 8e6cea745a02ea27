//! `ottla produce`.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use crate::{
    node::{Node, ottla},
    session::{Session, assert_golden},
};

/// A topic from which nothing is retained away, however old its records claim to be.
const CREATE: &str = "topic create orders --config retention.ms=-1 --partitions";

/// Prints all there is of a record but its time.
const SHOW: &str = r"consume orders --from-beginning --exit -f '%p/%o %k[%K]=%s[%S] %h\n'";

#[test]
fn lines_become_records() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run(&format!("{CREATE} 1"))
        .run_with_input("produce orders", "one\ntwo\r\n\nthe last line needs no end")
        .run_with_input("produce orders -D ';'", "five;six\r\n;seven")
        .run_with_input(r"produce orders -D '\0'", "eight\nand more\0")
        .run_with_input("produce orders", "")
        .run(SHOW);
    assert_golden!(session, "lines_become_records");
}

#[test]
fn lines_have_keys_and_nulls() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run(&format!("{CREATE} 1"))
        .run_with_input("produce orders -K :", "a:one\n:two\nthree\nd:\ne:f:g\n")
        .run_with_input(r"produce orders -K '\t' -k common", "a\tone\ntwo\n")
        .run_with_input("produce orders -K : -Z", "a:\n:b\n\n")
        .run_with_input("produce orders -K : --null-marker NULL", "a:NULL\nNULL:b\nc:\n")
        .run(SHOW);
    assert_golden!(session, "lines_have_keys_and_nulls");
}

#[test]
fn records_have_headers_and_a_time() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run(&format!("{CREATE} 2"))
        .run_with_input("produce orders -p 1 -H source=gps -H note=a=b -H none -H empty=", "one\n")
        .run_with_input("produce orders -p 0 --timestamp 1700000000000", "two\n")
        .run_with_input("produce orders -p 0 --timestamp 2026-01-31T12:30:00.5+01:00", "three\n")
        .run("consume orders -p 1 --from-beginning --exit -o json -f %h")
        .run("consume orders -p 1 --from-beginning --exit -f '%s %h'")
        .run(r"consume orders -p 0 --from-beginning --exit -f '%s %T\n'");
    assert_golden!(session, "records_have_headers_and_a_time");
}

#[test]
fn it_is_told_where_records_went() {
    let node = Node::start();
    let mut session = Session::with(&node);
    let time = "--timestamp 1700000000000";
    session
        .run(&format!("{CREATE} 3"))
        .run_with_input("produce orders -K : -v", "a:1\nb:2\nc:3\nd:4\na:5\n")
        .run_with_input(&format!("produce orders -K : -o json {time}"), "a:6\nb:7\n")
        .run_with_input(&format!("produce orders -p 2 -o json {time} --acks 0"), "8\n")
        .run_with_input("produce orders -p 2 --acks 0 -v", "9\n");
    assert_golden!(session, "it_is_told_where_records_went");
}

#[test]
fn files_are_sent_by_lines_or_whole() {
    let node = Node::start();
    let mut session = Session::with(&node);
    let (first, second) = (node.directory().join("first"), node.directory().join("second"));
    fs::write(&first, "one\ntwo").unwrap();
    fs::write(&second, "three\n").unwrap();
    let directory = node.directory().display();
    session
        .run(&format!("{CREATE} 1"))
        .run(&format!("produce orders {directory}/first {directory}/second"))
        .run(&format!("produce --topic orders {directory}/second"))
        .run(&format!("produce orders --whole-file {directory}/first {directory}/second"))
        .run_with_input(&format!("produce orders {directory}/second -"), "four\n")
        .run(&format!("produce orders {directory}/second {directory}/third"))
        .run(&format!("produce orders {directory}"))
        .run(SHOW);
    assert_golden!(session, "files_are_sent_by_lines_or_whole");
}

#[test]
fn every_codec_carries_the_same_records() {
    let node = Node::start();
    let mut session = Session::with(&node);
    let lines: String =
        (1..=500).map(|number| format!("line {number} of five hundred\n")).collect();
    session.run(&format!("{CREATE} 1"));
    for codec in ["none", "gzip", "snappy", "lz4", "zstd", "zstd --compression-level 9"] {
        session.run_with_input(&format!("produce orders -v -z {codec}"), &lines);
    }
    session.run("consume orders --offset 2500 -n 1").run("consume orders --offset -1 --exit");
    assert_golden!(session, "every_codec_carries_the_same_records");
}

#[test]
fn the_console_producers_flags_are_understood() {
    let node = Node::start();
    let mut session = Session::with(&node);
    let own = format!("--bootstrap-server {} --topic orders", node.address());
    let properties = "--property parse.key=true --property key.separator=:";
    session
        .run(&format!("{CREATE} 1"))
        .run_with_input(
            &format!("produce {own} {properties} --reader-property null.marker=NULL"),
            "a:one\nb:NULL\n",
        )
        .run_with_input(
            &format!("produce {own} --compression-codec gzip --request-required-acks 1"),
            "three\n",
        )
        .run_with_input(
            &format!("produce {own} --producer-property acks=1 -X linger.ms=0 -X batch.size=1"),
            "four\nfive\n",
        )
        .run(SHOW);
    assert_golden!(session, "the_console_producers_flags_are_understood");
}

#[test]
fn a_refused_produce_says_what_to_write() {
    let node = Node::start_with(&["auto.create.topics.enable=false"]);
    let mut session = Session::with(&node);
    session
        .run(&format!("{CREATE} 2"))
        .run_with_input("produce ordres --timeout 0", "one\n")
        .run_with_input("produce orders -p 7", "one\n")
        .run("produce")
        .run("produce orders -p one")
        .run("produce orders --acks 2")
        .run("produce orders -z brotli")
        .run("produce orders -z gzip --compression-level 10")
        .run("produce orders --compression-level 3")
        .run("produce orders -K ''")
        .run(r"produce orders -K 'a\qb'")
        .run("produce orders -H =x")
        .run("produce orders --rate fast")
        .run("produce orders --rate 0")
        .run("produce orders --timestamp soon")
        .run("produce orders --property parse.keys=true")
        .run("produce orders -X ack=1")
        .run("produce orders --whole-file -D ;");
    assert_golden!(session, "a_refused_produce_says_what_to_write");
}

#[test]
fn a_record_that_is_too_large_is_refused() {
    let node = Node::start();
    let mut session = Session::with(&node);
    let large = "x".repeat(2 << 20);
    session
        .run(&format!("{CREATE} 1"))
        .run_with_input("produce orders", &large)
        .run_with_input("produce orders -X max.request.size=4000000", &large)
        .run("consume orders --from-beginning --exit -f %S");
    assert_golden!(session, "a_record_that_is_too_large_is_refused");
}

#[test]
fn produce_shows_examples() {
    let mut session = Session::alone();
    session.run("produce -h");
    assert_golden!(session, "produce_shows_examples");
}

#[test]
fn an_interrupted_produce_has_sent_what_it_read() {
    let node = Node::start();
    Session::with(&node).run(&format!("{CREATE} 1"));
    let mut child = ottla()
        .args(["produce", "orders", "--rate", "10/s", "-v", "-b", node.address()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More than it sends in the time of a test. The input has no end either.
    let mut input = child.stdin.take().unwrap();
    input.write_all("line\n".repeat(10_000).as_bytes()).unwrap();
    // The topic is there: this waits for the first records.
    let first = ottla()
        .args(["consume", "orders", "--from-beginning", "-n", "3", "-b", node.address()])
        .output()
        .unwrap();
    assert_eq!(first.stdout, b"line\nline\nline\n");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let summary = String::from_utf8(output.stdout).unwrap();
    let row: Vec<_> = summary.lines().last().unwrap().split_whitespace().collect();
    let consumed = ottla()
        .args(["consume", "orders", "--from-beginning", "--exit", "-b", node.address()])
        .output()
        .unwrap();
    let lines = String::from_utf8(consumed.stdout).unwrap().lines().count();
    assert_eq!(row[1], lines.to_string(), "{summary}");
    assert!(lines < 10_000);
}
