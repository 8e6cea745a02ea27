//! A broker as a process of its own: a node of Ottla or the stub, on an empty directory.

use crate::connection::Connection;
use crate::topics::{self, Spread};
use crate::usage::{self, Memory};
use anyhow::{Context, Result, bail, ensure};
use protocol::TopicName;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether a node serves already: a start is measured this exactly.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// The command of this program that a node is started through.
pub(crate) const GUARDED: &str = "guarded";

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Its data, which goes when it does.
    directory: PathBuf,
    /// How to start it again.
    command: Restart,
}

#[derive(Debug, Clone)]
enum Restart {
    Never,
    Ottla { program: PathBuf, controller_port: u16, settings: Vec<String> },
}

impl Server {
    /// A stub, with the options of its command beyond the directory.
    pub(crate) fn stub(directory: &Path, options: &[String]) -> Result<Self> {
        std::fs::create_dir_all(directory).context("creating a directory")?;
        let mut child = Command::new(std::env::current_exe().context("this program")?)
            .arg("stub")
            .arg("--dir")
            .arg(directory)
            .args(options)
            .stdin(Stdio::piped()) // Its end is the stub's.
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the stub")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the stub's output")?;
        BufReader::new(stdout).read_line(&mut line).context("reading the stub's port")?;
        let port: u16 = line.trim().parse().context("the stub's port")?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        Ok(Self { child, address, directory: directory.to_owned(), command: Restart::Never })
    }

    /// A node on a directory, which clients may use once this returns. Settings are `key=value`.
    pub(crate) fn ottla(program: &Path, directory: &Path, settings: &[String]) -> Result<Self> {
        let mut server = Self::ottla_starting(program, directory, settings)?;
        server.wait_until_ready(1)?;
        Ok(server)
    }

    /// A node that was started a moment ago.
    pub(crate) fn ottla_starting(
        program: &Path,
        directory: &Path,
        settings: &[String],
    ) -> Result<Self> {
        Self::ottla_at(program, directory, free_ports()?, settings)
    }

    /// The same, on ports for clients and for controllers.
    pub(crate) fn ottla_at(
        program: &Path,
        directory: &Path,
        [port, controller_port]: [u16; 2],
        settings: &[String],
    ) -> Result<Self> {
        std::fs::create_dir_all(directory).context("creating a directory")?;
        let settings = settings.to_vec();
        let program = program.to_owned();
        let command = Restart::Ottla { program, controller_port, settings };
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let child = command.spawn(address, directory)?;
        Ok(Self { child, address, directory: directory.to_owned(), command })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn cpu(&self) -> Result<Duration> {
        usage::cpu(self.pid())
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        usage::memory(self.pid())
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing a broker")?;
        self.child.wait().context("waiting for a killed broker")?;
        Ok(())
    }

    /// Asks it to stop, and waits until it did.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).context("stopping a broker")?;
        let deadline = Instant::now() + STOPPED_WITHIN;
        while self.child.try_wait().context("watching a broker")?.is_none() {
            ensure!(Instant::now() < deadline, "the broker does not stop");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Starts it anew on what is left in its directory, after it ended.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.child = self.command.spawn(self.address, &self.directory)?;
        Ok(())
    }

    /// Its data on disk.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Waits until it answers a request for metadata with so many brokers.
    pub(crate) fn wait_until_ready(&mut self, brokers: usize) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_ready(brokers) {
            if let Some(status) = self.child.try_wait().context("watching a broker")? {
                bail!("the broker ended with {status} while it started");
            }
            ensure!(Instant::now() < deadline, "the broker does not serve");
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn is_ready(&self, brokers: usize) -> bool {
        let asked = Connection::open(self.address)
            .and_then(|mut connection| topics::metadata(&mut connection, &[]));
        asked.is_ok_and(|metadata| metadata.brokers.len() >= brokers)
    }

    /// Creates a topic, unless it is there already, and waits until all its partitions have
    /// leaders. Configurations are names and values.
    pub(crate) fn create_topic(
        &self,
        topic: &TopicName,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        topics::create_topic(self.address, topic, Spread { partitions, replicas: 1 }, configs)
    }
}

impl Restart {
    fn spawn(&self, address: SocketAddr, directory: &Path) -> Result<Child> {
        let Self::Ottla { program, controller_port, settings } = self else {
            bail!("a stub starts once");
        };
        let log = directory.with_extension("log");
        let log = File::options().create(true).append(true).open(log).context("a node's log")?;
        let mut command = Command::new(std::env::current_exe().context("this program")?);
        command.arg(GUARDED).arg(program);
        command.arg("start").args(own_settings(address.port(), *controller_port, directory));
        for setting in settings {
            command.args(["--set", setting]);
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing a node's log")?)
            .stderr(log)
            .spawn()
            .context("starting a node")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already. Nothing that fails here can be mended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Where a node listens and keeps its data, as options.
pub(crate) fn own_settings(port: u16, controller_port: u16, directory: &Path) -> [String; 4] {
    let listeners =
        format!("listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
    let directories = format!("log.dirs={}", directory.display());
    ["--set".to_owned(), listeners, "--set".to_owned(), directories]
}

/// Becomes another program, which the kernel kills when whoever started this one ends in whatever
/// way.
pub(crate) fn guarded(arguments: &[String]) -> Result<std::convert::Infallible> {
    let (program, arguments) = arguments.split_first().context("a program is missing")?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("asking to be killed")?;
    Err(Command::new(program).args(arguments).exec()).context("becoming another program")
}

/// Ports that were free a moment ago.
fn free_ports() -> Result<[u16; 2]> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port");
    let (first, second) = (listen()?, listen()?);
    Ok([first.local_addr()?.port(), second.local_addr()?.port()])
}
