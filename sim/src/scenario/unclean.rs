//! Stories of a replica that isn't in sync, when all that are have gone: whether it may lead, and
//! what that costs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use client::{Admin, admin::Election};
use madsim::rand::{Rng, thread_rng};
use protocol::{Offset, TopicPartition};
use tokio::time::{Instant, sleep};

use super::story::{Story, moments, topic};
use crate::{machine::Machine, workload::Flush, world::World};

/// How long an operator asks for an election.
const PATIENCE: Duration = Duration::from_secs(60);

/// It isn't asked to: the partition waits for somebody who has everything.
pub(super) async fn without_unclean_elections_a_partition_waits_and_loses_nothing(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(20).await?;
    let [behind, leader, other] = leave_one_behind(&mut story).await?;
    leader.kill();
    other.kill();
    moments(10).await;
    behind.start();
    behind.until_it_serves().await?;
    let taken = story.try_to_write(5, Duration::from_secs(10)).await;
    ensure!(taken == 0, "whoever was left took {taken} records");
    ensure!(
        world.cast.leader_of(&story.partition) != Some(behind.id()),
        "a replica leads that isn't in sync"
    );
    leader.start();
    other.start();
    world.until_all_serve().await?;
    story.write(10).await?;
    story.expect_what_was_promised().await
}

/// The topic's configuration lets it lead, or an operator does: the partition is available. What it
/// lacks is lost, and every log that held more says which records those were.
pub(super) async fn with_an_unclean_election_a_partition_is_available_and_its_loss_is_told_exactly(
    world: World,
) -> Result<()> {
    let is_asked_for = thread_rng().gen_bool(0.5);
    let mut topic = topic(Flush::Sometime).config("min.insync.replicas", "1");
    if !is_asked_for {
        topic = topic.config("unclean.leader.election.enable", "true");
    }
    let mut story = Story::begin_with(world.clone(), topic).await?;
    story.write(20).await?;
    let end = story.last_promised().context("something was promised")?.plus(1);
    let [behind, leader, other] = leave_one_behind(&mut story).await?;
    let lost_end = story.last_promised().context("something was promised")?.plus(1);
    leader.kill();
    other.kill();
    moments(10).await;
    behind.start();
    if is_asked_for {
        behind.until_it_serves().await?;
        ask_for_an_unclean_election(&world, &story.partition).await?;
    }
    world.until_leads(&story.partition, &behind).await?;
    story.write(20).await?;

    leader.start();
    other.start();
    world.until_all_serve().await?;
    world.until_in_sync(&story.partition, 3).await?;
    let lost = story.take_what_is_lost().await?;
    let expected: Vec<_> = (end.0..lost_end.0).map(Offset).collect();
    ensure!(lost == expected, "{end}..{lost_end} should be lost, and {lost:?} are");
    for machine in [&leader, &other] {
        let mut told: Vec<_> = world.cast.cuts_of(&story.partition, machine.id());
        told.reverse();
        let is_exact = told.first().is_some_and(|first| first.start == end)
            && told.last().is_some_and(|last| last.end == lost_end)
            && told.windows(2).all(|pair| pair[0].end == pair[1].start);
        ensure!(is_exact, "{end}..{lost_end} are lost, and node {} tells {told:?}", machine.id());
    }
    story.expect_what_was_promised().await
}

/// One replica falls behind, and more is written without it. Returns it, the leader, the other one.
async fn leave_one_behind(story: &mut Story) -> Result<[Machine; 3]> {
    let world = story.world.clone();
    let leader = world.leader(&story.partition).await?;
    let mut followers = world.followers(&story.partition).await?;
    let behind = followers.remove(thread_rng().gen_range(0..followers.len()));
    behind.kill();
    world.until_in_sync(&story.partition, 2).await?;
    story.write(50).await?;
    Ok([behind, leader, followers.remove(0)])
}

async fn ask_for_an_unclean_election(world: &World, of: &TopicPartition) -> Result<()> {
    let admin = Admin::new(world.client().await?);
    let deadline = Instant::now() + PATIENCE;
    world.observer.unclean_election_requested(&of.topic);
    loop {
        // As long as those who have gone aren't given up, there is nothing to elect.
        let answered =
            admin.elect_leaders(Election::Unclean, Some(std::slice::from_ref(of))).await?;
        let Some(Err(error)) = answered.get(of) else { return Ok(()) };
        ensure!(Instant::now() < deadline, "no election: {error}");
        sleep(Duration::from_millis(200)).await;
    }
}
