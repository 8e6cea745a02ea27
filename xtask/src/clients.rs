//! Real clients against a real node, and a real cluster of three. Each step starts its own on an
//! empty directory, and stops it with SIGTERM. What the clients are put through is in `clients/workload.py`.

mod java;
mod kill;
mod own;
mod shipped_config;
mod tour;

pub(crate) use java::{client as java, dump_log_segments};
pub(crate) use kill::kill_under_load;
pub(crate) use own::own_commands;
pub(crate) use shipped_config::shipped_config;
pub(crate) use tour::tour;

use crate::cluster::{self, Cluster};
use crate::node::Node;
use crate::project::{Project, installed};
use crate::python;
use crate::step::{Outcome, Stage};
use crate::toolchain::World;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// One client's checks take seconds. One that waits for an answer that never comes ends here.
const CLIENT: Duration = Duration::from_secs(300);

/// The programs that take part for libraries in Rust.
const OTTLA: &str = "ottla-client-checks";
const RDKAFKA: &str = "rdkafka-clients";

pub(crate) fn confluent_kafka(stage: &mut Stage<'_>) -> Result<Outcome> {
    python_client(stage, "with_confluent_kafka.py")
}

pub(crate) fn kafka_python(stage: &mut Stage<'_>) -> Result<Outcome> {
    python_client(stage, "with_kafka_python.py")
}

pub(crate) fn aiokafka(stage: &mut Stage<'_>) -> Result<Outcome> {
    python_client(stage, "with_aiokafka.py")
}

pub(crate) fn kcat(stage: &mut Stage<'_>) -> Result<Outcome> {
    if !installed("python3") {
        return Ok(Outcome::Skipped("there is no python3".into()));
    }
    if !installed("kcat") && !install_kcat(stage) {
        return Ok(Outcome::Skipped(
            "kcat is missing (Debian, Ubuntu: apt-get install kcat)".into(),
        ));
    }
    let clients = stage.project.clients();
    client(stage, "kcat", || python::program(Path::new("python3"), &clients, "with_kcat.py"), &[])
}

/// Our own library: a member of this workspace, so it is built with the node.
pub(crate) fn ottla_library(stage: &mut Stage<'_>) -> Result<Outcome> {
    let mut build = stage.cargo(World::Real, "build");
    stage.build(build.args(["--quiet", "--package", OTTLA]))?;
    let adapter = stage.project.target.join("debug").join(OTTLA).display().to_string();
    adapter_client(stage, "ottla-library", &["ottla", &adapter])
}

pub(crate) fn rdkafka(stage: &mut Stage<'_>) -> Result<Outcome> {
    let adapter = match rdkafka_program(stage)? {
        Ok(program) => program.display().to_string(),
        Err(missing) => return Ok(Outcome::Skipped(missing)),
    };
    adapter_client(stage, "rdkafka", &["rdkafka", &adapter, "adapter"])
}

/// A client in Python, under the interpreter that has all of them.
fn python_client(stage: &mut Stage<'_>, file: &str) -> Result<Outcome> {
    let clients = stage.project.clients();
    let requirements = std::fs::read_to_string(clients.join("requirements.txt"))
        .context("reading the clients' requirements")?;
    let python = match python::environment(stage.project, "clients", &requirements) {
        Ok(python) => python,
        Err(error) => return Ok(Outcome::Skipped(format!("{error:#}"))),
    };
    let name = file.trim_start_matches("with_").trim_end_matches(".py");
    client(stage, name, || python::program(&python, &clients, file), &[])
}

/// A client that is a program of its own: Python only puts the questions.
fn adapter_client(stage: &mut Stage<'_>, name: &str, adapter: &[&str]) -> Result<Outcome> {
    if !installed("python3") {
        return Ok(Outcome::Skipped("there is no python3".into()));
    }
    let clients = stage.project.clients();
    let program = || python::program(Path::new("python3"), &clients, "with_process.py");
    client(stage, name, program, adapter)
}

/// Runs a client's checks against a node, and against a cluster whose topics have as many replicas
/// as it has nodes. Counts those that held.
fn client(
    stage: &mut Stage<'_>,
    name: &str,
    program: impl Fn() -> Command,
    adapter: &[&str],
) -> Result<Outcome> {
    with_node(stage, name, |stage, node| {
        let mut program = program();
        program.args(["--bootstrap", &node.bootstrap(), "--data-dir"]).arg(&node.data);
        stage.journal.run(program.args(adapter), CLIENT)
    })?;
    with_cluster(stage, name, |stage, cluster| {
        let mut program = program();
        program.env("REPLICATION_FACTOR", cluster::NODES.to_string());
        program.args(["--bootstrap", &cluster.bootstrap(), "--data-dir"]).arg(cluster.node_data());
        stage.journal.run(program.args(adapter), CLIENT)
    })?;
    let checks = stage.journal.text()?.lines().filter(|line| line.starts_with("ok ")).count();
    Ok(Outcome::Passed(format!("{checks} checks")))
}

/// Starts a cluster, works with it, and stops it.
fn with_cluster(
    stage: &mut Stage<'_>,
    name: &str,
    work: impl FnOnce(&mut Stage<'_>, &Cluster) -> Result<()>,
) -> Result<()> {
    let binary = ottla(stage)?;
    let data = stage.project.target.join("clusters").join(name);
    let cluster = Cluster::start(&binary, data)?;
    let log = cluster.log();
    work(stage, &cluster)
        .and_then(|()| cluster.stop())
        .with_context(|| format!("the cluster's log is {}", log.display()))
}

/// Starts a node, works with it, and stops it. Its files stay for those who come after.
fn with_node(
    stage: &mut Stage<'_>,
    name: &str,
    work: impl FnOnce(&mut Stage<'_>, &mut Node) -> Result<()>,
) -> Result<()> {
    let binary = ottla(stage)?;
    let mut node = Node::start(&binary, nodes(stage).join(name))?;
    let log = node.log();
    work(stage, &mut node)
        .and_then(|()| node.stop())
        .with_context(|| format!("the node's log is {}", log.display()))
}

/// The folder of all nodes' data.
fn nodes(stage: &Stage<'_>) -> PathBuf {
    stage.project.target.join("nodes")
}

/// The development build, with every assertion on.
pub(crate) fn ottla(stage: &mut Stage<'_>) -> Result<PathBuf> {
    let mut build = stage.cargo(World::Real, "build");
    stage.build(build.args(["--quiet", "--package", "broker", "--bin", "ottla"]))?;
    Ok(stage.project.target.join("debug/ottla"))
}

/// Builds the programs over the rdkafka crate, or says what they lack.
fn rdkafka_program(stage: &mut Stage<'_>) -> Result<Result<PathBuf, String>> {
    match rdkafka_build(stage.project, false) {
        Ok((mut build, program)) => {
            stage.build(&mut build)?;
            Ok(Ok(program))
        }
        Err(missing) => Ok(Err(missing)),
    }
}

/// How to build the programs over the rdkafka crate and where they then are, or what they lack.
pub(crate) fn rdkafka_build(
    project: &Project,
    release: bool,
) -> std::result::Result<(Command, PathBuf), String> {
    if !installed("make") {
        return Err("librdkafka needs make (Debian, Ubuntu: apt-get install make)".into());
    }
    let target = project.target.join("clients");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "--manifest-path"]);
    build.arg(project.clients().join("rdkafka/Cargo.toml"));
    build.env("CARGO_TARGET_DIR", &target);
    if release {
        build.arg("--release");
    }
    let profile = if release { "release" } else { "debug" };
    Ok((build, target.join(profile).join(RDKAFKA)))
}

/// Tries to install kcat, where that takes no password.
fn install_kcat(stage: &mut Stage<'_>) -> bool {
    if !installed("apt-get") {
        return false;
    }
    let mut apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        stage.journal.run(&mut command, CLIENT).is_ok()
    };
    let install = ["install", "--yes", "--quiet", "kcat"];
    apt(&install) || (apt(&["update", "--quiet"]) && apt(&install))
}
