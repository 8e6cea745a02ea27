//! The story of what a leader alone has acknowledged (acks=1).

use anyhow::{Context, Result, ensure};
use madsim::rand::{Rng, thread_rng};
use protocol::{LeaderEpoch, Offset};

use super::story::{Promised, Story, by_offset, moments};
use crate::{machine::Machine, net::SLOWNESS_MAX, workload::Flush, world::World};

/// What one leader alone has acknowledged, in one epoch.
struct Era {
    leader_epoch: LeaderEpoch,
    records: Vec<Promised>,
}

/// It may be lost with its leader: from where the next leader's epoch starts, all of it, and before
/// that nothing. That it does happen, a test of its own shows, with many seeds.
pub(super) async fn what_a_leader_alone_acknowledged_is_lost_only_from_the_next_epoch_on(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    let mut eras = Vec::new();
    for _ in 0..4 {
        story.write(10).await?;
        let leader = world.leader(&story.partition).await?;
        let epoch_of = || world.cast.leader_epoch_of(&story.partition).context("no such partition");
        let leader_epoch = epoch_of()?;
        let followers = world.followers(&story.partition).await?;
        let is_isolated = thread_rng().gen_bool(0.3);
        let isolation = is_isolated.then(|| world.isolate_from_nodes(&leader));
        if thread_rng().gen_bool(0.5) {
            slow_down(&world, &leader, &followers);
        }
        let records = story.write_to_the_leader_alone(20).await;
        let is_still_the_same = world.cast.leader_epoch_of(&story.partition) == Some(leader_epoch);
        ensure!(is_still_the_same, "another leader was elected, and the first was well");
        eras.push(Era { leader_epoch, records });
        match thread_rng().gen_range(0..2) {
            _ if is_isolated => {}
            0 => leader.kill(),
            _ => leader.lose_power(),
        }
        world.until_led_by_another(&story.partition, leader.id()).await?;
        world.network.mend();
        drop(isolation);
        if !leader.is_running() {
            moments(10).await;
            leader.start();
        }
        leader.until_it_serves().await?;
        world.until_in_sync(&story.partition, 3).await?;
    }
    story.write(10).await?;
    let log = by_offset(story.settled_log().await?);
    let (mut lost, mut count) = (0, 0);
    for Era { leader_epoch, records } in eras {
        let next = log.values().find(|record| record.leader_epoch > leader_epoch);
        let end = next.map_or(Offset(i64::MAX), |record| record.offset);
        for Promised { value, offset } in records {
            let offset = offset.context("acknowledged without an offset")?;
            let there = log.get(&offset).filter(|record| record.value.as_ref() == Some(&value));
            ensure!(
                there.is_some() == (offset < end)
                    && there.is_none_or(|record| record.leader_epoch == leader_epoch),
                "epoch {leader_epoch} ends at {end}; of what its leader acknowledged at {offset}, \
                 {there:?} is there"
            );
            count += 1;
            lost += usize::from(there.is_none());
        }
    }
    world.trace.note(format_args!("lost: {lost} of {count} that a leader alone acknowledged"));
    story.expect_what_was_promised().await
}

/// Its followers hear late of what it has.
fn slow_down(world: &World, leader: &Machine, followers: &[Machine]) {
    for follower in followers {
        world.network.slow_down(leader.address(), follower.address(), SLOWNESS_MAX);
    }
}
