//! The world: one network, one machine that runs the node, and a place for clients.

use std::{fmt, net::IpAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use client::{Cluster, ClusterOptions, ConnectionOptions, Doors, Endpoint};
use madsim::{rand::random, runtime::Handle};
use tokio::time::Instant;

use crate::{
    door::{SeededEntropy, SkewedClock},
    machine::Machine,
    net::Network,
    trace::Trace,
};

const NODE: &str = "10.0.0.1";
const CLIENTS: &str = "10.0.0.9";
const PORT: u16 = 9092;

/// What the node is started with: everything that happens in minutes happens in seconds.
const SETTINGS: &[&str] = &[
    "node.id=1",
    "listeners=PLAINTEXT://10.0.0.1:9092,CONTROLLER://10.0.0.1:9093",
    "log.dirs=/data",
    "log.initial.task.delay.ms=100",
    "log.retention.check.interval.ms=3000",
    "log.flush.offset.checkpoint.interval.ms=2000",
    "log.flush.start.offset.checkpoint.interval.ms=2000",
    "replica.high.watermark.checkpoint.interval.ms=1000",
    "broker.heartbeat.interval.ms=500",
    "auto.create.topics.enable=false",
    "ottla.log.dir.free.bytes.min=1000000",
];

/// Everything there is. Clones are the same world.
#[derive(Clone)]
pub struct World {
    /// All links.
    pub network: Network,
    /// Where the node runs.
    pub machine: Machine,
    /// What happened.
    pub trace: Trace,
}

impl World {
    /// A world in which nothing has happened yet. What must be kept in the real one is kept in a
    /// directory of its own.
    ///
    /// # Errors
    /// The settings aren't the node's.
    pub fn new(directory: &Path, trace: Trace) -> Result<Self> {
        let carrier = Handle::current().create_node().name("network").build();
        let network = Network::new(carrier);
        let machine = Machine::new(address(NODE), &network, &trace, directory, SETTINGS)?;
        Ok(Self { network, machine, trace })
    }

    /// Starts the node and waits until it serves.
    ///
    /// # Errors
    /// It doesn't.
    pub async fn start(&self) -> Result<()> {
        self.machine.start();
        self.machine.until_it_serves().await
    }

    /// A client of the node, as patient as it takes to outlast what is done to the node.
    ///
    /// # Errors
    /// The node doesn't answer.
    pub async fn client(&self) -> Result<Cluster> {
        let doors = Doors {
            net: self.network.door(self.clients()),
            clock: Arc::new(SkewedClock::new(Instant::now(), 0)),
            entropy: Arc::new(SeededEntropy::new(random())),
        };
        let options = ClusterOptions {
            connection: ConnectionOptions {
                connect_timeout: Duration::from_secs(2),
                request_timeout: Duration::from_secs(5),
                ..ConnectionOptions::default()
            },
            retry_for: Duration::from_secs(120),
            ..ClusterOptions::default()
        };
        let bootstrap = vec![Endpoint { host: NODE.to_owned(), port: PORT }];
        Cluster::connect(doors, bootstrap, options).await.context("no client can connect")
    }

    /// Where the clients are.
    #[must_use]
    pub fn clients(&self) -> IpAddr {
        address(CLIENTS)
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
