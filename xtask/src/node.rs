//! A real node on loopback, for real clients: started from the development build on free ports,
//! stopped by a signal, or killed.

use crate::journal::wait;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Node {
    binary: PathBuf,
    /// Its log directory. Kept after the node stopped, and replaced by the next of its name.
    pub(crate) data: PathBuf,
    port: u16,
    controller_port: u16,
    child: Child,
}

impl Node {
    /// Starts on an empty directory, and returns once clients are served.
    pub(crate) fn start(binary: &Path, data: PathBuf) -> Result<Self> {
        if data.exists() {
            std::fs::remove_dir_all(&data)
                .with_context(|| format!("emptying {}", data.display()))?;
        }
        std::fs::create_dir_all(&data).with_context(|| format!("creating {}", data.display()))?;
        File::create(log_beside(&data)).context("creating the node's log")?;
        let (port, controller_port) = free_ports()?;
        let binary = binary.to_owned();
        let child = spawn(&binary, &data, port, controller_port)?;
        let mut node = Self { binary, data, port, controller_port, child };
        node.ready()?;
        Ok(node)
    }

    /// Where clients connect to.
    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What all its processes printed.
    pub(crate) fn log(&self) -> PathBuf {
        log_beside(&self.data)
    }

    /// Kills it as a power button would, but for the page cache, and starts it on what is left.
    pub(crate) fn kill_and_restart(&mut self) -> Result<()> {
        self.child.kill().context("killing the node")?;
        self.child.wait().context("waiting for the killed node")?;
        self.child = spawn(&self.binary, &self.data, self.port, self.controller_port)?;
        self.ready()
    }

    /// Asks it to stop, which it must do soon and with exit code zero.
    pub(crate) fn stop(mut self) -> Result<()> {
        stop(&mut self.child)
    }

    fn ready(&mut self) -> Result<()> {
        until_listed(&mut self.child, self.port, 1)
    }
}

/// Waits until a process serves, and knows so many brokers.
pub(crate) fn until_listed(child: &mut Child, port: u16, brokers: u32) -> Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    while listed_brokers(port) < brokers {
        if let Some(status) = child.try_wait().context("watching the node")? {
            bail!("the node ended with {status} while it started");
        }
        if Instant::now() > deadline {
            bail!("the node does not serve after {READY_WITHIN:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Asks a process to stop, which it must do soon and with exit code zero.
pub(crate) fn stop(child: &mut Child) -> Result<()> {
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    if !asked.context("running kill")?.success() {
        bail!("the node is not there to be stopped");
    }
    match wait(child, STOPPED_WITHIN)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("the node ended with {status} after SIGTERM"),
        None => bail!("the node did not stop within {STOPPED_WITHIN:?} of SIGTERM"),
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already. Nothing that fails here can be mended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(binary: &Path, data: &Path, port: u16, controller_port: u16) -> Result<Child> {
    let listeners =
        format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
    let log =
        File::options().append(true).open(log_beside(data)).context("opening the node's log")?;
    Command::new(binary)
        .args(["start", "--set", &format!("listeners={listeners}")])
        .args(["--set", &format!("log.dirs={}", data.display())])
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("sharing the node's log")?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))
}

fn log_beside(data: &Path) -> PathBuf {
    data.with_extension("log")
}

/// Two ports that were free a moment ago.
fn free_ports() -> Result<(u16, u16)> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port");
    let (first, second) = (listen()?, listen()?);
    Ok((first.local_addr()?.port(), second.local_addr()?.port()))
}

/// Asks for metadata, version 0, and sees how many brokers the answer lists.
pub(crate) fn listed_brokers(port: u16) -> u32 {
    const REQUEST: [u8; 18] = [
        0, 0, 0, 14, // length
        0, 3, 0, 0, // Metadata, version 0
        0, 0, 0, 7, // correlation id
        0xff, 0xff, // no client id
        0, 0, 0, 0, // no topics named: all of them
    ];
    let ask = || -> std::io::Result<[u8; 12]> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(&REQUEST)?;
        // Length, correlation id, number of brokers.
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    match ask() {
        Ok([_, _, _, _, correlation_id @ .., a, b, c, d]) if correlation_id == REQUEST[8..12] => {
            u32::from_be_bytes([a, b, c, d])
        }
        _ => 0,
    }
}
