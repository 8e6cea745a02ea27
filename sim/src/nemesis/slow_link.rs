//! The links of a machine are slow for a while, each way by itself.

use std::time::Duration;

use madsim::rand::{Rng, thread_rng};
use tokio::time::sleep;

use super::{a_while, between};
use crate::{machine::Machine, net::SLOWNESS_MAX, world::World};

/// How long the links of a cluster are slow: while they are, decisions and what they are about
/// overtake each other.
const LEAST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(20);

/// Makes the links to clients and to some of the others slow.
pub(super) async fn strike(world: &World, on: &Machine) {
    let most = u64::try_from(SLOWNESS_MAX.as_millis()).expect("less than a second");
    let slowness = || Duration::from_millis(thread_rng().gen_range(0..=most));
    let own = on.address();
    let nodes = world.machines().iter().map(Machine::address).filter(|other| *other != own);
    let others = nodes.filter(|_| thread_rng().gen_bool(0.7)).chain([world.clients()]);
    let others: Vec<_> = others.collect();
    for other in &others {
        world.network.slow_down(own, *other, slowness());
        world.network.slow_down(*other, own, slowness());
    }
    let is_alone = world.shape().is_single();
    sleep(if is_alone { a_while() } else { between(LEAST, MOST) }).await;
    for other in &others {
        world.network.speed_up(own, *other);
        world.network.speed_up(*other, own);
    }
}
