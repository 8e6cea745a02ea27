//! What `--help` says.

use crate::session::{Session, assert_golden};

#[test]
fn the_command_introduces_itself() {
    let mut session = Session::alone();
    session.run("").run("--help").run("--version").run("tpoic list").run("start --sett a=b");
    assert_golden!(session, "the_command_introduces_itself");
}

#[test]
fn every_command_shows_examples() {
    let mut session = Session::alone();
    for command in [
        "start",
        "dev",
        "format",
        "topic create",
        "topic list",
        "topic describe",
        "topic alter",
        "topic delete",
        "config describe",
        "config set",
        "config unset",
        "cluster",
        "cluster status",
        "cluster events",
        "cluster quorum",
        "completions",
    ] {
        session.run(&format!("{command} -h"));
    }
    let transcript = session.transcript();
    let shown = transcript.matches("Examples:").count();
    assert_eq!(shown, transcript.matches("$ ottla ").count(), "each has examples");
    assert_golden!(session, "every_command_shows_examples");
}
