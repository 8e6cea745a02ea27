//! Python packages, each set in a virtual environment of its own under the target directory.

use crate::project::{Project, installed};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter of an environment that holds the given requirements. Made when it is missing or
/// holds others.
pub(crate) fn environment(project: &Project, name: &str, requirements: &str) -> Result<PathBuf> {
    let directory = project.target.join("python").join(name);
    let python = directory.join("bin/python");
    // Written last, so that what it says was installed.
    let stamp = directory.join("requirements.txt");
    if python.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|it| it == requirements) {
        return Ok(python);
    }
    if !installed("python3") {
        bail!("there is no python3");
    }
    if directory.exists() {
        std::fs::remove_dir_all(&directory).context("removing an old virtual environment")?;
    }
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&directory))
        .context("Python's venv does not work (Debian, Ubuntu: apt-get install python3-venv)")?;
    let wanted = directory.join("wanted.txt");
    std::fs::write(&wanted, requirements).context("writing the requirements")?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    succeed(install.arg("-r").arg(&wanted)).context("pip could not install")?;
    std::fs::rename(&wanted, &stamp).context("marking the environment as complete")?;
    Ok(python)
}

/// A Python program of the clients' folder, which leaves no files behind in it.
pub(crate) fn program(python: &Path, clients: &Path, file: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(clients.join(file)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let done = command.output().with_context(|| format!("starting {command:?}"))?;
    if !done.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&done.stderr).trim_end());
    }
    Ok(())
}
