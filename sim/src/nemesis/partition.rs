//! Some machines don't reach others: both ways or one, all or a few.

use std::{net::IpAddr, time::Duration};

use madsim::rand::{Rng, seq::SliceRandom, thread_rng};
use tokio::time::sleep;

use super::{a_while, between};
use crate::{machine::Machine, net::Network, shape::CONTROLLER_PORT, world::World};

/// How long a partition of a cluster lasts.
const LEAST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(60);

/// Links that are cut together, and mended together: also when whoever cut them is stopped.
#[derive(Debug)]
pub struct Partition {
    network: Network,
    links: Vec<(IpAddr, IpAddr)>,
    ports: Vec<(IpAddr, u16)>,
}

impl Partition {
    /// Cuts links, each one way.
    #[must_use]
    pub fn of_links(network: &Network, links: Vec<(IpAddr, IpAddr)>) -> Self {
        for (from, to) in &links {
            network.cut_one_way(*from, *to);
        }
        Self { network: network.clone(), links, ports: Vec::new() }
    }

    /// Cuts a machine off from all others, but not from clients.
    #[must_use]
    pub fn around(world: &World, machine: &Machine) -> Self {
        let own = machine.address();
        let others = world.machines().iter().map(Machine::address).filter(|other| *other != own);
        let links = others.flat_map(|other| [(own, other), (other, own)]).collect();
        Self::of_links(&world.network, links)
    }

    /// Keeps machines from reaching a port anywhere.
    #[must_use]
    pub fn of_ports(network: &Network, ports: Vec<(IpAddr, u16)>) -> Self {
        for (from, port) in &ports {
            network.cut_from_port(*from, *port);
        }
        Self { network: network.clone(), links: Vec::new(), ports }
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        for (from, to) in &self.links {
            self.network.mend_one_way(*from, *to);
        }
        for (from, port) in &self.ports {
            self.network.mend_to_port(*from, *port);
        }
    }
}

/// Cuts some links around a machine for a while.
pub(super) async fn strike(world: &World, on: &Machine) {
    let (network, own) = (&world.network, on.address());
    let is_alone = world.shape().is_single();
    let partition = if is_alone {
        let links = one_or_both_ways(vec![(own, world.clients())]);
        Partition::of_links(network, links)
    } else if thread_rng().gen_bool(0.25) {
        Partition::of_ports(network, vec![(own, CONTROLLER_PORT)])
    } else {
        Partition::of_links(network, some_links(world, own))
    };
    world.trace.note(format_args!("cut: {:?} {:?}", partition.links, partition.ports));
    sleep(if is_alone { a_while() } else { between(LEAST, MOST) }).await;
    drop(partition);
}

fn some_links(world: &World, own: IpAddr) -> Vec<(IpAddr, IpAddr)> {
    let mut rng = thread_rng();
    let mut nodes: Vec<IpAddr> = world.machines().iter().map(Machine::address).collect();
    nodes.shuffle(&mut rng);
    let others: Vec<IpAddr> = nodes.iter().copied().filter(|node| *node != own).collect();
    let pairs: Vec<(IpAddr, IpAddr)> = match rng.gen_range(0..6) {
        // Alone, maybe with its clients.
        0 | 1 => {
            let clients = rng.gen_bool(0.3).then(|| world.clients());
            others.into_iter().chain(clients).map(|other| (own, other)).collect()
        }
        // From one other node.
        2 => vec![(own, others[0])],
        // Two halves, one of them with the clients or none.
        3 => {
            let (some, rest) = nodes.split_at(nodes.len() / 2);
            let pairs = some.iter().flat_map(|one| rest.iter().map(|other| (*one, *other)));
            let clients = rng.gen_bool(0.5).then(|| some.iter().map(|one| (*one, world.clients())));
            pairs.chain(clients.into_iter().flatten()).collect()
        }
        // Two halves that both reach this one.
        4 => {
            let (some, rest) = others.split_at(others.len() / 2);
            some.iter().flat_map(|one| rest.iter().map(|other| (*one, *other))).collect()
        }
        _ => vec![(own, world.clients())],
    };
    one_or_both_ways(pairs)
}

fn one_or_both_ways(pairs: Vec<(IpAddr, IpAddr)>) -> Vec<(IpAddr, IpAddr)> {
    let there = pairs.iter().copied();
    let back = pairs.iter().map(|(one, other)| (*other, *one));
    match thread_rng().gen_range(0..4) {
        0 => there.collect(),
        1 => back.collect(),
        _ => there.chain(back).collect(),
    }
}
