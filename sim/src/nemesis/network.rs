//! What happens to the links between the node and its clients.

use madsim::rand::{Rng, thread_rng};
use tokio::time::sleep;

use super::a_while;
use crate::world::World;

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
