//! Java's own clients, and Kafka's own reader of segment files.

use super::{adapter_client, nodes};
use crate::project::installed;
use crate::step::{Outcome, Stage};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const DOWNLOAD: Duration = Duration::from_secs(900);
const DUMP: &str = "kafka.tools.DumpLogSegments";

/// What the reader says of a file that is not as it should be.
const COMPLAINTS: [&str; 6] =
    ["ismatch", "out of order", "Non-consecutive", "isvalid: false", "Exception", "Error"];

/// Files of a partition that the reader knows.
const KINDS: [&str; 4] = ["log", "index", "timeindex", "snapshot"];

pub(crate) fn client(stage: &mut Stage<'_>) -> Result<Outcome> {
    let classes = match classes(stage)? {
        Ok(classes) => classes,
        Err(missing) => return Ok(Outcome::Skipped(missing)),
    };
    let source = stage.project.clients().join("java/Adapter.java").display().to_string();
    adapter_client(stage, "java", &["java", "java", "-cp", &classes, &source])
}

/// Has Kafka's `DumpLogSegments` read every file that the clients' steps left behind.
pub(crate) fn dump_log_segments(stage: &mut Stage<'_>) -> Result<Outcome> {
    let classes = match classes(stage)? {
        Ok(classes) => classes,
        Err(missing) => return Ok(Outcome::Skipped(missing)),
    };
    let files = segment_files(&nodes(stage))?;
    if files.is_empty() {
        return Ok(Outcome::Skipped("no client's step has left segments behind".into()));
    }
    let listed: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut reader = Command::new("java")
        .args(["-cp", &classes, DUMP, "--deep-iteration", "--files", &listed.join(",")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stage.journal.output()?)
        .spawn()
        .context("starting java")?;
    let output = reader.stdout.take().context("the reader's output")?;
    let (mut batches, mut complaints) = (0_usize, 0_usize);
    for line in BufReader::new(output).lines() {
        let line = line.context("reading what java prints")?;
        batches += usize::from(line.starts_with("baseOffset:"));
        if line.starts_with("Dumping ") {
            stage.journal.note(&line)?;
        }
        if !line.starts_with("Dumping ") && COMPLAINTS.iter().any(|word| line.contains(word)) {
            stage.journal.note(&line)?;
            complaints += 1;
        }
    }
    let status = reader.wait().context("waiting for java")?;
    if !status.success() || complaints > 0 || batches == 0 {
        bail!("{DUMP} ended with {status}, {complaints} complaints, {batches} batches");
    }
    Ok(Outcome::Passed(format!("{batches} batches in {} files", files.len())))
}

/// The class path of Kafka's jars, or what is missing to have them.
fn classes(stage: &mut Stage<'_>) -> Result<Result<String, String>> {
    for tool in ["javac", "mvn"] {
        if !installed(tool) {
            return Ok(Err(format!(
                "there is no {tool}: a JDK (17 or newer) and Maven are needed"
            )));
        }
    }
    let jars = stage.project.target.join("java");
    let pom = stage.project.clients().join("java/pom.xml");
    // A copy of what was resolved, written last.
    let stamp = jars.join("pom.xml");
    let wanted = std::fs::read(&pom).context("reading pom.xml")?;
    if std::fs::read(&stamp).is_ok_and(|resolved| resolved == wanted) {
        return Ok(Ok(class_path(&jars)));
    }
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"]);
    maven.arg(&pom).arg(format!("-DoutputDirectory={}", jars.display()));
    if let Err(error) = stage.journal.run(&mut maven, DOWNLOAD) {
        return Ok(Err(format!("Maven could not fetch Kafka's jars: {error:#}")));
    }
    std::fs::write(&stamp, wanted).context("marking the jars as complete")?;
    Ok(Ok(class_path(&jars)))
}

fn class_path(jars: &Path) -> String {
    format!("{}/*", jars.display())
}

/// All files of all partitions that hold something, of all nodes, in order.
fn segment_files(nodes: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for node in directories(nodes)? {
        for partition in directories(&node)?.into_iter().filter(|dir| is_partition(dir)) {
            let of_partition = files_in(&partition)?;
            // The reader stumbles over the empty index of an empty log.
            if of_partition.iter().any(|(file, size)| *size > 0 && kind(file) == "log") {
                files.extend(of_partition.into_iter().map(|(file, _)| file));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The files that the reader knows, with their sizes.
fn files_in(partition: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(partition).context("listing a partition")? {
        let entry = entry.context("listing a partition")?;
        if KINDS.contains(&&*kind(&entry.path())) {
            files.push((entry.path(), entry.metadata().context("a file's size")?.len()));
        }
    }
    Ok(files)
}

fn kind(file: &Path) -> String {
    file.extension().unwrap_or_default().to_string_lossy().into_owned()
}

fn directories(parent: &Path) -> Result<Vec<PathBuf>> {
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).context("listing nodes")? {
        let path = entry.context("listing nodes")?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Whether a folder's name ends in a partition's number.
fn is_partition(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}
