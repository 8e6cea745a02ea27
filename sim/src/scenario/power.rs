//! Stories of lost power: of some machines at once, of all of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use madsim::rand::{Rng, seq::SliceRandom, thread_rng};
use protocol::Offset;
use tokio::time::sleep;

use super::story::{SHORTLY, Story, moments, topic};
use crate::{machine::Machine, shape::Shape, workload::Flush, world::World};

/// How many must be in sync, of five.
const MIN_INSYNC_REPLICAS: usize = 3;

/// Five brokers, three of which must be in sync, and controllers elsewhere.
pub(super) fn five_brokers() -> Shape {
    Shape::separate(3, 5)
        .with("replica.lag.time.max.ms=2000")
        .with(format!("min.insync.replicas={MIN_INSYNC_REPLICAS}"))
}

/// One machine less than must be in sync loses all that it hadn't synced, each in the same moment:
/// somebody still has everything, whoever else is away.
pub(super) async fn what_all_replicas_have_survives_the_power_loss_of_all_but_one_of_the_minimum(
    world: World,
) -> Result<()> {
    let topic = topic(Flush::Sometime).replication_factor(5);
    let mut story = Story::begin_with(world.clone(), topic).await?;
    for _ in 0..3 {
        story.write(40).await?;
        let leader = world.leader(&story.partition).await?;
        let mut others = world.followers(&story.partition).await?;
        others.shuffle(&mut thread_rng());
        let mut away = Vec::new();
        if thread_rng().gen_bool(0.5) {
            // No more are in sync than must be.
            away = others.split_off(MIN_INSYNC_REPLICAS - 1);
            away.iter().for_each(Machine::kill);
            world.until_in_sync(&story.partition, MIN_INSYNC_REPLICAS).await?;
            story.write(40).await?;
        }
        if thread_rng().gen_bool(0.7) {
            others.insert(0, leader);
        }
        let unlucky = &others[..MIN_INSYNC_REPLICAS - 1];
        unlucky.iter().for_each(Machine::lose_power);
        moments(300).await;
        for machine in unlucky.iter().chain(&away) {
            machine.start();
        }
        world.until_all_serve().await?;
        world.until_in_sync(&story.partition, 5).await?;
    }
    story.expect_what_was_promised().await
}

/// Where everything is synced first, nobody's memory is needed.
pub(super) async fn what_was_synced_first_survives_the_power_loss_of_everybody(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world, Flush::BeforeAcknowledging).await?;
    for _ in 0..3 {
        let (lost, _) = lose_everything_that_is_not_synced(&mut story).await?;
        ensure!(lost.is_empty(), "of what was synced first, {lost:?} are gone");
    }
    story.expect_what_was_promised().await
}

/// Otherwise as much as wasn't synced may be gone, from some offset on. What was there before is,
/// and what is written afterwards stays.
pub(super) async fn without_syncs_the_power_loss_of_everybody_takes_only_an_unsynced_end(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world, Flush::Sometime).await?;
    for _ in 0..3 {
        let (lost, synced_end) = lose_everything_that_is_not_synced(&mut story).await?;
        let first = lost.first().copied();
        ensure!(first >= Some(synced_end) || lost.is_empty(), "{first:?} was synced, and is lost");
        let last_kept = story.last_promised();
        ensure!(first.is_none() || last_kept < first, "{first:?} is lost, {last_kept:?} isn't");
        story.world.trace.note(format_args!("lost: {}", lost.len()));
    }
    story.expect_what_was_promised().await
}

/// The power fails everywhere while somebody writes. Returns what is lost of what was promised,
/// and up to where everybody in sync had synced it.
async fn lose_everything_that_is_not_synced(story: &mut Story) -> Result<(Vec<Offset>, Offset)> {
    let world = story.world.clone();
    story.write(40).await?;
    if thread_rng().gen_bool(0.3) {
        // Some of it is synced by now: closed segments are.
        sleep(Duration::from_secs(thread_rng().gen_range(1..5))).await;
    }
    let partition = story.partition.clone();
    let failing = async {
        moments(60).await;
        let synced_end = world.cast.synced_end_of(&partition);
        world.lose_power();
        synced_end
    };
    let (_, synced_end) = tokio::join!(story.try_to_write(40, SHORTLY), failing);
    moments(1_000).await;
    world.start().await?;
    world.until_in_sync(&partition, 3).await?;
    Ok((story.take_what_is_lost().await?, synced_end))
}
