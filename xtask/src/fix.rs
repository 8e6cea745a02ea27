//! `cargo xtask fix`: the one command that writes into the sources.

use crate::project::Project;
use crate::toolchain::{Toolchain, World};
use anyhow::{Result, bail};
use std::process::{Command, ExitCode};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if let Some(surplus) = arguments.first() {
        bail!("fix takes no arguments, and was given {surplus:?}");
    }
    let project = Project::locate()?;
    let toolchain = Toolchain::prepare(&project)?;
    let fix = |world| {
        let mut command = toolchain.cargo(world, "clippy");
        command.args(["--fix", "--allow-dirty", "--allow-staged", "--all-targets"]);
        command
    };
    let mut real = fix(World::Real);
    real.args(["--workspace", "--exclude", "sim"]);
    let mut simulation = fix(World::Simulation);
    simulation.args(["--package", "sim"]);
    let mut format = Command::new(env!("CARGO"));
    format.current_dir(&project.root).args(["fmt", "--all"]);
    for mut command in [real, simulation, format] {
        if !command.status()?.success() {
            bail!("{command:?} failed");
        }
    }
    Ok(ExitCode::SUCCESS)
}
