//! Stories of fewer in-sync replicas than there must be.

use std::time::Duration;

use anyhow::{Result, ensure};
use client::ProducerOptions;
use madsim::rand::{Rng, seq::SliceRandom, thread_rng};
use protocol::ErrorCode;

use super::story::{SHORTLY, Story, moments, patiently, send};
use crate::{
    workload::{Flush, consume::ends},
    world::World,
};

/// Who left when too few were in sync has all that was ever committed: nothing was, since then. So
/// it leads when the last one has lost its memory, and not the one that left before (KIP-966).
pub(super) async fn an_eligible_replica_leads_when_the_last_one_in_sync_has_lost_its_memory(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(30).await?;
    let leader = world.leader(&story.partition).await?;
    let mut followers = world.followers(&story.partition).await?;
    followers.shuffle(&mut thread_rng());
    let [first, second] = &followers[..] else { unreachable!("three replicas") };
    let cut_from_first = world.cut(&leader, [first]);
    story.write(20).await?;
    world.until_in_sync(&story.partition, 2).await?;
    let cut_from_second = world.cut(&leader, [second]);
    // What it takes for itself is committed nowhere.
    let _taken = story.write_to_the_leader_alone(20).await;
    world.until_in_sync(&story.partition, 1).await?;
    let taken = story.try_to_write(5, SHORTLY).await;
    ensure!(taken == 0, "the last one in sync took {taken} records for all of them");

    leader.lose_power();
    let is_back_at_once = thread_rng().gen_bool(0.5);
    if is_back_at_once {
        moments(500).await;
        leader.start();
    }
    let next = world.until_led_by_another(&story.partition, leader.id()).await?;
    ensure!(
        next.id() == second.id(),
        "node {} leads, and node {} is eligible",
        next.id(),
        second.id()
    );
    drop((cut_from_first, cut_from_second));
    if !is_back_at_once {
        leader.start();
    }
    leader.until_it_serves().await?;
    world.until_in_sync(&story.partition, 3).await?;
    story.write(20).await?;
    story.expect_what_was_promised().await
}

/// A producer waits for all in-sync replicas, and too few of them are left: it isn't told that its
/// record is safe, nobody is shown it, and who asks now is refused.
pub(super) async fn what_waits_while_too_few_are_in_sync_is_not_acknowledged(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(20).await?;
    let leader = world.leader(&story.partition).await?;
    let followers = world.followers(&story.partition).await?;
    let end = ends(&story.cluster, std::slice::from_ref(&story.partition)).await?;
    let cut = world.cut(&leader, &followers);
    // It's asked once, and waits for longer than a follower may lag.
    let once = ProducerOptions {
        idempotence: false,
        retries: 0,
        ack_timeout: Duration::from_secs(4),
        ..patiently()
    };
    let numbers = story.number(1);
    for (_, answer) in send(&story.cluster, &story.partition, numbers, once.clone()).await {
        let code = answer.as_ref().err().and_then(client::Error::code);
        let is_left_open = matches!(
            code,
            Some(ErrorCode::RequestTimedOut | ErrorCode::NotEnoughReplicasAfterAppend)
        );
        ensure!(is_left_open, "a record that waited was answered with {answer:?}");
    }
    world.until_in_sync(&story.partition, 1).await?;
    let numbers = story.number(5);
    for (_, answer) in send(&story.cluster, &story.partition, numbers, once).await {
        let code = answer.as_ref().err().and_then(client::Error::code);
        let is_refused = code == Some(ErrorCode::NotEnoughReplicas);
        ensure!(is_refused, "too few are in sync, and a record was answered with {answer:?}");
    }
    let end_now = ends(&story.cluster, std::slice::from_ref(&story.partition)).await?;
    ensure!(end_now == end, "consumers are shown {end_now:?}, and {end:?} is safe");
    drop(cut);
    world.until_in_sync(&story.partition, 3).await?;
    story.write(20).await?;
    story.expect_what_was_promised().await
}
