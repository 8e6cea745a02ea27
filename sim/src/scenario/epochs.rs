//! Stories of epochs: those of leaders say what of a log is shared, those of brokers which of their
//! lives is meant.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madsim::rand::{Rng, thread_rng};
use tokio::time::sleep;

use super::story::{Story, moments};
use crate::{workload::Flush, world::World};

/// Followers hear late of what is committed. One that is elected the moment after has all of it, and
/// would have lost it had it gone by its own high watermark meanwhile (KIP-101).
pub(super) async fn a_follower_keeps_what_is_above_its_own_high_watermark(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    for _ in 0..3 {
        story.write(20).await?;
        let leader = world.leader(&story.partition).await?;
        let followers = world.followers(&story.partition).await?;
        let restarted = &followers[thread_rng().gen_range(0..followers.len())];
        restarted.kill();
        moments(500).await;
        restarted.start();
        restarted.until_it_serves().await?;
        world.until_in_sync(&story.partition, 3).await?;

        story.write(20).await?;
        // It's acknowledged, and no follower has been told.
        leader.kill();
        let next = world.until_led_by_another(&story.partition, leader.id()).await?;
        moments(50).await;
        next.kill();
        world.until_led_by_another(&story.partition, next.id()).await?;
        leader.start();
        next.start();
        world.until_all_serve().await?;
        world.until_in_sync(&story.partition, 3).await?;
    }
    story.expect_what_was_promised().await
}

/// A leader asks to count a follower that has caught up; by the time that the controller hears of
/// it, that one has lost its memory and come back as another (KIP-903).
pub(super) async fn a_registration_that_is_over_cannot_join_the_in_sync_replicas(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(20).await?;
    let leader = world.leader(&story.partition).await?;
    let followers = world.followers(&story.partition).await?;
    let follower = &followers[thread_rng().gen_range(0..followers.len())];
    let registration = || world.cast.registration_in_service(follower.id());
    let first_life = registration().context("it is in service")?;

    // It falls out, and comes back. Nobody hears the leader say so.
    let cut = world.cut(&leader, [follower]);
    story.write(50).await?;
    world.until_in_sync(&story.partition, 2).await?;
    let muteness = world.mute_towards_controllers(&leader);
    drop(cut);
    let is_proposed = || {
        let proposed = world.cast.isr_proposed_by(leader.id(), &story.partition);
        proposed.contains(&follower.id())
    };
    world.until("the follower to be proposed", is_proposed).await?;

    // Its process dies, which is noticed at once, and then its machine loses what wasn't synced.
    follower.kill();
    world.until("its death to be noticed", || registration().is_none()).await?;
    follower.lose_power();
    let cut = world.cut(&leader, [follower]);
    moments(10).await;
    follower.start();
    let is_back = || registration().is_some_and(|epoch| epoch > first_life);
    world.until("it to be back", is_back).await?;
    ensure!(
        world.cast.leader_of(&story.partition) == Some(leader.id()),
        "the leader was given up meanwhile"
    );

    // Now the controller hears what was so in the follower's first life.
    drop(muteness);
    sleep(Duration::from_secs(1)).await;
    let isr = world.cast.isr_of(&story.partition);
    ensure!(!isr.contains(&follower.id()), "{isr:?} are in sync, and one of them was told nothing");
    drop(cut);
    world.until_in_sync(&story.partition, 3).await?;
    leader.kill();
    world.until_led_by_another(&story.partition, leader.id()).await?;
    story.write(20).await?;
    leader.start();
    leader.until_it_serves().await?;
    story.expect_what_was_promised().await
}
