//! What happens to the process and its machine.

use anyhow::Result;
use madsim::rand::{Rng, thread_rng};
use simdisk::Crash;
use tokio::time::sleep;

use super::a_while;
use crate::world::World;

/// How many changes to the disk a node makes while it starts, about.
const CHANGES_OF_A_START: u64 = 60;

/// Kills the process, wherever it is, and starts it again later: maybe to be killed before it
/// serves.
pub(super) async fn kill(world: &World) {
    world.machine.kill();
    sleep(a_while()).await;
    world.machine.start();
}

/// The same with the power.
pub(super) async fn lose_power(world: &World) {
    world.machine.lose_power();
    sleep(a_while()).await;
    world.machine.start();
}

/// Kills the process again and again in the middle of what it does to its disk as it starts.
pub(super) async fn kill_while_starting(world: &World) -> Result<()> {
    world.machine.kill();
    crash_while_starting(world, Crash::Process).await
}

/// The same with the power.
pub(super) async fn lose_power_while_starting(world: &World) -> Result<()> {
    world.machine.lose_power();
    crash_while_starting(world, Crash::Power).await
}

/// The process dies, or the power fails, in the middle of a change to the disk.
pub(super) async fn crash_within_a_change(world: &World, crash: Crash) {
    let changes = thread_rng().gen_range(0..CHANGES_OF_A_START);
    world.machine.crash_within(changes, a_while(), crash).await;
    sleep(a_while()).await;
    world.machine.start();
}

async fn crash_while_starting(world: &World, crash: Crash) -> Result<()> {
    for _ in 0..thread_rng().gen_range(1..4) {
        sleep(a_while()).await;
        world.machine.start();
        let changes = thread_rng().gen_range(0..CHANGES_OF_A_START);
        world.machine.crash_while_starting(changes, crash).await?;
    }
    sleep(a_while()).await;
    world.machine.start();
    Ok(())
}

/// Stops the node in good order, unless it has hardly begun.
pub(super) async fn restart(world: &World) -> Result<()> {
    world.machine.until_it_serves().await?;
    world.machine.stop().await?;
    sleep(a_while()).await;
    world.machine.start();
    Ok(())
}
