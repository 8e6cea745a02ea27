//! The world: one network, the machines of one cluster, and a place for clients.

mod verbs;

use std::{
    fmt, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use client::{Cluster, ClusterOptions, ConnectionOptions, Doors, Endpoint};
use madsim::{rand::random, runtime::Handle};
use protocol::BrokerId;
use tokio::time::Instant;

use crate::{
    cast::Cast,
    door::{SeededEntropy, SkewedClock},
    machine::{Machine, configuration},
    net::Network,
    observer::Observer,
    shape::{BROKER_PORT, NodeShape, Shape, address_of},
    trace::Trace,
    workload::history::History,
};

/// Where the clients are: beside all machines.
const CLIENTS: BrokerId = BrokerId(200);

/// Everything there is. Clones are the same world.
#[derive(Clone)]
pub struct World {
    /// All links.
    pub network: Network,
    /// What happened.
    pub trace: Trace,
    /// Who plays which role.
    pub cast: Cast,
    /// Who sees everything, and judges.
    pub observer: Observer,
    /// What clients asked for, and what they were told.
    pub history: History,
    /// Whether only they are believed: whoever looks into nodes keeps it to himself.
    pub is_blind: bool,
    shape: Arc<Shape>,
    machines: Arc<[Machine]>,
    /// Whose loss has to be made good first before another may lose what it hadn't synced.
    loss: Arc<Mutex<Option<BrokerId>>>,
}

impl World {
    /// A world in which nothing has happened yet. What must be kept in the real one is kept in a
    /// directory of its own.
    ///
    /// # Errors
    /// The settings aren't the nodes'.
    pub fn new(directory: &Path, shape: Shape, trace: Trace) -> Result<Self> {
        let carrier = Handle::current().create_node().name("network").build();
        let network = Network::new(carrier);
        let cast = Cast::default();
        let of_all = configuration(&shape, &shape.nodes[0])?;
        let election_timeout = of_all.quorum_election_timeout;
        let observer = Observer::new(&trace, of_all.static_overrides, election_timeout);
        let machine = |node| {
            let directory = stores_of(directory, node)?;
            Machine::new(&shape, node, &network, &trace, &directory, (&cast, &observer))
        };
        let machines = shape.nodes.iter().map(machine).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            network,
            trace,
            cast,
            observer,
            history: History::default(),
            is_blind: false,
            shape: Arc::new(shape),
            machines: machines.into(),
            loss: Arc::default(),
        })
    }

    /// Starts all nodes, and waits until they serve.
    ///
    /// # Errors
    /// One of them doesn't.
    pub async fn start(&self) -> Result<()> {
        for machine in self.machines() {
            machine.start();
        }
        self.until_all_serve().await
    }

    /// Waits until all nodes serve.
    ///
    /// # Errors
    /// One of them doesn't.
    pub async fn until_all_serve(&self) -> Result<()> {
        for machine in self.machines() {
            let serves = machine.until_it_serves().await;
            serves.with_context(|| format!("node {}", machine.id()))?;
        }
        Ok(())
    }

    /// What the cluster looks like.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// All machines, in the order of their ids.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The machines that hold partitions.
    pub fn brokers(&self) -> impl Iterator<Item = &Machine> {
        self.machines().iter().filter(|machine| machine.shape().is_broker)
    }

    /// The machines that vote in the quorum.
    pub fn controllers(&self) -> impl Iterator<Item = &Machine> {
        self.machines().iter().filter(|machine| machine.shape().is_controller)
    }

    /// The machine with a number.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn machine(&self, id: BrokerId) -> &Machine {
        let found = self.machines().iter().find(|machine| machine.id() == id);
        found.expect("the machines of a cluster are known")
    }

    /// The machine, where there is only one.
    ///
    /// # Panics
    /// If there are more.
    #[must_use]
    pub fn lone(&self) -> &Machine {
        assert!(self.shape.is_single(), "there are several machines: say which");
        &self.machines[0]
    }

    /// A client of the cluster, as patient as it takes to outlast what is done to it.
    ///
    /// # Errors
    /// No node answers.
    pub async fn client(&self) -> Result<Cluster> {
        self.client_by(self.brokers().map(Machine::address).collect()).await
    }

    /// A client that was told of one node only.
    ///
    /// # Errors
    /// It doesn't answer.
    pub async fn client_of(&self, machine: &Machine) -> Result<Cluster> {
        self.client_by(vec![machine.address()]).await
    }

    async fn client_by(&self, addresses: Vec<IpAddr>) -> Result<Cluster> {
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
        let bootstrap = addresses.into_iter();
        let bootstrap =
            bootstrap.map(|address| Endpoint { host: address.to_string(), port: BROKER_PORT });
        let connected = Cluster::connect(doors, bootstrap.collect(), options).await;
        connected.context("no client can connect")
    }

    /// Where the clients are.
    #[must_use]
    pub fn clients(&self) -> IpAddr {
        address_of(CLIENTS)
    }

    /// How often the machine had lost its power when it sent what arrives now; none if that isn't
    /// clear, as it never is of one among several.
    #[must_use]
    pub fn power_losses_of_sender(&self) -> Option<u32> {
        match &*self.machines {
            [only] => only.power_losses_of_sender(),
            _ => None,
        }
    }

    /// The machine that lost something, until that's made good.
    pub(crate) fn loss(&self) -> MutexGuard<'_, Option<BrokerId>> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one machine's stores are in the real world: RocksDB's files.
fn stores_of(directory: &Path, node: &NodeShape) -> Result<PathBuf> {
    let own = directory.join(node.id.to_string());
    fs::create_dir(&own).with_context(|| format!("creating {}", own.display()))?;
    Ok(own)
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
