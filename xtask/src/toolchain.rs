//! What the builds need beyond Rust: a C and C++ compiler, libclang, and RocksDB's archive.
//! Each is looked for, then made or installed, then named.

use crate::project::{Project, installed};
use crate::{libclang, rocksdb};
use anyhow::{Result, bail};
use std::ffi::OsString;
use std::process::Command;

/// An environment in which every crate of the workspace builds.
#[derive(Debug)]
pub(crate) struct Toolchain {
    project: Project,
    environment: Vec<(&'static str, OsString)>,
}

/// Which of the two worlds a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    /// Tokio, the system's clock and disk: what runs in production.
    Real,
    /// The same crates inside the simulator.
    Simulation,
}

/// The flags that make a build a simulation. Always both: see DESIGN's section on doors.
const SIMULATION_FLAGS: &str = "--cfg madsim --cfg museum";

impl Toolchain {
    /// Quick when everything is there. The first time may take many minutes, and says so.
    pub(crate) fn prepare(project: &Project) -> Result<Self> {
        demand_compilers()?;
        let mut environment = libclang::environment(project)?;
        environment.extend(rocksdb::environment(project, &environment)?);
        Ok(Self { project: project.clone(), environment })
    }

    /// `cargo SUBCOMMAND` for one of the worlds. Each has a target folder of its own, because
    /// flags are part of what cargo builds for.
    pub(crate) fn cargo(&self, world: World, subcommand: &str) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&self.project.root).arg(subcommand);
        command.envs(self.environment.iter().cloned());
        match world {
            World::Real => command.env("CARGO_TARGET_DIR", &self.project.target),
            World::Simulation => {
                let flags = match std::env::var("RUSTFLAGS") {
                    Ok(own) => format!("{own} {SIMULATION_FLAGS}"),
                    Err(_) => SIMULATION_FLAGS.to_owned(),
                };
                command.env("RUSTFLAGS", flags).args(["--profile", "sim"]);
                command.env("CARGO_TARGET_DIR", self.project.target.join("sim"))
            }
        };
        command
    }
}

fn demand_compilers() -> Result<()> {
    let c = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let cpp = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    for (variable, compiler) in [("CC", c), ("CXX", cpp)] {
        // The variable may hold a wrapper and its compiler, as in "ccache g++".
        let program = compiler.split_whitespace().next().unwrap_or_default();
        if !installed(program) && !std::path::Path::new(program).is_file() {
            bail!(
                "there is no `{compiler}`: install a C and C++ compiler (Debian, Ubuntu: apt-get \
                 install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install), or set \
                 {variable}"
            );
        }
    }
    Ok(())
}
