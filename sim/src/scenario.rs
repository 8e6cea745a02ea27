//! The scenarios: what is done, what goes wrong, what must hold.

mod client_library;
mod cluster;
mod directed;
mod epochs;
mod failover;
mod interregnum;
mod leader_alone;
mod minimum;
mod power;
mod quorum;
mod recreation;
mod story;
mod swarm;
mod unclean;
mod upgrade;

use anyhow::{Context, Result, bail};
use futures_util::future::LocalBoxFuture;

use crate::{shape::Shape, world::World};

/// A story that can be told with any seed.
#[derive(Debug)]
pub struct Scenario {
    /// A sentence: what holds if the story goes well.
    pub name: &'static str,
    shape: fn() -> Shape,
    play: Play,
}

type Play = fn(World) -> LocalBoxFuture<'static, Result<()>>;

impl Scenario {
    /// A story under a name.
    #[must_use]
    pub const fn new(name: &'static str, shape: fn() -> Shape, play: Play) -> Self {
        Self { name, shape, play }
    }

    /// The cluster that it's played on.
    #[must_use]
    pub fn shape(&self) -> Shape {
        (self.shape)()
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
    ($($group:ident on ($shape:expr) { $($module:ident::$name:ident,)+ })+) => {
        $(
            /// A group of them.
            pub const $group: &[Scenario] = &[$(
                Scenario::new(stringify!($name), $shape, |world| Box::pin($module::$name(world))),
            )+];
        )+

        const GROUPS: &[&[Scenario]] = &[$($group),+];
    };
}

scenarios! {
    CLUSTER_SWARMS on (Shape::of_the_seed) {
        cluster::a_cluster_keeps_its_word_under_everything,
        cluster::a_cluster_keeps_its_word_in_calm_weather,
    }
    CLUSTER_STORIES on (three_nodes) {
        failover::what_all_replicas_have_survives_the_leaders_crash,
        failover::what_all_replicas_have_survives_the_leaders_isolation,
        failover::what_all_replicas_have_survives_the_power_loss_of_one,
        failover::a_leader_that_was_deposed_cannot_acknowledge,
        failover::leadership_that_moves_twice_leaves_equal_logs,
        interregnum::whoever_led_in_between_keeps_nothing_that_only_it_had,
        failover::a_rolling_restart_loses_nothing,
        failover::the_controllers_death_in_the_middle_of_a_change_is_survived,
        power::what_was_synced_first_survives_the_power_loss_of_everybody,
        power::without_syncs_the_power_loss_of_everybody_takes_only_an_unsynced_end,
        upgrade::a_rolling_restart_into_a_higher_metadata_version_and_back_loses_nothing,
    }
    STORIES_WITH_CONTROLLERS_APART on (three_brokers) {
        leader_alone::what_a_leader_alone_acknowledged_is_lost_only_from_the_next_epoch_on,
        unclean::without_unclean_elections_a_partition_waits_and_loses_nothing,
        unclean::with_an_unclean_election_a_partition_is_available_and_its_loss_is_told_exactly,
        epochs::a_follower_keeps_what_is_above_its_own_high_watermark,
        epochs::a_registration_that_is_over_cannot_join_the_in_sync_replicas,
        minimum::an_eligible_replica_leads_when_the_last_one_in_sync_has_lost_its_memory,
        minimum::what_waits_while_too_few_are_in_sync_is_not_acknowledged,
        quorum::a_controller_without_followers_neither_commits_nor_keeps_its_brokers,
        recreation::a_topic_that_is_created_again_brings_nothing_back,
    }
    STORIES_OF_FIVE on (power::five_brokers) {
        power::what_all_replicas_have_survives_the_power_loss_of_all_but_one_of_the_minimum,
    }
    STORIES_OF_SNAPSHOTS on (quorum::with_short_memory) {
        quorum::who_was_away_for_long_is_given_a_snapshot_while_clients_are_served,
    }
    SINGLE_SWARMS on (Shape::single) {
        swarm::acknowledged_records_survive_kills_and_power_loss,
        swarm::acknowledged_records_survive_kills_without_any_sync,
        swarm::a_power_loss_takes_no_more_than_the_unsynced_end,
        client_library::our_client_rides_through_kills_and_power_loss,
    }
    SINGLE_STORIES on (Shape::single) {
        directed::a_crash_during_recovery_loses_nothing,
        directed::a_crash_while_formatting_is_overcome_by_the_next_start,
        directed::a_full_disk_refuses_produce_and_serves_reads,
        directed::a_failed_fsync_ends_all_acknowledging,
        directed::a_flipped_bit_is_never_served,
    }
}

/// Small, and quick to notice who has fallen behind.
fn three_nodes() -> Shape {
    Shape::combined(3).with("replica.lag.time.max.ms=2000")
}

/// The same with controllers elsewhere, who are there when the brokers aren't. Leaders stay where
/// they are while nothing happens to them.
fn three_brokers() -> Shape {
    Shape::separate(3, 3)
        .with("replica.lag.time.max.ms=2000")
        .with("auto.leader.rebalance.enable=false")
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    GROUPS.iter().copied().flatten()
}

/// The scenario of that name; without a name, the one that the seed picks: of ten seeds seven play
/// the cluster's swarm.
///
/// # Errors
/// There is none of that name.
pub fn pick(name: Option<&str>, seed: u64) -> Result<&'static Scenario> {
    let Some(name) = name else {
        let (round, turn) = (seed / 10, seed % 10);
        let groups = match turn {
            7 => &[SINGLE_SWARMS][..],
            8 => &[
                CLUSTER_STORIES,
                STORIES_WITH_CONTROLLERS_APART,
                STORIES_OF_FIVE,
                STORIES_OF_SNAPSHOTS,
            ],
            9 => &[SINGLE_STORIES],
            _ => return Ok(&CLUSTER_SWARMS[0]),
        };
        let round = usize::try_from(round).unwrap_or(usize::MAX);
        let mut endlessly = groups.iter().copied().flatten().cycle();
        let count: usize = groups.iter().map(|group| group.len()).sum();
        return endlessly.nth(round % count).context("a group of none");
    };
    match all().find(|scenario| scenario.name == name) {
        Some(scenario) => Ok(scenario),
        None => bail!("there is no scenario {name}: `sim list` names them"),
    }
}
