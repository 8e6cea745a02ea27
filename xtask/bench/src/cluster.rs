//! Three brokers as one cluster: nodes of Ottla, or stubs of which one copies to the others.

use crate::bench::Side;
use crate::connection::Connection;
use crate::server::{Server, own_settings};
use crate::topics;
use anyhow::{Context, Result, ensure};
use protocol::{BrokerId, TopicName};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How many nodes it has, and replicas each topic.
pub(crate) const NODES: i16 = 3;

/// The cluster's id: any will do.
const CLUSTER_ID: &str = "b3R0bGEtYmVuY2gtMDAwMA";

/// Below those that a system gives to connections, so that a node that is killed finds its own
/// free when it starts again.
const PORTS: Range<u16> = 20_000..30_000;

#[derive(Debug)]
pub(crate) struct Cluster {
    side: Side,
    /// Node 1 and so on; of stubs, those that are copied to stand at the end.
    nodes: Vec<Server>,
}

impl Cluster {
    /// Three nodes that are brokers and controllers both, on empty directories in one that may be
    /// missing. All of them serve once this returns.
    pub(crate) fn ottla(program: &Path, directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).context("creating a directory")?;
        let ports = free_ports()?;
        let voters: Vec<String> = (1..)
            .zip(&ports)
            .map(|(id, [_, controller])| format!("{id}@127.0.0.1:{controller}"))
            .collect();
        let mut nodes = Vec::new();
        for (id, ports) in (1..).zip(ports) {
            let directory = directory.join(format!("node-{id}"));
            let settings = settings(id, &voters.join(","));
            format(program, &directory, ports, &settings)?;
            nodes.push(Server::ottla_at(program, &directory, ports, &settings)?);
        }
        for node in &mut nodes {
            node.wait_until_ready(usize::try_from(NODES)?)?;
        }
        Ok(Self { side: Side::Ottla, nodes })
    }

    /// Stubs with so many partitions. The first of them leads them all: which machine's core does
    /// what makes no difference on one machine.
    pub(crate) fn stubs(directory: &Path, partitions: i32) -> Result<Self> {
        let options = ["--partitions".to_owned(), partitions.to_string()];
        let start = |number: i16, options: &[String]| {
            Server::stub(&directory.join(format!("stub-{number}")), options)
        };
        let followers = (2..=NODES).map(|number| start(number, &options));
        let followers: Vec<Server> = followers.collect::<Result<_>>()?;
        let addresses: Vec<String> =
            followers.iter().map(|stub| stub.address.to_string()).collect();
        let copying = ["--copy-to".to_owned(), addresses.join(",")];
        let leader = start(1, &[&options[..], &copying[..]].concat())?;
        let nodes = std::iter::once(leader).chain(followers).collect();
        Ok(Self { side: Side::Ceiling, nodes })
    }

    /// Some node that serves; where one was killed, another one.
    pub(crate) fn connect(&self) -> Result<Connection> {
        let mut attempts = self.nodes.iter().map(|node| Connection::open(node.address));
        attempts.find(Result::is_ok).context("no node serves")?
    }

    pub(crate) fn addresses(&self) -> Vec<(BrokerId, SocketAddr)> {
        (1..).zip(&self.nodes).map(|(id, node)| (BrokerId(id), node.address)).collect()
    }

    pub(crate) fn node(&mut self, id: BrokerId) -> Result<&mut Server> {
        let index = usize::try_from(id.0 - 1).context("a node's id")?;
        self.nodes.get_mut(index).with_context(|| format!("there is no node {id}"))
    }

    /// Where each partition of a topic is produced to.
    pub(crate) fn leaders(
        &self,
        topic: &TopicName,
        partitions: Range<i32>,
    ) -> Result<BTreeMap<SocketAddr, Vec<i32>>> {
        let mut led: BTreeMap<_, Vec<i32>> = BTreeMap::new();
        match self.side {
            Side::Ceiling => drop(led.insert(self.nodes[0].address, partitions.collect())),
            Side::Ottla => {
                let addresses: BTreeMap<_, _> = self.addresses().into_iter().collect();
                for (partition, leader) in topics::leaders(&mut self.connect()?, topic)? {
                    let address = addresses.get(&leader).context("a leader from elsewhere")?;
                    led.entry(*address).or_default().push(partition);
                }
            }
        }
        Ok(led)
    }

    /// The CPU time of all nodes together.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.cpu_of_each()?.into_iter().map(Ok).sum()
    }

    pub(crate) fn cpu_of_each(&self) -> Result<Vec<Duration>> {
        self.nodes.iter().map(Server::cpu).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Together, and not each while the others' directories go: they would miss one another.
        for node in &mut self.nodes {
            // It may have ended already.
            let _ = node.kill();
        }
    }
}

/// What `ottla dev -n 3` gives its nodes; all else is as it comes.
fn settings(id: i32, voters: &str) -> Vec<String> {
    let replicas = NODES;
    let in_sync = replicas - 1;
    vec![
        format!("node.id={id}"),
        "process.roles=broker,controller".to_owned(),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!("controller.quorum.voters={voters}"),
        format!("default.replication.factor={replicas}"),
        format!("min.insync.replicas={in_sync}"),
        format!("offsets.topic.replication.factor={replicas}"),
        format!("transaction.state.log.replication.factor={replicas}"),
        format!("transaction.state.log.min.isr={in_sync}"),
    ]
}

fn format(program: &Path, directory: &Path, ports: [u16; 2], settings: &[String]) -> Result<()> {
    let [port, controller_port] = ports;
    let mut command = Command::new(program);
    command.args(["format", "--cluster-id", CLUSTER_ID]);
    command.args(own_settings(port, controller_port, directory));
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.stdin(Stdio::null()).output().context("formatting a node")?;
    ensure!(output.status.success(), "formatting: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Pairs of ports that were free a moment ago, for as many nodes.
fn free_ports() -> Result<Vec<[u16; 2]>> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let free: Vec<u16> = PORTS.filter(is_free).take(2 * usize::try_from(NODES)?).collect();
    let pairs: Vec<[u16; 2]> = free.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    ensure!(pairs.len() == usize::try_from(NODES)?, "there are too few free ports");
    Ok(pairs)
}
