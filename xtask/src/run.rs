//! `cargo xtask run`: a node in release, on this machine, from one command.

use crate::project::Project;
use crate::toolchain::{Toolchain, World};
use anyhow::{Context, Result, bail};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let own = match arguments.split_first() {
        None => &[],
        Some((separator, own)) if separator == "--" => own,
        Some((other, _)) => bail!("run passes on what follows `--`, and was given {other:?}"),
    };
    let project = Project::locate()?;
    let toolchain = Toolchain::prepare(&project)?;
    let mut build = toolchain.cargo(World::Real, "build");
    build.args(["--release", "--package", "broker", "--bin", "ottla"]);
    if !build.status().context("running cargo build")?.success() {
        bail!("the build failed");
    }
    let binary = project.target.join("release/ottla");
    // What it prints to paste is for the folder that the command was given in.
    let here = std::env::current_dir().context("the current folder")?;
    let shown = binary.strip_prefix(&here).unwrap_or(&binary);
    // Without a file it stands alone on 127.0.0.1:9092, with its data in the folder `data`. It
    // takes this process's place, so that signals reach it and its exit code is ours.
    let failure =
        Command::new(&binary).arg0(shown).current_dir(&project.root).arg("start").args(own).exec();
    Err(failure).context("starting ottla")
}
