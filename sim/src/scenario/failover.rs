//! Stories of a cluster of three: somebody is lost at the worst moment, and nothing that was
//! promised is.

use std::time::Duration;

use anyhow::{Result, ensure};
use client::{Admin, ProducerOptions};
use madsim::rand::{Rng, thread_rng};
use protocol::TopicName;
use tokio::time::sleep;

use super::{
    quorum::create_topic,
    story::{SHORTLY, Story, acknowledged, patiently, send},
};
use crate::{nemesis, workload::Flush, world::World};

/// Whoever leads next has all that was acknowledged.
pub(super) async fn what_all_replicas_have_survives_the_leaders_crash(world: World) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    for _ in 0..3 {
        story.write(50).await?;
        let leader = world.leader(&story.partition).await?;
        leader.kill();
        world.until_led_by_another(&story.partition, leader.id()).await?;
        story.write(50).await?;
        leader.start();
        leader.until_it_serves().await?;
        world.until_in_sync(&story.partition, 3).await?;
    }
    story.expect_what_was_promised().await
}

/// A leader that nobody reaches is replaced, and comes back as a follower.
pub(super) async fn what_all_replicas_have_survives_the_leaders_isolation(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(50).await?;
    let leader = world.leader(&story.partition).await?;
    let isolation = world.isolate(&leader);
    world.until_led_by_another(&story.partition, leader.id()).await?;
    story.write(50).await?;
    drop(isolation);
    world.until_in_sync(&story.partition, 3).await?;
    story.write(10).await?;
    story.expect_what_was_promised().await
}

/// What one machine hadn't synced, the others have: whichever it is, also if it's back at once.
pub(super) async fn what_all_replicas_have_survives_the_power_loss_of_one(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    for _ in 0..4 {
        story.write(50).await?;
        let leader = world.leader(&story.partition).await?;
        let followers = world.followers(&story.partition).await?;
        let unlucky = match thread_rng().gen_range(0..3) {
            0 => &followers[0],
            _ => &leader,
        };
        unlucky.lose_power();
        if thread_rng().gen_bool(0.5) {
            sleep(Duration::from_millis(thread_rng().gen_range(2..200))).await;
        } else if unlucky.id() == leader.id() {
            world.until_led_by_another(&story.partition, leader.id()).await?;
            story.write(20).await?;
        }
        sleep(Duration::from_millis(2)).await;
        unlucky.start();
        unlucky.until_it_serves().await?;
        world.until_in_sync(&story.partition, 3).await?;
    }
    story.expect_what_was_promised().await
}

/// Its clients reach it, and it reaches nobody else: it has to let them wait.
pub(super) async fn a_leader_that_was_deposed_cannot_acknowledge(world: World) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(20).await?;
    let leader = world.leader(&story.partition).await?;
    let isolation = world.isolate_from_nodes(&leader);
    // Its clients don't hear of the new leader from it, and send to it for as long as they wait.
    let lonely = world.client_of(&leader).await?;
    let shortly =
        || ProducerOptions { delivery_timeout: SHORTLY, block_max: SHORTLY, ..patiently() };
    let numbers = story.number(10);
    let sent = send(&lonely, &story.partition, numbers, shortly()).await;
    let taken = acknowledged(sent).count();
    ensure!(taken == 0, "a leader without followers acknowledged {taken} records");
    world.until_led_by_another(&story.partition, leader.id()).await?;
    let numbers = story.number(10);
    let sent = send(&lonely, &story.partition, numbers, shortly()).await;
    let taken = acknowledged(sent).count();
    ensure!(taken == 0, "a deposed leader acknowledged {taken} records");
    drop(isolation);
    story.write(20).await?;
    story.expect_what_was_promised().await
}

/// Two leaders in turn, each with records that nobody else has (KIP-279).
pub(super) async fn leadership_that_moves_twice_leaves_equal_logs(world: World) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    for _ in 0..3 {
        story.write(20).await?;
        let first = world.leader(&story.partition).await?;
        let isolation = world.isolate_from_nodes(&first);
        // Its followers don't reach it, and clients do.
        let _taken = story.write_to_the_leader_alone(5).await;
        let second = world.until_led_by_another(&story.partition, first.id()).await?;
        story.try_to_write(5, SHORTLY).await;
        second.kill();
        drop(isolation);
        world.until_led_by_another(&story.partition, second.id()).await?;
        story.try_to_write(5, Duration::from_secs(10)).await;
        second.start();
        second.until_it_serves().await?;
        world.until_in_sync(&story.partition, 3).await?;
    }
    story.expect_what_was_promised().await
}

/// One after the other, and always enough are there.
pub(super) async fn a_rolling_restart_loses_nothing(world: World) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    for machine in world.machines() {
        story.write(30).await?;
        machine.stop().await?;
        story.write(30).await?;
        machine.start();
        machine.until_it_serves().await?;
        world.until_in_sync(&story.partition, 3).await?;
    }
    story.write(30).await?;
    story.expect_what_was_promised().await
}

/// Whatever was answered is so, and whatever wasn't is so for everybody or for nobody.
pub(super) async fn the_controllers_death_in_the_middle_of_a_change_is_survived(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    let mut created = Vec::new();
    for round in 0..4 {
        story.write(10).await?;
        let active = world.active_controller()?.clone();
        let name = TopicName::from(format!("made-{round}").as_str());
        let asking = tokio::spawn(create_topic(world.clone(), name.clone()));
        sleep(Duration::from_millis(thread_rng().gen_range(0..40))).await;
        active.kill();
        if asking.await?? {
            created.push(name);
        }
        sleep(Duration::from_millis(thread_rng().gen_range(2..1_000))).await;
        active.start();
        active.until_it_serves().await?;
    }
    nemesis::heal(&world).await?;
    let topics = Admin::new(story.cluster.clone()).list_topics().await?;
    for name in created {
        let is_there = topics.iter().any(|topic| topic.name == name);
        ensure!(is_there, "topic {name} was created, and isn't there");
    }
    story.expect_what_was_promised().await
}
