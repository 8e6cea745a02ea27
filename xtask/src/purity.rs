//! What must not be linked: runtimes and engines into the pure crates, the simulator into
//! production.

use crate::step::{Outcome, Stage};
use crate::toolchain::World;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;

/// Crates that decide and do nothing else.
const PURE: [&str; 6] = ["protocol", "metadata", "replica", "storage", "simdisk", "jepsen"];

/// What would let them do something else. The simulator's tokio is the same thing in disguise.
const IMPURE: [&str; 7] =
    ["tokio", "madsim-tokio", "madsim", "rocksdb", "librocksdb-sys", "openraft", "mio"];

/// The simulator itself. Its `madsim-tokio` is allowed: outside a simulation it is
/// `pub use tokio::*` and nothing more.
const SIMULATOR: [&str; 3] = ["madsim", "simdisk", "sim"];

/// What the release binary must not contain, as a symbol or as text.
const TRACES: [&str; 2] = ["museum", "madsim"];

/// The name under which tokio itself is linked: no trace of the simulator.
const TOKIO: [&str; 2] = ["madsim_tokio", "madsim-tokio"];

pub(crate) fn check_crates(stage: &mut Stage<'_>) -> Result<Outcome> {
    for name in PURE {
        forbid(stage, name, &IMPURE)?;
    }
    forbid(stage, "broker", &SIMULATOR)?;
    Ok(Outcome::Passed(format!("{} pure crates", PURE.len())))
}

fn forbid(stage: &mut Stage<'_>, package: &str, forbidden: &[&str]) -> Result<()> {
    let linked = linked_into(stage, package)?;
    stage.journal.note(&format!("{package} links {} crates", linked.len()))?;
    let found: Vec<&str> =
        forbidden.iter().copied().filter(|name| linked.contains(*name)).collect();
    if !found.is_empty() {
        bail!("{package} links {}: see cargo tree -p {package} -i {}", found.join(", "), found[0]);
    }
    Ok(())
}

/// The names of all crates that end up in a package, without what only its tests and build
/// scripts use.
fn linked_into(stage: &Stage<'_>, package: &str) -> Result<BTreeSet<String>> {
    let mut command = stage.cargo(World::Real, "tree");
    command.args(["--package", package, "--edges", "normal", "--prefix", "none"]);
    let listed = command.args(["--format", "{p}"]).output().context("running cargo tree")?;
    if !listed.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&listed.stderr).trim_end());
    }
    let text = String::from_utf8_lossy(&listed.stdout);
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

pub(crate) fn check_release(stage: &mut Stage<'_>) -> Result<Outcome> {
    let mut build = stage.cargo(World::Real, "build");
    stage.build(build.args(["--quiet", "--release", "--package", "broker", "--bin", "ottla"]))?;
    let path = stage.project.target.join("release/ottla");
    let binary = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    for trace in TRACES {
        if let Some(at) = find(&binary, trace.as_bytes()) {
            let around = &binary[at.saturating_sub(60)..binary.len().min(at + 60)];
            stage.journal.note(&String::from_utf8_lossy(around))?;
            bail!("the release binary contains `{trace}` at byte {at}");
        }
    }
    Ok(Outcome::Passed(format!("{} MB, no trace of the simulator", binary.len() / 1_000_000)))
}

/// Where `needle` begins, in any letter case, but where it is tokio's name.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let is_tokio = |rest: &[u8]| TOKIO.iter().any(|name| rest.starts_with(name.as_bytes()));
    let mut windows = haystack.windows(needle.len()).enumerate();
    let found = |&(at, window): &(usize, &[u8])| {
        window.eq_ignore_ascii_case(needle) && !is_tokio(&haystack[at..])
    };
    windows.find(found).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_trace_is_found_in_any_letter_case() {
        assert_eq!(find(b"\0\0Museum\0", b"museum"), Some(2));
        assert_eq!(find(b"\0\0muse\0um", b"museum"), None);
        assert_eq!(find(b"madsim_tokio.896f15d79b404221-cgu.0, madsim::rand", b"madsim"), Some(37));
    }
}
