//! Swarms: everybody works, anything goes wrong at any moment, and at the end everything is judged.

use std::time::Duration;

use anyhow::{Result, ensure};
use client::{Acks, ConsumerOptions};
use tokio::time::sleep;

use crate::{
    invariant::{self, Promise},
    nemesis::{self, Chaos, EVERYTHING, WITHOUT_POWER_LOSS},
    workload::{
        Curtain, Flush,
        consume::{Consuming, Manner, read_in_the_end},
        create_topic,
        history::Pledge,
        produce::{Producing, Writer},
        producer_ids::AskingForIds,
        topics::{Administrating, look},
    },
    world::World,
};

/// How long things go wrong.
const CHAOS_TIME: Duration = Duration::from_secs(30);

/// How long everybody works on when nothing goes wrong any more.
const PEACE_TIME: Duration = Duration::from_secs(2);

const WRITERS: &[Writer] = &[
    Writer { number: 1, ..Writer::SAFE },
    Writer { number: 2, ..Writer::SAFE },
    Writer { number: 3, acks: Acks::Leader, is_idempotent: false, ..Writer::SAFE },
    Writer { number: 4, acks: Acks::None, is_idempotent: false, ..Writer::SAFE },
];

/// With `flush.messages=1` an acknowledgement means: it's on the disk.
pub(super) async fn acknowledged_records_survive_kills_and_power_loss(world: World) -> Result<()> {
    swarm(world, EVERYTHING, Flush::BeforeAcknowledging).await
}

/// What a process wrote is the system's, synced or not.
pub(super) async fn acknowledged_records_survive_kills_without_any_sync(
    world: World,
) -> Result<()> {
    swarm(world, WITHOUT_POWER_LOSS, Flush::Sometime).await
}

/// Without replicas and without syncs a power loss costs records, but never ones in the middle.
pub(super) async fn a_power_loss_takes_no_more_than_the_unsynced_end(world: World) -> Result<()> {
    swarm(world, EVERYTHING, Flush::Sometime).await
}

async fn swarm(world: World, repertoire: &[Chaos], flush: Flush) -> Result<()> {
    world.start().await?;
    let partitions = create_topic(&world.client().await?, "orders", 3, flush).await?;
    let may_lose_power = repertoire.contains(&Chaos::PowerLoss) && flush == Flush::Sometime;
    let pledge = if may_lose_power { Pledge::Nothing } else { Pledge::OfTheLeader };
    world.history.pledge(&partitions[0].topic, pledge);
    let curtain = Curtain::default();
    let producing = Producing::start(&world, &partitions, WRITERS, &curtain);
    let options = ConsumerOptions::default();
    let consuming = Consuming::start(&world, &partitions, Manner::Wandering, options, &curtain);
    let administrating = Administrating::start(&world, &curtain);
    let asking = AskingForIds::start(&world, &curtain);

    nemesis::rampage(&world, repertoire, CHAOS_TIME).await?;
    nemesis::heal(&world).await?;
    sleep(PEACE_TIME).await;
    curtain.fall();

    let sends = producing.finish().await?;
    let reads = consuming.finish().await?;
    let fates = administrating.finish().await?;
    let ids = asking.finish().await?;
    let cluster = world.client().await?;
    let logs = read_in_the_end(&world.history, &cluster, &partitions).await?;
    let topics = look(&cluster).await?;
    let clean_stops = world.lone().clean_stops();
    world.lone().stop().await?;

    let acknowledged = sends.values().filter(|sent| sent.acknowledged.is_some()).count();
    let there: usize = logs.values().map(Vec::len).sum();
    world.trace.note(format_args!("{acknowledged} of {} acknowledged, {there} there", sends.len()));
    if may_lose_power {
        let promise = Promise::KeptWhilePowered(clean_stops);
        invariant::records::check(&sends, &logs, &promise)?;
    } else {
        invariant::records::check(&sends, &logs, &Promise::Kept)?;
        invariant::reads::check(&reads, &logs)?;
    }
    invariant::topics::check(&fates, &topics)?;
    invariant::producer_ids::check(&ids)?;
    // A swarm in which nobody got anything done has shown nothing.
    ensure!(acknowledged > 100, "only {acknowledged} records were acknowledged");
    ensure!(!reads.records.is_empty() && !ids.is_empty() && !fates.is_empty(), "somebody idled");
    Ok(())
}
