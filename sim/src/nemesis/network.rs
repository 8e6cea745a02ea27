//! What happens to the links between the node and its clients.

use std::time::Duration;

use madsim::rand::{Rng, thread_rng};
use tokio::time::sleep;

use super::a_while;
use crate::{net::SLOWNESS_MAX, world::World};

/// Cuts the link for a while: both ways, or one.
pub(super) async fn cut(world: &World) {
    let (node, clients) = (world.machine.address(), world.clients());
    match thread_rng().gen_range(0..3) {
        0 => world.network.cut_one_way(node, clients),
        1 => world.network.cut_one_way(clients, node),
        _ => world.network.cut(node, clients),
    }
    sleep(a_while()).await;
    world.network.mend();
}

/// Breaks all connections.
pub(super) fn reset(world: &World) {
    world.network.reset(world.machine.address(), world.clients());
}

/// Lets all connections fall silent: new ones work.
pub(super) fn silence(world: &World) {
    world.network.silence(world.machine.address(), world.clients());
}

/// Makes the link slow for a while, both ways or one.
pub(super) async fn slow_down(world: &World) {
    let (node, clients) = (world.machine.address(), world.clients());
    let most = u64::try_from(SLOWNESS_MAX.as_millis()).expect("less than a second");
    let slowness = || Duration::from_millis(thread_rng().gen_range(0..=most));
    world.network.slow_down(node, clients, slowness());
    world.network.slow_down(clients, node, slowness());
    sleep(a_while()).await;
    world.network.mend();
}
