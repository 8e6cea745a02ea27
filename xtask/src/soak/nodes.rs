//! The cluster's nodes from outside: which process is which, and how they are, as the `ottla`
//! command tells it.

use super::client::Clients;
use crate::cluster::{Cluster, NODES};
use crate::node::listed_brokers;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const GLANCE: Duration = Duration::from_millis(200);

/// How long a question may take: another node may still have to answer it.
const ANSWER_SECONDS: &str = "2";

#[derive(Debug)]
pub(super) struct Nodes {
    ottla: PathBuf,
    bootstrap: String,
    /// Where they listen.
    ports: Vec<u16>,
    /// Of the process that starts them.
    parent: u32,
    topic: &'static str,
}

impl Nodes {
    pub(super) fn new(ottla: &Path, cluster: &Cluster, topic: &'static str) -> Self {
        let (ottla, bootstrap) = (ottla.to_owned(), cluster.bootstraps());
        let ports = (1..=NODES).map(|node| cluster.port_of(node)).collect();
        Self { ottla, bootstrap, ports, parent: cluster.pid(), topic }
    }

    pub(super) fn create_topic(&self, partitions: u32) -> Result<()> {
        let (partitions, replicas) = (partitions.to_string(), NODES.to_string());
        let mut create = self.command(&["topic", "create", self.topic]);
        create.args(["--partitions", &partitions, "--replication-factor", &replicas]);
        create.args(["--config", "min.insync.replicas=2"]);
        let done = create.output().context("running ottla")?;
        if !done.status.success() {
            bail!("creating the topic: {}", String::from_utf8_lossy(&done.stderr).trim_end());
        }
        Ok(())
    }

    /// The process that a node is now, if there is one.
    pub(super) fn process_of(&self, node: u16) -> Result<Option<u32>> {
        let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid=,args="]).output();
        let text = listed.context("running ps")?.stdout;
        Ok(find_process(&String::from_utf8_lossy(&text), self.parent, node))
    }

    /// Kills a node's process, if there is one.
    pub(super) fn kill(&self, node: u16) -> Result<bool> {
        let Some(process) = self.process_of(node)? else { return Ok(false) };
        let killed = Command::new("kill").args(["-KILL", &process.to_string()]).output();
        // One that ended meanwhile by itself cannot be killed.
        Ok(killed.context("running kill")?.status.success())
    }

    /// Who leads the quorum, if somebody does.
    pub(super) fn active_controller(&self) -> Option<u16> {
        let text = self.ask(&["cluster", "quorum"])?;
        text.lines()
            .find_map(|line| line.strip_prefix("controller ")?.split(' ').next()?.parse().ok())
    }

    /// Whether all of them serve, and all replicas are in sync.
    pub(super) fn are_whole(&self) -> bool {
        // One that was killed a moment ago is still listed among those in sync. It has begun to
        // serve again only after it was taken off that list.
        if self.ports.iter().any(|port| listed_brokers(*port) == 0) {
            return false;
        }
        let described = self.ask(&["topic", "describe", self.topic]);
        described.is_some_and(|table| are_in_sync(&table, usize::from(NODES)))
    }

    /// Waits until they are.
    pub(super) fn until_whole(&self, limit: Duration, clients: &mut Clients) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !self.are_whole() {
            clients.watch()?;
            if Instant::now() > deadline {
                bail!("not all replicas are in sync {limit:?} after the last kill");
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    fn ask(&self, words: &[&str]) -> Option<String> {
        let answer = self.command(words).args(["--timeout", ANSWER_SECONDS]).output().ok()?;
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.ottla);
        command.args(words).args(["--bootstrap", &self.bootstrap]);
        command
    }
}

/// Finds a node among the children of a process: it was told its id.
fn find_process(list: &str, parent: u32, node: u16) -> Option<u32> {
    let id = format!("node.id={node}");
    list.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let process = words.next()?.parse().ok()?;
        let is_child = words.next()?.parse() == Ok(parent);
        (is_child && words.any(|word| word == id)).then_some(process)
    })
}

/// Whether the table that describes a topic lists as many replicas in sync everywhere.
fn are_in_sync(table: &str, replicas: usize) -> bool {
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let Some(isr) = rows.next().and_then(|names| names.iter().position(|name| *name == "ISR"))
    else {
        return false;
    };
    let in_sync = |row: &Vec<&str>| row.get(isr).map_or(0, |isr| isr.split(',').count());
    let counts: Vec<usize> = rows.map(|row| in_sync(&row)).collect();
    !counts.is_empty() && counts.iter().all(|count| *count == replicas)
}

#[cfg(test)]
mod tests {
    use super::{are_in_sync, find_process};

    #[test]
    fn a_node_is_found_among_the_children_of_its_cluster() {
        let list = "    7     1 ottla dev --restart\n   12     7 ottla start --set node.id=1 x\n\
                       13     9 ottla start --set node.id=2\n   14     7 ottla start --set node.id=2";
        assert_eq!(find_process(list, 7, 2), Some(14));
        assert_eq!(find_process(list, 7, 3), None);
    }

    #[test]
    fn a_topic_is_whole_when_every_partition_is() {
        let table = |last: &str| {
            format!(
                "TOPIC PARTITION LEADER EPOCH REPLICAS ISR OFFLINE CONFIGS\n\
                 soak 0 1 0 1,2,3 1,2,3 - a=b\nsoak 1 2 0 2,3,1 {last} -\n"
            )
        };
        assert!(are_in_sync(&table("2,3,1"), 3));
        assert!(!are_in_sync(&table("2,3"), 3));
        assert!(!are_in_sync("", 3));
    }
}
