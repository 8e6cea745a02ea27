//! `ottla consume`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{
    node::{Node, ottla},
    session::{Session, assert_golden},
};

/// A node with a topic `orders` of one partition: five records, a second apart.
fn node_with_orders() -> Node {
    let node = Node::start();
    let mut session = Session::with(&node);
    session.run("topic create orders --partitions 1 --config retention.ms=-1");
    let records = [
        ("a:one", "-H source=gps -H none"),
        ("b:two", ""),
        ("b:", "-Z"),
        ("four", "-H empty="),
        ("ü:five", ""),
    ];
    for (index, (line, options)) in records.into_iter().enumerate() {
        let time = 1_700_000_000_000 + index * 1000;
        session.run_with_input(
            &format!("produce orders -K : --timestamp {time} {options}"),
            &format!("{line}\n"),
        );
    }
    assert!(!session.transcript().contains("exit code"), "{}", session.transcript());
    node
}

#[test]
fn records_are_printed_as_asked() {
    let node = node_with_orders();
    let mut session = Session::with(&node);
    for options in [
        "",
        "-K ': '",
        "-K : -Z",
        "-K : --null-marker -",
        r"-D ';\n'",
        r"-f '%t-%p %o %e %T %k[%K]=%s[%S] {%h}\n'",
        r"-f '%v %V 100%%\x21\n'",
        "-o json",
        "-J -n 1",
    ] {
        session.run(&format!("consume orders --from-beginning --exit {options}"));
    }
    assert_golden!(session, "records_are_printed_as_asked");
}

#[test]
fn the_console_consumers_flags_are_understood() {
    let node = node_with_orders();
    let mut session = Session::with(&node);
    let own = format!(
        "consume --bootstrap-server {} --topic orders --from-beginning --max-messages 5",
        node.address()
    );
    for options in [
        "--property print.key=true",
        "--property print.key=true --property key.separator=: --property null.literal=-",
        "--property print.timestamp=true --property print.headers=true --property print.value=false",
        "--formatter-property print.partition=true --formatter-property print.offset=true",
        "--print-timestamp --print-partition --print-offset --print-headers --print-key",
        "--isolation-level read_committed",
    ] {
        session.run(&format!("{own} {options}"));
    }
    session.run("consume --topic orders --timeout-ms 100 --from-beginning --partition 0");
    assert_golden!(session, "the_console_consumers_flags_are_understood");
}

#[test]
fn a_range_is_of_offsets_or_of_times() {
    let node = node_with_orders();
    let mut session = Session::with(&node);
    for range in [
        "--offset 3 --exit",
        "--offset -2 --exit",
        "--offset beginning --to-offset 2",
        "--offset -9 --to-offset -3",
        "--offset 1 --to-offset end",
        "--offset end --exit",
        "--offset 9 --exit",
        "--from-beginning --to-offset 9 --exit",
        "--from-beginning --count 2",
        "--from-time 1700000002000 --exit",
        "--from-time 1700000001500 --to-time 1700000003000",
        "--from-beginning --to-time 1699999999999",
        "--from-beginning --to-time 1d",
        "--from-time 2023-11-14T22:13:24Z --exit",
        "--from-time 2023-11-15 --exit",
        "--offset 4 --to-time 1700000001000",
    ] {
        session.run(&format!(r"consume orders {range} -f '%o %s\n'"));
    }
    assert_golden!(session, "a_range_is_of_offsets_or_of_times");
}

#[test]
fn what_is_no_text_is_in_base64() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session.run("topic create orders --partitions 1 --config retention.ms=-1");
    let path = node.directory().join("bytes");
    std::fs::write(&path, b"\x00\xff\xfe:\xc3\x28").unwrap();
    session
        .run(&format!(
            "produce orders --whole-file -K : --timestamp 1700000000000 {}",
            path.display()
        ))
        .run("consume orders --from-beginning --exit -o json");
    assert_golden!(session, "what_is_no_text_is_in_base64");
}

#[test]
fn several_topics_and_partitions_are_read_together() {
    let node = Node::start();
    let mut session = Session::with(&node);
    session
        .run("topic create orders returns --partitions 3")
        .run_with_input("produce orders -p 0", "one\n")
        .run_with_input("produce orders -p 2", "two\n")
        .run_with_input("produce returns -p 2", "three\n")
        .run("consume returns --from-beginning -n 1 -f '%t-%p %s'")
        .run("consume orders -p 2 --from-beginning --exit")
        .run("consume orders -p 1 --from-beginning --exit")
        .run("consume orders returns -p 0,1 --from-beginning --exit -f %s");
    assert_golden!(session, "several_topics_and_partitions_are_read_together");

    let all = ottla()
        .args(["consume", "orders", "returns", "--from-beginning", "-e", "-f", r"%t-%p %s\n"])
        .args(["-b", node.address()])
        .output()
        .unwrap();
    let all = String::from_utf8(all.stdout).unwrap();
    let mut lines: Vec<_> = all.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["orders-0 one", "orders-2 two", "returns-2 three"]);
}

#[test]
fn a_refused_consume_says_what_to_write() {
    let node = node_with_orders();
    let mut session = Session::with(&node);
    session
        .run("consume ordres")
        .run("consume orders -p 7")
        .run("consume")
        .run("consume orders -f '%t %q'")
        .run("consume orders -f '%s %'")
        .run(r"consume orders -f 'tab\d'")
        .run(r"consume orders -K '\x1'")
        .run("consume orders -f %s -K :")
        .run("consume orders -f %s -o json")
        .run("consume orders -f %s -J")
        .run("consume orders --offset five")
        .run("consume orders --offset 5 --from-beginning")
        .run("consume orders --from-time yesterday")
        .run("consume orders --to-time 5 --to-offset 5")
        .run("consume orders --property print.keys=true")
        .run("consume orders --property print.key=yes")
        .run("consume orders --isolation-level serializable");
    assert_golden!(session, "a_refused_consume_says_what_to_write");
}

#[test]
fn consume_shows_examples() {
    let mut session = Session::alone();
    session.run("consume -h");
    assert_golden!(session, "consume_shows_examples");
}

/// Starts a consume that prints into a pipe.
fn consume(node: &Node, arguments: &[&str]) -> (Child, BufReader<impl std::io::Read + use<>>) {
    let mut command = ottla();
    command.args(["consume", "orders", "--from-beginning", "-b", node.address()]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

fn interrupt(mut child: Child) -> Option<i32> {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

#[test]
fn what_comes_is_printed_at_once_until_it_is_enough() {
    let node = node_with_orders();
    let (child, mut lines) = consume(&node, &[]);
    let mut next = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    };
    let there: Vec<_> = (0..5).map(|_| next()).collect();
    assert_eq!(there, ["one\n", "two\n", "\n", "four\n", "five\n"]);
    for line in ["six", "seven"] {
        Session::with(&node).run_with_input("produce orders", &format!("{line}\n"));
        assert_eq!(next(), format!("{line}\n"));
    }
    // It had no end: to interrupt it is to end it.
    assert_eq!(interrupt(child), Some(0));
}

#[test]
fn what_is_interrupted_before_its_end_says_so() {
    let node = node_with_orders();
    let (child, mut lines) = consume(&node, &["-n", "100"]);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    assert_eq!(interrupt(child), Some(130));
}

#[test]
fn nobody_needs_to_read_to_the_end() {
    let node = node_with_orders();
    let lines = "a line of some length, so that many of them fill every buffer\n".repeat(20_000);
    Session::with(&node).run_with_input("produce orders", &lines);
    let (mut child, lines) = consume(&node, &[]);
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
