//! The scenarios: what is done, what goes wrong, what must hold.

mod client_library;
mod directed;
mod swarm;

use anyhow::{Result, bail};
use futures_util::future::LocalBoxFuture;

use crate::world::World;

/// A story that can be told with any seed.
#[derive(Debug)]
pub struct Scenario {
    /// A sentence: what holds if the story goes well.
    pub name: &'static str,
    play: Play,
}

type Play = fn(World) -> LocalBoxFuture<'static, Result<()>>;

impl Scenario {
    /// A story under a name.
    #[must_use]
    pub const fn new(name: &'static str, play: Play) -> Self {
        Self { name, play }
    }

    /// Plays it.
    ///
    /// # Errors
    /// What did not hold.
    pub async fn play(&self, world: World) -> Result<()> {
        (self.play)(world).await
    }
}

macro_rules! scenarios {
    ($($module:ident::$name:ident,)+) => {
        /// All of them.
        pub const ALL: &[Scenario] = &[$(
            Scenario::new(stringify!($name), |world| Box::pin($module::$name(world))),
        )+];
    };
}

scenarios! {
    swarm::acknowledged_records_survive_kills_and_power_loss,
    swarm::acknowledged_records_survive_kills_without_any_sync,
    swarm::a_power_loss_takes_no_more_than_the_unsynced_end,
    client_library::our_client_rides_through_kills_and_power_loss,
    directed::a_crash_during_recovery_loses_nothing,
    directed::a_crash_while_formatting_is_overcome_by_the_next_start,
    directed::a_full_disk_refuses_produce_and_serves_reads,
    directed::a_failed_fsync_ends_all_acknowledging,
    directed::a_flipped_bit_is_never_served,
}

/// The scenario of that name; without a name, the one that the seed picks: swarms four times out
/// of five.
///
/// # Errors
/// There is none of that name.
pub fn pick(name: Option<&str>, seed: u64) -> Result<&'static Scenario> {
    const SWARMS: u64 = 4;
    let Some(name) = name else {
        let directed = u64::try_from(ALL.len()).expect("a few") - SWARMS;
        let (round, turn) = (seed / 5, seed % 5);
        let index = if turn < SWARMS { turn } else { SWARMS + round % directed };
        return Ok(&ALL[usize::try_from(index).expect("a few")]);
    };
    match ALL.iter().find(|scenario| scenario.name == name) {
        Some(scenario) => Ok(scenario),
        None => bail!("there is no scenario {name}: `sim list` names them"),
    }
}
