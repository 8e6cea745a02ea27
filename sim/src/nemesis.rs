//! What goes wrong, at random moments. Nothing here knows what clients do meanwhile, nor what is
//! expected of the node.

pub mod clock;
pub mod network;
pub mod process;

use std::time::Duration;

use anyhow::Result;
use madsim::rand::{Rng, thread_rng};
use simdisk::Crash;
use tokio::time::{Instant, sleep};

use crate::world::World;

/// One thing that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chaos {
    /// `kill -9`.
    Kill,
    /// `kill -9`, again and again while the node starts.
    KillWhileStarting,
    /// The power fails.
    PowerLoss,
    /// The power fails, and again while the node starts.
    PowerLossWhileStarting,
    /// The process dies in the middle of a change to its disk.
    KillWithinChange,
    /// The power fails in the middle of a change to the disk.
    PowerLossWithinChange,
    /// An operator stops the node, and starts it.
    Restart,
    /// The network delivers nothing for a while.
    Cut,
    /// Connections break.
    Reset,
    /// Connections fall silent, and nobody is told.
    Silence,
    /// The network is slow for a while.
    Slowness,
    /// The clock jumps.
    ClockJump,
}

/// All that leaves unsynced writes where they are.
pub const WITHOUT_POWER_LOSS: &[Chaos] = &[
    Chaos::Kill,
    Chaos::KillWhileStarting,
    Chaos::KillWithinChange,
    Chaos::Restart,
    Chaos::Cut,
    Chaos::Reset,
    Chaos::Silence,
    Chaos::Slowness,
    Chaos::ClockJump,
];

/// Everything.
pub const EVERYTHING: &[Chaos] = &[
    Chaos::Kill,
    Chaos::KillWhileStarting,
    Chaos::KillWithinChange,
    Chaos::PowerLoss,
    Chaos::PowerLossWhileStarting,
    Chaos::PowerLossWithinChange,
    Chaos::Restart,
    Chaos::Cut,
    Chaos::Reset,
    Chaos::Silence,
    Chaos::Slowness,
    Chaos::ClockJump,
];

/// Lets one thing after the other go wrong, for so long.
///
/// # Errors
/// The node can't cope where nothing else is wrong.
pub async fn rampage(world: &World, repertoire: &[Chaos], at_least: Duration) -> Result<()> {
    let end = Instant::now() + at_least;
    while Instant::now() < end {
        sleep(Duration::from_millis(thread_rng().gen_range(20..2_500))).await;
        let chaos = repertoire[thread_rng().gen_range(0..repertoire.len())];
        world.trace.note(format_args!("nemesis: {chaos:?}"));
        match chaos {
            Chaos::Kill => process::kill(world).await,
            Chaos::KillWhileStarting => process::kill_while_starting(world).await?,
            Chaos::PowerLoss => process::lose_power(world).await,
            Chaos::PowerLossWhileStarting => process::lose_power_while_starting(world).await?,
            Chaos::KillWithinChange => {
                process::crash_within_a_change(world, Crash::Process).await;
            }
            Chaos::PowerLossWithinChange => {
                process::crash_within_a_change(world, Crash::Power).await;
            }
            Chaos::Restart => process::restart(world).await?,
            Chaos::Cut => network::cut(world).await,
            Chaos::Reset => network::reset(world),
            Chaos::Silence => network::silence(world),
            Chaos::Slowness => network::slow_down(world).await,
            Chaos::ClockJump => clock::jump(world),
        }
    }
    Ok(())
}

/// Mends everything, and waits until the node serves.
///
/// # Errors
/// It doesn't.
pub async fn heal(world: &World) -> Result<()> {
    world.trace.note("heal");
    world.network.mend();
    world.machine.clock().skew(0);
    if !world.machine.is_running() {
        world.machine.start();
    }
    world.machine.until_it_serves().await
}

/// How long something stays as it is: mostly shortly, at times for long.
fn a_while() -> Duration {
    let mut rng = thread_rng();
    let most = if rng.gen_bool(0.2) { 5_000 } else { 300 };
    Duration::from_millis(rng.gen_range(1..most))
}
