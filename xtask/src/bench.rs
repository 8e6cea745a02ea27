//! `cargo xtask bench`: builds what is measured and what measures it, and lets the latter run.

use crate::clients;
use crate::project::Project;
use crate::sim;
use crate::toolchain::{Toolchain, World};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let project = Project::locate()?;
    let toolchain = Toolchain::prepare(&project)?;
    build(toolchain.cargo(World::Real, "build").args(["--release", "--package", "bench"]))?;
    let program = project.target.join("release/bench");
    if let [word] = arguments
        && word == "list"
    {
        return pass_on(Command::new(program).arg("list"));
    }
    let mut ottla = toolchain.cargo(World::Real, "build");
    build(ottla.args(["--release", "--package", "broker", "--bin", "ottla"]))?;

    let directory = project.target.join("bench");
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("creating {}", directory.display()))?;
    let results = directory.join("results.json");
    let mut run = Command::new(program);
    run.arg("run").args(arguments);
    run.arg("--ottla").arg(project.target.join("release/ottla"));
    run.arg("--dir").arg(&directory).arg("--results").arg(&results);
    if is_of_a_cluster(arguments) {
        build(&mut sim::build(&toolchain))?;
        run.arg("--sim").arg(sim::program(&project));
    } else if let Some(rdkafka) = rdkafka(&project)? {
        run.arg("--rdkafka").arg(rdkafka);
    }
    let code = pass_on(&mut run)?;
    eprintln!("all of it: {}", shown(&results));
    Ok(code)
}

/// Whether the first word asks for the cells of a cluster.
fn is_of_a_cluster(arguments: &[String]) -> bool {
    let mut words = arguments.iter().filter(|argument| !argument.starts_with("--"));
    words.next().is_some_and(|word| word == "cluster")
}

/// The programs over librdkafka, where they can be built.
fn rdkafka(project: &Project) -> Result<Option<PathBuf>> {
    let (mut command, program) = match clients::rdkafka_build(project, true) {
        Ok(build) => build,
        Err(missing) => {
            eprintln!("without librdkafka: {missing}");
            return Ok(None);
        }
    };
    build(&mut command)?;
    Ok(Some(program))
}

fn build(command: &mut Command) -> Result<()> {
    if !command.status().context("running cargo build")?.success() {
        bail!("the build failed");
    }
    Ok(())
}

fn pass_on(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().context("running bench")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
