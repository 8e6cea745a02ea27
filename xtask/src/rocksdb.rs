//! RocksDB's archive, built once. Its C++ takes longer to build than everything else together, so
//! that debug, release and simulation builds all link the same archive.

use crate::project::Project;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crate whose build script compiles RocksDB.
const BINDINGS: &str = "librocksdb-sys";
const ARCHIVE: &str = "librocksdb.a";

/// The variables under which the bindings link the archive instead of building one.
pub(crate) fn environment(
    project: &Project,
    build_environment: &[(&'static str, OsString)],
) -> Result<Vec<(&'static str, OsString)>> {
    if std::env::var_os("ROCKSDB_LIB_DIR").is_some() {
        return Ok(Vec::new());
    }
    let directory = project.target.join("rocksdb").join(version_and_features(project)?);
    if !directory.join(ARCHIVE).is_file() {
        eprintln!("building RocksDB: 10 to 20 minutes, this first time only");
        let built = build(project, build_environment)?;
        keep(&built, &directory)?;
    }
    Ok(vec![("ROCKSDB_LIB_DIR", directory.into()), ("ROCKSDB_STATIC", "1".into())])
}

/// What decides the archive's contents, as the name of a folder.
fn version_and_features(project: &Project) -> Result<String> {
    let listed = Command::new(env!("CARGO"))
        .current_dir(&project.root)
        .args(["tree", "--package", BINDINGS, "--depth", "0", "--edges", "normal"])
        .args(["--format", "{p} {f}"])
        .output()
        .context("running cargo tree")?;
    let text = String::from_utf8_lossy(&listed.stdout);
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [_, version, ref features @ ..] if listed.status.success() => {
            Ok([version, &features.join("-")].join("-").replace(',', "-"))
        }
        _ => bail!("cargo tree: {}", String::from_utf8_lossy(&listed.stderr).trim_end()),
    }
}

/// Builds the bindings alone. The dev profile has RocksDB optimised and without debug information:
/// see the root `Cargo.toml`.
fn build(project: &Project, environment: &[(&'static str, OsString)]) -> Result<PathBuf> {
    let target = project.target.join("rocksdb/build");
    let status = Command::new(env!("CARGO"))
        .current_dir(&project.root)
        .args(["build", "--quiet", "--package", BINDINGS, "--target-dir"])
        .arg(&target)
        .envs(environment.iter().cloned())
        .status()
        .context("running cargo build")?;
    if !status.success() {
        bail!("RocksDB could not be built");
    }
    let outputs = target.join("debug/build");
    std::fs::read_dir(&outputs)
        .with_context(|| format!("listing {}", outputs.display()))?
        .flatten()
        .map(|entry| entry.path().join("out").join(ARCHIVE))
        .find(|archive| archive.is_file())
        .with_context(|| format!("no {ARCHIVE} below {}", outputs.display()))
}

/// Puts the archive in its place at once, so that a half copied one is never linked.
fn keep(built: &Path, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("creating {}", directory.display()))?;
    let copy = directory.join(format!("{ARCHIVE}.{}", std::process::id()));
    std::fs::copy(built, &copy).context("copying RocksDB's archive")?;
    std::fs::rename(&copy, directory.join(ARCHIVE)).context("placing RocksDB's archive")
}
