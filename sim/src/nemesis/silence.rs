//! Connections fall silent: both ends are there, and nothing gets through. New ones work.

use std::net::IpAddr;

use madsim::rand::{Rng, thread_rng};

use crate::{machine::Machine, world::World};

/// Silences the connections between a machine and some others.
pub(super) fn strike(world: &World, on: &Machine) {
    for other in some_neighbours(world, on) {
        world.network.silence(on.address(), other);
    }
}

/// The clients of a machine that is alone; some of all others that one of several talks to.
pub(super) fn some_neighbours(world: &World, of: &Machine) -> Vec<IpAddr> {
    let clients = world.clients();
    if world.shape().is_single() {
        return vec![clients];
    }
    let nodes = world.machines().iter().map(Machine::address).chain([clients]);
    nodes.filter(|other| *other != of.address() && thread_rng().gen_bool(0.5)).collect()
}
