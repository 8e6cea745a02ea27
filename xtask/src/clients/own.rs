//! `ottla` itself, as a process: the README's first steps, and what a pipe carries both ways.

use super::{ottla, with_node};
use crate::step::{Outcome, Stage};
use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::process::{Command, Stdio};

const TOPIC: &str = "first-steps";
const PIPED: &str = "piped";

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
        through_pipes(&run)
    })?;
    Ok(Outcome::Passed(String::new()))
}

/// Everything that a record has goes in by one pipe and comes out of another.
fn through_pipes(run: &impl Fn(&[&str], &str) -> Result<String>) -> Result<()> {
    // The times are of 1970: nothing may be too old.
    run(&["topic", "create", PIPED, "--partitions", "1", "--config", "retention.ms=-1"], "")?;
    let produce = ["produce", PIPED, "-K", ":", "-Z", "-H", "source=own", "-z", "lz4"];
    for (time, lines) in [("1000", "a:one\nb:\n"), ("2000", "c:three\n"), ("3000", "four")] {
        run(&[&produce[..], &["--timestamp", time]].concat(), lines)?;
    }
    let consume = |arguments: &[&str], expected: &str| {
        let printed = run(&[&["consume", PIPED], arguments].concat(), "")?;
        ensure!(printed == expected, "consumed {printed:?} with {arguments:?}");
        anyhow::Ok(())
    };
    let format = r"%o@%T %k[%K]=%s[%S] %h\n";
    let all = "0@1000 a[1]=one[3] source=own\n1@1000 b[1]=[-1] source=own\n\
               2@2000 c[1]=three[5] source=own\n3@3000 [-1]=four[4] source=own\n";
    consume(&["--from-beginning", "--exit", "--format", format], all)?;
    consume(&["--from-time", "1500", "--to-time", "3000", "-f", "%s "], "three ")?;
    consume(&["--offset", "-2", "--to-offset", "end", "-K", "=", "-Z"], "c=three\nNULL=four\n")?;
    let columns = ["--property", "print.key=true", "--property", "print.timestamp=true"];
    let second = [&["--offset", "1", "--max-messages", "1"][..], &columns].concat();
    consume(&second, "CreateTime:1000\tb\tnull\n")?;
    let json = "{\"topic\":\"piped\",\"partition\":0,\"offset\":2,\"timestamp\":2000,\
                \"key\":\"c\",\"value\":\"three\",\
                \"headers\":[{\"key\":\"source\",\"value\":\"own\"}]}\n";
    consume(&["--offset", "2", "-n", "1", "-o", "json"], json)
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
