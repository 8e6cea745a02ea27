//! The story of a topic that is created again under its name.

use anyhow::{Result, ensure};
use client::ConsumerRecord;
use madsim::rand::{Rng, thread_rng};

use super::story::{Story, moments, number_of};
use crate::{
    workload::{Flush, consume::read_everything},
    world::World,
};

/// A broker was away meanwhile, and comes back with what it had of the first topic: nobody ever
/// sees any of it, not even when it leads (KIP-516).
pub(super) async fn a_topic_that_is_created_again_brings_nothing_back(world: World) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(30).await?;
    let away = {
        let brokers: Vec<_> = world.brokers().collect();
        brokers[thread_rng().gen_range(0..brokers.len())].clone()
    };
    let isolation = thread_rng().gen_bool(0.5).then(|| world.isolate(&away));
    if isolation.is_none() {
        away.kill();
    }
    let first = story.recreate(Flush::Sometime).await?;
    world.until_led_by_another(&story.partition, away.id()).await?;
    story.write(10).await?;
    drop(isolation);
    if !away.is_running() {
        away.start();
    }
    away.until_it_serves().await?;
    world.until_in_sync(&story.partition, 3).await?;
    story.write(10).await?;

    // It alone is left, and leads.
    let others: Vec<_> = world.brokers().filter(|other| other.id() != away.id()).collect();
    for other in &others {
        other.kill();
    }
    world.until_leads(&story.partition, &away).await?;
    let logs = read_everything(&story.cluster, std::slice::from_ref(&story.partition)).await?;
    expect_none_before(first, &logs[&story.partition])?;
    moments(100).await;
    for other in &others {
        other.start();
    }
    world.until_all_serve().await?;
    world.until_in_sync(&story.partition, 3).await?;
    story.write(10).await?;
    expect_none_before(first, &story.settled_log().await?)?;
    story.expect_what_was_promised().await
}

fn expect_none_before(first: usize, log: &[ConsumerRecord]) -> Result<()> {
    let resurrected = log.iter().find(|record| number_of(record).is_none_or(|it| it < first));
    ensure!(resurrected.is_none(), "the topic that was deleted had {resurrected:?}");
    Ok(())
}
