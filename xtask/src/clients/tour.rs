//! The README's tour, run as it is printed: every command of its section, and every answer that is
//! printed behind one.
//!
//! Only the address is replaced, since another node may have 9092. In an answer, a line of `..`
//! stands for any lines.

use super::{ottla, with_node};
use crate::project::installed;
use crate::step::{Outcome, Stage};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

const SECTION: &str = "## The tour";
const PRINTED_ADDRESS: &str = "127.0.0.1:9092";
/// A line of an answer that stands for any number of lines.
const ANYTHING: &str = "..";

/// Commands to paste, and what they answer, where that is printed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stop {
    commands: String,
    answer: Option<String>,
}

pub(crate) fn tour(stage: &mut Stage<'_>) -> Result<Outcome> {
    let readme = std::fs::read_to_string(stage.project.root.join("README.md"))
        .context("reading the README")?;
    let stops = stops(&readme)?;
    let binary = ottla(stage)?;
    let has_kcat = installed("kcat");
    let mut skipped = 0;
    with_node(stage, "tour", |_, node| {
        for stop in &stops {
            if stop.commands.contains("kcat") && !has_kcat {
                skipped += 1;
                continue;
            }
            let commands = stop.commands.replace(PRINTED_ADDRESS, &node.bootstrap());
            let said = run(&commands, &binary, &node.bootstrap(), &node.data)
                .with_context(|| format!("in the README's tour: {}", stop.commands.trim_end()))?;
            if let Some(answer) = &stop.answer {
                let commands = stop.commands.trim_end();
                ensure!(
                    is_answered(answer, &said),
                    "{commands}\nanswers\n{said}\nand not, as the README's tour has it,\n{answer}"
                );
            }
        }
        Ok(())
    })?;
    let count = stops.len() - skipped;
    let without =
        if skipped > 0 { format!(", {skipped} without kcat left out") } else { String::new() };
    Ok(Outcome::Passed(format!("{count} stops{without}")))
}

/// Runs a stop's commands as a user's shell would, with `ottla` at hand.
fn run(commands: &str, binary: &Path, bootstrap: &str, data: &Path) -> Result<String> {
    let folder = binary.parent().context("a binary is in a folder")?;
    let path = std::env::var("PATH").unwrap_or_default();
    let done = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", commands])
        .current_dir(data)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("OTTLA_BOOTSTRAP", bootstrap)
        .stdin(Stdio::null())
        .output()
        .context("running bash")?;
    let said = String::from_utf8(done.stdout).context("the output is not UTF-8")?;
    if !done.status.success() {
        bail!("{}: {said}{}", done.status, String::from_utf8_lossy(&done.stderr));
    }
    Ok(said)
}

/// Takes the tour out of the README: each block of commands, with the block of text behind it.
fn stops(readme: &str) -> Result<Vec<Stop>> {
    let (_, tour) = readme.split_once(SECTION).context("the README has no tour")?;
    let tour = tour.split("\n## ").next().unwrap_or(tour);
    let mut stops: Vec<Stop> = Vec::new();
    for (index, block) in tour.split("```").enumerate() {
        // What is outside of the fences has the even numbers.
        let Some((language, text)) = block.split_once('\n').filter(|_| index % 2 == 1) else {
            continue;
        };
        match language {
            "sh" => stops.push(Stop { commands: text.to_owned(), answer: None }),
            "text" => {
                let stop = stops.last_mut().context("the tour has an answer before a command")?;
                stop.answer = Some(text.to_owned());
            }
            other => bail!("the tour has a block of {other:?}: neither sh nor text"),
        }
    }
    ensure!(!stops.is_empty(), "the tour has no commands");
    Ok(stops)
}

/// Whether an output is what was printed, where a line of [`ANYTHING`] matches any lines.
fn is_answered(printed: &str, said: &str) -> bool {
    fn matches(printed: &[&str], said: &[&str]) -> bool {
        match (printed, said) {
            ([], []) => true,
            ([first, rest @ ..], _) if *first == ANYTHING => {
                (0..=said.len()).any(|skipped| matches(rest, &said[skipped..]))
            }
            ([first, printed @ ..], [line, said @ ..]) => first == line && matches(printed, said),
            _ => false,
        }
    }
    matches(&printed.lines().collect::<Vec<_>>(), &said.lines().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{Stop, is_answered, stops};

    #[test]
    fn a_stop_is_a_block_of_commands_and_the_answer_behind_it() {
        let readme = "# A\n```sh\nno\n```\n## The tour\nFirst:\n```sh\necho a\n```\n\
                      prints\n```text\na\n```\nThen:\n```sh\ntrue\n```\n## Else\n```sh\nno\n```\n";
        let expected = [
            Stop { commands: "echo a\n".into(), answer: Some("a\n".into()) },
            Stop { commands: "true\n".into(), answer: None },
        ];
        assert_eq!(stops(readme).unwrap(), expected);
        assert!(stops("# A\n").is_err());
    }

    #[test]
    fn two_dots_stand_for_any_lines() {
        assert!(is_answered("a\n..\nd\n", "a\nb\nc\nd\n"));
        assert!(is_answered("a\n..\nb\n", "a\nb\n"));
        assert!(is_answered("..\n", ""));
        assert!(!is_answered("a\n..\nd\n", "a\nb\n"));
        assert!(!is_answered("a\n", "a\nb\n"));
    }
}
