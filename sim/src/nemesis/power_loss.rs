//! The power fails: on one machine, while it starts, in the middle of a change to its disk, on
//! several at once.

use anyhow::Result;
use futures_util::future::join_all;
use madsim::rand::{Rng, thread_rng};
use simdisk::Crash;

use super::kill::{crash_while_starting, crash_within_a_change, start_later};
use crate::{machine::Machine, world::World};

/// Takes the power, and gives it back later.
pub(super) async fn strike(on: &Machine) {
    on.lose_power();
    start_later(on).await;
}

/// The same, again and again while the node starts.
pub(super) async fn strike_while_starting(on: &Machine) -> Result<()> {
    on.lose_power();
    crash_while_starting(on, Crash::Power).await
}

/// The power fails in the middle of a change to the disk.
pub(super) async fn strike_within_a_change(on: &Machine) {
    crash_within_a_change(on, Crash::Power).await;
}

/// The power of some machines fails in the same moment, or that of all.
pub(super) async fn strike_many(world: &World) {
    let all = thread_rng().gen_bool(0.5);
    let unlucky = world.machines().iter().filter(|_| all || thread_rng().gen_bool(0.5));
    let held: Vec<_> =
        unlucky.filter_map(|machine| Some((machine, machine.take_hold()?))).collect();
    for (machine, _) in &held {
        machine.lose_power();
    }
    join_all(held.iter().map(|(machine, _)| start_later(machine))).await;
}
