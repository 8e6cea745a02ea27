//! `ottla dev`: a cluster of several processes on this machine, in one terminal.
//!
//! Each node is a process of this binary, as `ottla start` runs it, so each can be killed by itself.

mod layout;
mod node;

use std::{fmt, path::PathBuf, process::ExitStatus, time::Duration};

use clap::Args;
use client::door::{Entropy as _, SystemEntropy};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use self::{
    layout::Layout,
    node::{Event, NodeProcess},
};
use super::{Error, Process, start::first_lines};
use crate::{Doors, FormatMode, InitialControllers, config::BrokerConfig, format_node, identity};

const EXAMPLES: &str = "\
Examples:
  ottla dev
  ottla dev -n 5 --dir /tmp/cluster --base-port 19092
  ottla dev --set log.flush.interval.messages=1

The nodes are brokers, and the first three of them controllers too. What is in their directory stays
there, and the next start goes on with it.";

/// How often it's looked whether a node has ended.
const GLANCE: Duration = Duration::from_millis(50);

/// How long a node that ended stays away before it's started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Lines of the nodes' logs that wait to be printed.
const EVENTS_MAX: usize = 1024;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Dev {
    /// How many nodes.
    #[arg(long, short, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    nodes: u16,
    /// Where their data is. It's formatted at the first start.
    #[arg(long, short, value_name = "DIR", default_value = "ottla-dev")]
    dir: PathBuf,
    /// The first node's port; the others have the next ones. Controllers listen 1000 above,
    /// and the metrics are 2000 above.
    #[arg(long, value_name = "PORT", default_value_t = 9092)]
    base_port: u16,
    /// Start a node again that ended by itself, or was killed.
    #[arg(long)]
    restart: bool,
    /// Set a key on all nodes. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

impl Dev {
    pub(super) async fn run(self, process: Process, log: Option<String>) -> Result<(), Error> {
        let layout = Layout::new(self.nodes, self.dir, self.base_port, self.sets)?;
        format_missing(&layout, &process)?;
        let (events, happens) = mpsc::channel(EVENTS_MAX);
        let mut nodes = Vec::new();
        for id in layout.ids() {
            nodes.push(NodeProcess::new(id, layout.settings(id), log.clone(), events.clone()));
        }
        let mut cluster = Cluster {
            nodes,
            happens,
            layout,
            process,
            restart: self.restart,
            is_welcome: false,
            is_stopping: false,
            failed: None,
        };
        for index in 0..cluster.nodes.len() {
            cluster.nodes[index].start()?;
        }
        cluster.run().await
    }
}

/// Gives all nodes that have none their directories, for one cluster.
fn format_missing(layout: &Layout, process: &Process) -> Result<(), Error> {
    let doors = Doors::production(process.quorum_runtime.clone());
    let configs: Vec<BrokerConfig> =
        layout.ids().map(|id| layout.config(id)).collect::<Result<_, _>>()?;
    let mut cluster_id = None;
    for config in &configs {
        let known = identity::known_cluster(config, &doors)?;
        cluster_id = cluster_id.or(known);
    }
    let cluster_id = cluster_id.unwrap_or_else(|| SystemEntropy.uuid().to_string());
    for config in &configs {
        let initial = InitialControllers::Configured;
        format_node(config, &doors, &cluster_id, &initial, FormatMode::MissingOnly)?;
    }
    Ok(())
}

/// The running nodes, and the terminal that they share.
struct Cluster {
    nodes: Vec<NodeProcess>,
    happens: mpsc::Receiver<Event>,
    layout: Layout,
    process: Process,
    restart: bool,
    /// All have served, and people were told.
    is_welcome: bool,
    is_stopping: bool,
    /// Why all of it has to stop.
    failed: Option<Error>,
}

impl Cluster {
    /// Runs until it's stopped, or nothing is left to run.
    async fn run(mut self) -> Result<(), Error> {
        loop {
            tokio::select! {
                biased;
                () = &mut self.process.stop, if !self.is_stopping => self.stop(),
                () = &mut self.process.stop_at_once, if self.is_stopping => {
                    self.nodes.iter_mut().for_each(NodeProcess::kill);
                    return Err(Error::Interrupted);
                }
                Some(event) = self.happens.recv() => self.take(event)?,
                () = sleep(GLANCE) => self.look_around()?,
            }
            if self.nodes.iter().all(|node| !node.is_running() && node.restarts_at.is_none()) {
                self.print_the_rest();
                let nothing_left = !self.is_stopping && self.failed.is_none();
                let ended = "all nodes have ended: what they said last is above";
                return match self.failed.take() {
                    Some(error) => Err(error),
                    None if nothing_left => Err(Error::Usage(ended.to_owned())),
                    None => Ok(()),
                };
            }
        }
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        for node in &mut self.nodes {
            node.restarts_at = None;
            node.stop();
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Line { id, text } => self.print(id, &text),
            Event::Serving { id } => {
                if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) {
                    node.serves = true;
                }
                if !self.is_welcome && self.nodes.iter().all(|node| node.serves) {
                    self.is_welcome = true;
                    self.welcome()?;
                }
            }
        }
        Ok(())
    }

    /// Finds the nodes that have ended, and starts those whose time has come.
    fn look_around(&mut self) -> Result<(), Error> {
        for index in 0..self.nodes.len() {
            if let Some(status) = self.nodes[index].ended()? {
                self.after(index, status);
            }
            let is_due = |at: Instant| Instant::now() >= at;
            if self.nodes[index].restarts_at.is_some_and(is_due) {
                self.nodes[index].start()?;
            }
        }
        Ok(())
    }

    fn after(&mut self, index: usize, status: ExitStatus) {
        let id = self.nodes[index].id;
        if self.is_stopping {
            if !status.success() {
                self.print(id, &format!("did not stop in good order: {status}"));
            }
            return;
        }
        if !self.is_welcome {
            self.print_the_rest();
            self.failed = Some(Error::Usage(format!(
                "node {id} did not start ({status}): what it said last is above"
            )));
            return self.stop();
        }
        if self.restart {
            self.nodes[index].restarts_at = Some(Instant::now() + RESTART_PAUSE);
            self.print(id, &format!("ended: {status}; it's started again"));
        } else {
            self.print(id, &format!("ended: {status}; the others go on"));
        }
    }

    fn print_the_rest(&mut self) {
        while let Ok(event) = self.happens.try_recv() {
            if let Event::Line { id, text } = event {
                self.print(id, &text);
            }
        }
    }

    /// A line of a node's, in its colour. It's written whether anybody can read it or not.
    fn print(&mut self, id: u16, text: &str) {
        let _ = writeln!(self.process.warnings, "{} {text}", Prefix(id));
    }

    fn welcome(&mut self) -> Result<(), Error> {
        let bootstrap = self.layout.bootstrap();
        let pids: Vec<_> = self.nodes.iter().filter_map(NodeProcess::pid).collect();
        let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
        let output = &mut self.process.output;
        writeln!(
            output,
            "\nOttla's {} nodes are ready on {bootstrap}, with their data in {}. Ctrl-C stops them.\n\
             Their processes are {}: kill -9 one, and see.\n\
             Their metrics are on {}.\n{}",
            self.nodes.len(),
            self.layout.dir().display(),
            pids.join(", "),
            self.layout.metrics().join(", "),
            first_lines(&bootstrap, &self.process.program),
        )?;
        Ok(output.flush()?)
    }
}

/// What stands before each line of a node.
struct Prefix(u16);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use anstyle::AnsiColor::{BrightBlue, Cyan, Green, Magenta, Yellow};
        let colours = [Cyan, Magenta, Yellow, Green, BrightBlue];
        let colour = colours[usize::from(self.0 - 1) % colours.len()].on_default();
        write!(f, "{colour}node {} |{colour:#}", self.0)
    }
}
