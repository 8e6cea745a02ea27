//! A real cluster of three on loopback, as `ottla dev` starts it.

use crate::node::{stop, until_listed};
use anyhow::{Context, Result};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How many nodes it has, and replicas each topic.
pub(crate) const NODES: u16 = 3;

/// Where to look for free ports in a row, and how far the controllers' ports are from the others.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
const CONTROLLERS_ABOVE: u16 = 1000;

#[derive(Debug)]
pub(crate) struct Cluster {
    /// Its nodes' log directories are in it, as `node-1` and so on.
    data: PathBuf,
    port: u16,
    child: Child,
}

impl Cluster {
    /// Starts on an empty directory, and returns once all nodes serve.
    pub(crate) fn start(binary: &Path, data: PathBuf) -> Result<Self> {
        Self::start_at(free_ports()?, binary, data, &[])
    }

    /// The same with more options for `ottla dev`, and the first node at a port.
    pub(crate) fn start_at(
        port: u16,
        binary: &Path,
        data: PathBuf,
        options: &[&str],
    ) -> Result<Self> {
        if data.exists() {
            std::fs::remove_dir_all(&data)
                .with_context(|| format!("emptying {}", data.display()))?;
        }
        std::fs::create_dir_all(&data).with_context(|| format!("creating {}", data.display()))?;
        let log = File::create(data.with_extension("log")).context("creating the cluster's log")?;
        let child = Command::new(binary)
            .args(["dev", "--nodes", &NODES.to_string(), "--base-port", &port.to_string()])
            .arg("--dir")
            .arg(&data)
            .args(options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing the cluster's log")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut cluster = Self { data, port, child };
        for node in 0..NODES {
            until_listed(&mut cluster.child, port + node, u32::from(NODES))?;
        }
        Ok(cluster)
    }

    /// Where clients connect to.
    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All the places where clients may connect to, whichever of them is away.
    pub(crate) fn bootstraps(&self) -> String {
        let places: Vec<_> =
            (1..=NODES).map(|node| format!("127.0.0.1:{}", self.port_of(node))).collect();
        places.join(",")
    }

    /// Where one node listens, counted from 1.
    pub(crate) fn port_of(&self, node: u16) -> u16 {
        self.port + node - 1
    }

    /// The process that started the nodes' processes.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log directory of one node, which has all topics of as many replicas as there are nodes.
    pub(crate) fn node_data(&self) -> PathBuf {
        self.data.join("node-1")
    }

    /// What all its processes printed.
    pub(crate) fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// Asks it to stop, which it must do soon and with exit code zero.
    pub(crate) fn stop(mut self) -> Result<()> {
        stop(&mut self.child)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Only when something else has failed: asked kindly, it takes its nodes with it.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = stop(&mut self.child);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The first of ports in a row that were free a moment ago, those of the controllers with them.
pub(crate) fn free_ports() -> Result<u16> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut rows = PORTS.step_by(usize::from(NODES));
    let all_free = |first: &u16| {
        (0..NODES).all(|node| is_free(first + node) && is_free(first + CONTROLLERS_ABOVE + node))
    };
    rows.find(all_free).context("there are no free ports in a row")
}
