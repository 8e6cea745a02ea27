//! The log file of one step: every command that it ran, with all they printed.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { path, file })
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Writes a line of the step's own.
    pub(crate) fn note(&mut self, line: &str) -> Result<()> {
        writeln!(self.file, "{line}").context("writing the log")
    }

    /// A handle to give a process as its output.
    pub(crate) fn output(&self) -> Result<Stdio> {
        Ok(self.file.try_clone().context("sharing the log")?.into())
    }

    /// Runs a command to its end. An exit code other than zero is an error, and so is no end
    /// within the limit.
    pub(crate) fn run(&mut self, command: &mut Command, limit: Duration) -> Result<()> {
        self.note(&format!("$ {}", line_of(command)))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(self.output()?)
            .stderr(self.output()?)
            .spawn()
            .with_context(|| format!("starting {}", name_of(command)))?;
        match wait(&mut child, limit)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("{} ended with {status}", name_of(command)),
            None => bail!("{} did not end within {limit:?}", name_of(command)),
        }
    }

    /// The log so far.
    pub(crate) fn text(&self) -> Result<String> {
        let bytes = std::fs::read(&self.path).context("reading the log")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Waits for a process, and kills it at the limit: then there is no status.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().context("waiting for a process")? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill().context("killing a process")?;
            child.wait().context("waiting for a killed process")?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn name_of(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().map(|name| name.to_string_lossy().into_owned());
    match command.get_args().next() {
        Some(first) => format!("{} {}", name.unwrap_or_default(), first.to_string_lossy()),
        None => name.unwrap_or_default(),
    }
}

fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
