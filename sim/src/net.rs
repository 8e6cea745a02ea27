//! The simulated network: the door that a node listens and connects through.
//!
//! A connection is an ordered stream of bytes with bounded windows, carried in pieces that arrive
//! late, later where the link is slow, and not at all while it is cut. What the two ends learn of
//! each other's deaths is what TCP tells: a process that dies closes its ends; a machine that loses
//! its power falls silent, and resets the connections that it doesn't remember once it's back. What
//! TCP never does, and clients that try again do: a request that was sent may come once more, much
//! later, on another connection.

mod connection;
mod requests;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use client::net::{Listener, Net, Stream};
use futures_util::future::BoxFuture;
use madsim::{
    rand::{Rng, thread_rng},
    runtime::NodeHandle,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::{sleep, timeout},
};

use connection::Connection;
use requests::{Recent, Request};

/// Connections that wait to be accepted.
const BACKLOG_MAX: usize = 128;

/// How often a link that delivers nothing is looked at again.
const RETRANSMISSION: Duration = Duration::from_millis(10);

/// How long the answer to a request is waited for that was sent once more.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// The first port for the near ends of connections.
const EPHEMERAL_PORT_FIRST: u16 = 32_768;

/// All links of the simulated world. Clones share it.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
    /// Carries the bytes: apart from the machines, so that none of their deaths ends it.
    carrier: Arc<NodeHandle>,
}

#[derive(Default)]
struct State {
    listeners: BTreeMap<SocketAddr, mpsc::Sender<Arrival>>,
    connections: Vec<Weak<Connection>>,
    /// Links that deliver nothing, each one way, and by how many cuts.
    cuts: BTreeMap<Link, usize>,
    /// Who reaches a port nowhere, both ways, and by how many cuts.
    port_cuts: BTreeMap<(IpAddr, u16), usize>,
    /// How much later than usual some links deliver.
    slowness: BTreeMap<Link, Duration>,
    without_power: BTreeSet<IpAddr>,
    last_port: Option<u16>,
    recent: Recent,
    /// How often everything was mended.
    mends: u64,
}

/// From one machine to another.
type Link = (IpAddr, IpAddr);

/// Who opened a connection, and to which port.
type Service = (IpAddr, u16);

type Arrival = (Stream, SocketAddr);

impl Network {
    /// A network whose bytes are carried by tasks of the given node.
    #[must_use]
    pub fn new(carrier: NodeHandle) -> Self {
        Self { state: Arc::default(), carrier: Arc::new(carrier) }
    }

    /// The door of one machine.
    #[must_use]
    pub fn door(&self, address: IpAddr) -> Arc<dyn Net> {
        Arc::new(Door { network: self.clone(), address })
    }

    /// Cuts the links between two machines, both ways.
    pub fn cut(&self, one: IpAddr, other: IpAddr) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Cuts one direction: what is sent that way arrives after the link is mended. What was cut
    /// twice has to be mended twice.
    pub fn cut_one_way(&self, from: IpAddr, to: IpAddr) {
        *self.state().cuts.entry((from, to)).or_default() += 1;
    }

    /// Takes back one cut of one direction. Nothing happens if there is none.
    pub fn mend_one_way(&self, from: IpAddr, to: IpAddr) {
        take_back(&mut self.state().cuts, (from, to));
    }

    /// Keeps a machine from reaching anybody's port, though it reaches everybody's others.
    pub fn cut_from_port(&self, from: IpAddr, port: u16) {
        *self.state().port_cuts.entry((from, port)).or_default() += 1;
    }

    /// Takes back one such cut. Nothing happens if there is none.
    pub fn mend_to_port(&self, from: IpAddr, port: u16) {
        take_back(&mut self.state().port_cuts, (from, port));
    }

    /// Makes one direction slow: each delivery takes so much longer, and the next waits for it.
    ///
    /// # Panics
    /// If that is more than [`SLOWNESS_MAX`].
    pub fn slow_down(&self, from: IpAddr, to: IpAddr, slowness: Duration) {
        assert!(slowness <= SLOWNESS_MAX, "nothing is under way for longer");
        self.state().slowness.insert((from, to), slowness);
    }

    /// Lets one direction be as fast as usual.
    pub fn speed_up(&self, from: IpAddr, to: IpAddr) {
        self.state().slowness.remove(&(from, to));
    }

    /// Mends all links. What was to come once more doesn't any more.
    pub fn mend(&self) {
        let mut state = self.state();
        state.cuts.clear();
        state.port_cuts.clear();
        state.slowness.clear();
        state.mends += 1;
    }

    /// Sends one of the requests that were sent lately once more, so much later, on a connection of
    /// its own, and drops the answer. Nothing happens if the connection can't be opened, or if
    /// everything was mended meanwhile.
    pub async fn send_again(&self, late: Duration) {
        let (request, mends) = {
            let state = self.state();
            (state.recent.any(), state.mends)
        };
        let Some(Request { from, to, frame }) = request else { return };
        sleep(late + self.delay((from, to.ip()))).await;
        if self.state().mends != mends || self.is_blocked((from, to.ip()), (from, to.port())) {
            return;
        }
        let Ok(mut stream) = self.connect(from, to) else { return };
        if stream.write_all(&frame).await.is_ok() {
            // As long as it takes to be answered: a server that sees the end first may not begin.
            let _answer = timeout(ANSWER_TIME_MAX, stream.read_u8()).await;
        }
    }

    /// Resets the connections between two machines, as a firewall that lost its memory does.
    pub fn reset(&self, one: IpAddr, other: IpAddr) {
        for connection in self.state().living_connections() {
            if connection.is_between(one, other) {
                connection.reset();
            }
        }
    }

    /// Lets the connections between two machines fall silent, as a firewall does that forgot them
    /// and drops what belongs to none it knows. Neither end is told.
    pub fn silence(&self, one: IpAddr, other: IpAddr) {
        for connection in self.state().living_connections() {
            if connection.is_between(one, other) {
                connection.silence();
            }
        }
    }

    /// A machine loses its power: its connections fall silent.
    pub fn power_off(&self, address: IpAddr) {
        let mut state = self.state();
        state.without_power.insert(address);
        state.listeners.retain(|listening, _| listening.ip() != address);
        for connection in state.living_connections() {
            connection.forget(address);
        }
    }

    /// A machine has its power back, and remembers no connection.
    pub fn power_on(&self, address: IpAddr) {
        self.state().without_power.remove(&address);
    }

    /// A process of the machine has ended: nobody listens any more. Its connections are closed
    /// when its tasks are dropped.
    pub fn process_ended(&self, address: IpAddr) {
        self.state().listeners.retain(|listening, _| listening.ip() != address);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }

    fn listen(&self, at: SocketAddr) -> io::Result<SimListener> {
        let mut state = self.state();
        let at = if at.port() == 0 { SocketAddr::new(at.ip(), state.free_port()) } else { at };
        if state.listeners.get(&at).is_some_and(|listener| !listener.is_closed()) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, arrivals) = mpsc::channel(BACKLOG_MAX);
        state.listeners.insert(at, sender);
        Ok(SimListener { arrivals, address: at })
    }

    /// What the other machine answers to the first packet of a connection.
    fn connect(&self, from: IpAddr, to: SocketAddr) -> io::Result<Stream> {
        let mut state = self.state();
        let listener = state.listeners.get(&to).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
        let near = SocketAddr::new(from, state.free_port());
        let (connection, near_end, far_end) = Connection::open(near.ip(), to);
        listener.try_send((far_end, near)).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        state.connections.retain(|connection| connection.strong_count() > 0);
        state.connections.push(Arc::downgrade(&connection.shared));
        self.carrier.spawn(connection.carry(self.clone()));
        Ok(near_end)
    }

    fn is_blocked(&self, link: Link, service: Service) -> bool {
        self.state().is_blocked(link, service)
    }

    fn note_request(&self, request: Request) {
        self.state().recent.note(request);
    }

    /// How long what is sent now is under way.
    fn delay(&self, link: Link) -> Duration {
        latency() + self.state().slowness.get(&link).copied().unwrap_or_default()
    }

    /// Waits for as long as nothing gets through.
    async fn passable(&self, link: Link, service: Service) {
        while self.is_blocked(link, service) {
            sleep(RETRANSMISSION).await;
        }
    }
}

impl State {
    fn is_blocked(&self, link: Link, service: Service) -> bool {
        self.cuts.contains_key(&link)
            || self.without_power.contains(&link.1)
            || self.port_cuts.contains_key(&service)
    }

    fn living_connections(&self) -> impl Iterator<Item = Arc<Connection>> {
        self.connections.iter().filter_map(Weak::upgrade)
    }

    fn free_port(&mut self) -> u16 {
        let next = self.last_port.and_then(|port| port.checked_add(1));
        *self.last_port.insert(next.unwrap_or(EPHEMERAL_PORT_FIRST))
    }
}

fn take_back<K: Ord>(cuts: &mut BTreeMap<K, usize>, key: K) {
    if let Entry::Occupied(mut count) = cuts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

/// The longest that bytes are under way where no link is cut.
pub(crate) const DELAY_MAX: Duration = LATENCY_MAX.saturating_add(SLOWNESS_MAX);

/// The most that a slow link adds.
pub const SLOWNESS_MAX: Duration = Duration::from_millis(400);

const LATENCY_MAX: Duration = Duration::from_millis(100);

/// Mostly a millisecond or two, now and then much longer.
fn latency() -> Duration {
    let mut rng = thread_rng();
    let usually = Duration::from_millis(3);
    if rng.gen_bool(0.01) {
        rng.gen_range(usually..LATENCY_MAX)
    } else {
        rng.gen_range(Duration::from_millis(1)..usually)
    }
}

#[derive(Debug)]
struct Door {
    network: Network,
    address: IpAddr,
}

/// There are no names in this world.
fn resolve(host: &str) -> io::Result<IpAddr> {
    host.parse().map_err(|_| io::Error::other(format!("{host} is no address")))
}

impl Net for Door {
    fn listen(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let listener = resolve(host).and_then(|address| {
            if address != self.address && !address.is_unspecified() {
                return Err(io::ErrorKind::AddrNotAvailable.into());
            }
            let listener = self.network.listen(SocketAddr::new(self.address, port))?;
            Ok(Box::new(listener) as Box<dyn Listener>)
        });
        Box::pin(std::future::ready(listener))
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>> {
        let (network, from) = (self.network.clone(), self.address);
        let to = resolve(host).map(|address| SocketAddr::new(address, port));
        Box::pin(async move {
            let to = to?;
            sleep(network.delay((from, to.ip()))).await;
            let service = (from, to.port());
            network.passable((from, to.ip()), service).await;
            network.passable((to.ip(), from), service).await;
            network.connect(from, to)
        })
    }
}

#[derive(Debug)]
struct SimListener {
    arrivals: mpsc::Receiver<Arrival>,
    address: SocketAddr,
}

impl Listener for SimListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Stream, SocketAddr)>> {
        Box::pin(async {
            self.arrivals.recv().await.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
        })
    }

    fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests;
