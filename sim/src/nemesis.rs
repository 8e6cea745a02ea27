//! What goes wrong, at random moments, on machines picked at random or by the role that they play.
//! Nothing here knows what clients do meanwhile, nor what is expected of the nodes.

pub mod bit_rot;
pub mod budget;
pub mod clock;
pub mod election;
pub mod full_disk;
pub mod io_error;
pub mod kill;
pub mod late_duplicate;
pub mod partition;
pub mod pause;
pub mod power_loss;
pub mod reset;
pub mod restart;
pub mod silence;
pub mod slow_link;
pub mod storm;
pub mod wipe;

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use madsim::rand::{Rng, thread_rng};
use protocol::BrokerId;
use tokio::time::{Instant, sleep};

use crate::{machine::Machine, world::World};

/// A process is dead at once, and buried a little later.
const BURIAL: Duration = Duration::from_millis(2);

/// One thing that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chaos {
    /// `kill -9`.
    Kill,
    /// `kill -9`, again and again while the node starts.
    KillWhileStarting,
    /// The process dies in the middle of a change to its disk.
    KillWithinChange,
    /// The power fails.
    PowerLoss,
    /// The power fails, and again while the node starts.
    PowerLossWhileStarting,
    /// The power fails in the middle of a change to the disk.
    PowerLossWithinChange,
    /// The power fails just after a controller has voted.
    PowerLossAfterVote,
    /// The power of several machines fails, or of all.
    WidePowerLoss,
    /// An operator replaces the disks of a broker.
    Wipe,
    /// An operator stops the node, and starts it.
    Restart,
    /// An operator has the preferred replicas lead.
    Election,
    /// A process does nothing for a while.
    Pause,
    /// Some links deliver nothing for a while.
    Cut,
    /// Connections break.
    Reset,
    /// Connections fall silent, and nobody is told.
    Silence,
    /// Some links are slow for a while.
    Slowness,
    /// Requests come once more, much later.
    LateDuplicates,
    /// A clock jumps.
    ClockJump,
    /// The device damages a bit, and an operator replaces the disk in the end.
    BitRot,
    /// A call to the disk fails.
    IoError,
    /// A disk is full for a while.
    FullDisk,
}

/// All that leaves unsynced writes where they are, on a machine alone.
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

/// Everything that a machine alone can take.
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

/// What a cluster of several has to take beyond that.
pub const OF_A_CLUSTER: &[Chaos] = &[
    Chaos::Kill,
    Chaos::KillWhileStarting,
    Chaos::KillWithinChange,
    Chaos::PowerLoss,
    Chaos::PowerLossWhileStarting,
    Chaos::PowerLossWithinChange,
    Chaos::PowerLossAfterVote,
    Chaos::WidePowerLoss,
    Chaos::Wipe,
    Chaos::Restart,
    Chaos::Election,
    Chaos::Pause,
    Chaos::Cut,
    Chaos::Reset,
    Chaos::Silence,
    Chaos::Slowness,
    Chaos::LateDuplicates,
    Chaos::ClockJump,
    Chaos::BitRot,
    Chaos::IoError,
    Chaos::FullDisk,
];

impl Chaos {
    /// Lets it happen to a machine. Returns when it's over.
    ///
    /// # Errors
    /// The node can't cope where nothing else is wrong.
    pub async fn strike(self, world: &World, on: &Machine) -> Result<()> {
        world.trace.note(format_args!("nemesis: {self:?} of node {}", on.id()));
        match self {
            Self::Kill => kill::strike(on).await,
            Self::KillWhileStarting => kill::strike_while_starting(on).await?,
            Self::KillWithinChange => kill::strike_within_a_change(on).await,
            Self::PowerLoss => power_loss::strike(on).await,
            Self::PowerLossWhileStarting => power_loss::strike_while_starting(on).await?,
            Self::PowerLossWithinChange => power_loss::strike_within_a_change(on).await,
            Self::PowerLossAfterVote => power_loss::strike_after_a_vote(world, on).await,
            Self::WidePowerLoss => power_loss::strike_many(world).await,
            Self::Wipe => wipe::strike(on).await?,
            Self::Restart => restart::strike(on).await?,
            Self::Election => election::strike(world).await,
            Self::Pause => pause::strike(on).await,
            Self::Cut => partition::strike(world, on).await,
            Self::Reset => reset::strike(world, on),
            Self::Silence => silence::strike(world, on),
            Self::Slowness => slow_link::strike(world, on).await,
            Self::LateDuplicates => late_duplicate::strike(world).await,
            Self::ClockJump => clock::strike(on),
            Self::BitRot => bit_rot::strike(on).await?,
            Self::IoError => io_error::strike(on).await,
            Self::FullDisk => full_disk::strike(on).await,
        }
        Ok(())
    }

    /// Whether it happens to a process or its disk, so that nothing else may happen to it
    /// meanwhile.
    #[must_use]
    pub fn needs_the_process(self) -> bool {
        !matches!(
            self,
            Self::Election
                | Self::Cut
                | Self::Reset
                | Self::Silence
                | Self::Slowness
                | Self::LateDuplicates
                | Self::ClockJump
        )
    }

    /// Whether a machine may lose what it has acknowledged and hadn't synced.
    #[must_use]
    pub fn loses_unsynced(self) -> bool {
        matches!(
            self,
            Self::PowerLoss
                | Self::PowerLossWhileStarting
                | Self::PowerLossWithinChange
                | Self::PowerLossAfterVote
                | Self::WidePowerLoss
        )
    }

    /// Whether a process ends, or may end, without having said so. One whose disk is full ends by
    /// itself, or is killed.
    #[must_use]
    pub fn is_unclean_stop(self) -> bool {
        let is_kill = matches!(
            self,
            Self::Kill | Self::KillWhileStarting | Self::KillWithinChange | Self::FullDisk
        );
        is_kill || self.loses_unsynced() || self.loses_synced()
    }

    /// Whether what is lost is lost when it begins.
    #[must_use]
    pub fn strikes_at_once(self) -> bool {
        matches!(self, Self::PowerLoss | Self::Wipe)
    }

    /// Whether a machine may lose what it had synced.
    #[must_use]
    pub fn loses_synced(self) -> bool {
        matches!(self, Self::Wipe | Self::BitRot | Self::IoError)
    }
}

/// Lets one thing after the other go wrong on the only machine, for so long.
///
/// # Errors
/// The node can't cope where nothing else is wrong.
pub async fn rampage(world: &World, repertoire: &[Chaos], at_least: Duration) -> Result<()> {
    let end = Instant::now() + at_least;
    while Instant::now() < end {
        sleep(Duration::from_millis(thread_rng().gen_range(20..2_500))).await;
        let chaos = repertoire[thread_rng().gen_range(0..repertoire.len())];
        chaos.strike(world, world.lone()).await?;
    }
    Ok(())
}

/// Mends everything, and waits until all nodes serve.
///
/// # Errors
/// One of them doesn't.
pub async fn heal(world: &World) -> Result<()> {
    world.trace.note("heal");
    world.network.mend();
    for machine in world.machines() {
        machine.recover();
        if machine.needs_new_disk() {
            machine.wipe()?;
        }
    }
    sleep(BURIAL).await;
    for machine in world.machines().iter().filter(|machine| !machine.is_running()) {
        machine.start();
    }
    // Whoever told these to stop may be gone, and they may need the others to stop in good order.
    let stopping = world.machines().iter().filter(|machine| machine.is_stopping());
    join_all(stopping.map(restart_stopping)).await;
    world.until_all_serve().await
}

async fn restart_stopping(machine: &Machine) {
    restart::stop_or_kill(machine).await;
    sleep(BURIAL).await;
    machine.start();
}

/// A machine to pick on: half of the time somebody who plays a role, otherwise anybody.
pub(crate) fn victim(world: &World) -> &Machine {
    let mut rng = thread_rng();
    let machines = world.machines();
    let mut roles: Vec<BrokerId> = Vec::new();
    if rng.gen_bool(0.5) {
        match (rng.gen_range(0..10), world.cast.active_controller()) {
            (0..4, Some(active)) => roles.push(active),
            (4..6, _) => roles.extend(world.cast.stragglers()),
            _ => roles.extend(world.cast.leaders()),
        }
    }
    match roles.as_slice() {
        [] => &machines[rng.gen_range(0..machines.len())],
        roles => world.machine(roles[rng.gen_range(0..roles.len())]),
    }
}

/// How long something stays as it is: mostly shortly, at times for long.
fn a_while() -> Duration {
    let mut rng = thread_rng();
    let most = if rng.gen_bool(0.2) { 5_000 } else { 300 };
    Duration::from_millis(rng.gen_range(1..most))
}

/// A time between two others, such that each order of magnitude is as likely.
fn between(least: Duration, most: Duration) -> Duration {
    let (least, most) = (least.as_secs_f64().ln(), most.as_secs_f64().ln());
    Duration::from_secs_f64(thread_rng().gen_range(least..most).exp())
}
