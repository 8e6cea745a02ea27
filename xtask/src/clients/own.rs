//! The first steps of the README, by `ottla` itself: a topic, a produce, a consume.

use super::{ottla, with_node};
use crate::step::{Outcome, Stage};
use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::process::{Command, Stdio};

const TOPIC: &str = "first-steps";

pub(crate) fn own_commands(stage: &mut Stage<'_>) -> Result<Outcome> {
    let binary = ottla(stage)?;
    with_node(stage, "ottla", |_, node| {
        let bootstrap = node.bootstrap();
        let run = |arguments: &[&str], input: &str| {
            let mut command = Command::new(&binary);
            command.args(arguments).args(["--bootstrap", &bootstrap]);
            output_of(command, input).with_context(|| format!("ottla {}", arguments.join(" ")))
        };
        let set = ["--config", "retention.ms=60000"];
        run(&[&["topic", "create", TOPIC, "--partitions", "1"][..], &set].concat(), "")?;
        ensure!(run(&["topic", "list"], "")?.contains(TOPIC), "the topic is not listed");
        let described = run(&["topic", "describe", TOPIC], "")?;
        ensure!(described.contains("retention.ms"), "its configuration is not shown: {described}");

        run(&["produce", TOPIC, "--key-separator", ":"], "a:one\nb:two\nthree\n")?;
        let whole = run(&["consume", TOPIC, "--from-beginning", "--exit"], "")?;
        ensure!(whole == "one\ntwo\nthree\n", "consumed {whole:?}");
        let rest = run(&["consume", TOPIC, "--offset", "1", "--count", "1"], "")?;
        ensure!(rest == "two\n", "consumed {rest:?} from offset 1");

        run(&["topic", "delete", TOPIC], "")?;
        ensure!(!run(&["topic", "list"], "")?.contains(TOPIC), "the topic is still listed");
        let refusal = run(&["topic", "describe", TOPIC], "");
        ensure!(refusal.is_err(), "a deleted topic is described");
        Ok(())
    })?;
    Ok(Outcome::Passed(String::new()))
}

fn output_of(mut command: Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting ottla")?;
    // Small enough for the pipe. Closed afterwards: it is the end of the input.
    let mut stdin = child.stdin.take().context("its input")?;
    stdin.write_all(input.as_bytes()).context("writing its input")?;
    drop(stdin);
    let done = child.wait_with_output().context("waiting for ottla")?;
    if !done.status.success() {
        bail!("{}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim_end());
    }
    String::from_utf8(done.stdout).context("its output is not UTF-8")
}
