//! What a reader relies on and no lint checks: every module says what it is, files stay short,
//! and the simulator's words stay where the simulator is.

use crate::step::{Outcome, Stage};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

const LINES_MAX: usize = 1000;

/// Words that production code does not know, and the only places that may.
const SIMULATORS_WORDS: [&str; 2] = ["madsim", "museum"];
const SIMULATORS_PLACES: [&str; 5] =
    ["Cargo.toml", "Cargo.lock", "sim/", "xtask/", "client/protocol/src/bug.rs"];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 5] = ["types", "utils", "util", "helpers", "misc"];

/// Plans and diaries belong to the issues, not to the tree.
const DIARIES: [&str; 5] = ["todo", "plan", "notes", "diary", "scratch"];

pub(crate) fn check(stage: &mut Stage<'_>) -> Result<Outcome> {
    let files = tracked_files(&stage.project.root)?;
    let mut complaints = 0_usize;
    for file in &files {
        let text = std::fs::read(stage.project.root.join(file))
            .with_context(|| format!("reading {file}"))?;
        for complaint in complaints_about(file, &String::from_utf8_lossy(&text)) {
            stage.journal.note(&format!("{file}: {complaint}"))?;
            complaints += 1;
        }
    }
    if complaints > 0 {
        bail!("{complaints} complaints");
    }
    Ok(Outcome::Passed(format!("{} files", files.len())))
}

/// What git tracks, or would track if it were added.
fn tracked_files(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("running git ls-files")?;
    if !listed.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr).trim_end());
    }
    let text = String::from_utf8(listed.stdout).context("file names in UTF-8")?;
    Ok(text.lines().map(str::to_owned).filter(|file| root.join(file).is_file()).collect())
}

fn complaints_about(file: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let path = Path::new(file);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let is_source = matches!(&*extension, "rs" | "py" | "java" | "sh");

    // Tests stand beside what they test, and their names are sentences.
    if extension == "rs" && stem != "tests" && !opens_with_a_description(text) {
        complaints.push("the module does not open with `//!`".to_owned());
    }
    if is_source && text.lines().count() > LINES_MAX {
        complaints.push(format!("more than {LINES_MAX} lines"));
    }
    if is_source && EMPTY_NAMES.contains(&&*stem) {
        complaints.push(format!("`{stem}` is no name for a file"));
    }
    if DIARIES.contains(&&*stem) && !is_source {
        complaints.push("plans and diaries belong to the issues".to_owned());
    }
    let is_the_simulators = SIMULATORS_PLACES.iter().any(|place| file.starts_with(place));
    if matches!(&*extension, "rs" | "toml") && !is_the_simulators {
        for word in SIMULATORS_WORDS {
            for (number, line) in text.lines().enumerate() {
                if line.to_lowercase().contains(word) {
                    complaints.push(format!("line {}: `{word}` is the simulator's", number + 1));
                }
            }
        }
    }
    complaints
}

fn opens_with_a_description(text: &str) -> bool {
    text.starts_with("//!") || text.starts_with("#![doc = include_str!(")
}

#[cfg(test)]
mod tests {
    use super::complaints_about;

    #[test]
    fn a_module_says_what_it_is() {
        assert!(complaints_about("broker/src/node.rs", "//! A node.\n").is_empty());
        assert_eq!(complaints_about("broker/src/node.rs", "use std::fmt;\n").len(), 1);
    }

    #[test]
    fn the_simulators_words_stay_with_the_simulator() {
        let text = "//! Tasks.\nuse madsim::task;\n";
        assert_eq!(complaints_about("broker/src/node.rs", text).len(), 1);
        assert!(complaints_about("sim/src/world.rs", text).is_empty());
    }

    #[test]
    fn a_name_that_says_nothing_is_refused() {
        assert_eq!(complaints_about("client/src/utils.rs", "//! Things.\n").len(), 1);
        assert_eq!(complaints_about("TODO.md", "later\n").len(), 1);
    }
}
