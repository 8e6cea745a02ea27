//! Connections break, and both ends are told.

use crate::{machine::Machine, nemesis::silence::some_neighbours, world::World};

/// Resets the connections between a machine and some others.
pub(super) fn strike(world: &World, on: &Machine) {
    for other in some_neighbours(world, on) {
        world.network.reset(on.address(), other);
    }
}
