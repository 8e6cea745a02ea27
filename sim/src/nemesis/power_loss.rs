//! The power fails: on one machine, while it starts, in the middle of a change to its disk, after
//! its controller has voted, on several at once.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use madsim::rand::{Rng, thread_rng};
use simdisk::Crash;
use tokio::time::{Instant, sleep};

use super::{
    kill::{crash_while_starting, crash_within_a_change, start_later},
    partition::Partition,
};
use crate::{machine::Machine, world::World};

/// How long it's waited for a vote, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(1);

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

/// The power fails when the machine's controller has just voted: its answer is under way, and whoever
/// it has voted for hasn't written anything yet. So that there is an election, the controller that is
/// active is cut off meanwhile, unless it's this one.
pub(super) async fn strike_after_a_vote(world: &World, on: &Machine) {
    let active = world.cast.active_controller().filter(|active| *active != on.id());
    let _cut = active.map(|active| Partition::around(world, world.machine(active)));
    let votes = world.cast.votes_of(on.id());
    let deadline = Instant::now() + PATIENCE;
    while world.cast.votes_of(on.id()) == votes && Instant::now() < deadline {
        sleep(GLANCE).await;
    }
    sleep(GLANCE * thread_rng().gen_range(0..4)).await;
    strike(on).await;
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
