//! Our own client library, with all that it offers, against a node that dies again and again.

use std::time::Duration;

use anyhow::{Result, ensure};
use client::ConsumerOptions;
use protocol::records::Compression;
use tokio::time::sleep;

use crate::{
    invariant::{self, Promise},
    nemesis::{self, EVERYTHING},
    workload::{
        Curtain, Flush,
        consume::{Consuming, Manner, ends, read_in_the_end},
        create_topic,
        produce::{Addressing, Producing, Writer},
        topics::{Administrating, look},
    },
    world::World,
};

/// How long things go wrong.
const CHAOS_TIME: Duration = Duration::from_secs(40);

/// How long everybody works on when nothing goes wrong any more.
const PEACE_TIME: Duration = Duration::from_secs(1);

/// The node may be away for all of the time in which things go wrong, and then for as long as it
/// takes to start and to be found again.
const OUTAGE_MAX: Duration = Duration::from_secs(100);

const PARTITIONS: i32 = 4;

/// Every way to address, batches small and large, every codec; and one that gives up soon.
const WRITERS: &[Writer] = &[
    Writer { number: 1, compression: Compression::Lz4, ..Writer::SAFE },
    Writer {
        number: 2,
        addressing: Addressing::Keyed,
        compression: Compression::Zstd,
        linger: Duration::from_millis(50),
        ..Writer::SAFE
    },
    Writer {
        number: 3,
        addressing: Addressing::Anywhere,
        compression: Compression::Snappy,
        linger: Duration::ZERO,
        ..Writer::SAFE
    },
    Writer {
        number: 4,
        addressing: Addressing::Keyed,
        compression: Compression::Gzip,
        patience: Duration::from_secs(2),
        ..Writer::SAFE
    },
];

/// Whatever happens to the node and the network: what was acknowledged is there once and in order,
/// what was given up is there once at most, nothing is given up before its time, and a reader sees
/// exactly what is there.
pub(super) async fn our_client_rides_through_kills_and_power_loss(world: World) -> Result<()> {
    world.start().await?;
    let cluster = world.client().await?;
    let partitions = create_topic(&cluster, "trucks", PARTITIONS, Flush::BeforeAcknowledging);
    let partitions = partitions.await?;
    let curtain = Curtain::default();
    let producing = Producing::start(&world, &partitions, WRITERS, &curtain);
    let options = ConsumerOptions::default();
    let following =
        Consuming::start(&world, &partitions, Manner::Straight, options.clone(), &curtain);
    // Answers that are cut off in the middle of a partition, and of a batch.
    let options = ConsumerOptions {
        max_bytes: 10_000,
        partition_max_bytes: 3_000,
        poll_records_max: 7,
        ..options
    };
    let wandering = Consuming::start(&world, &partitions, Manner::Wandering, options, &curtain);

    let administrating = Administrating::start(&world, &curtain);

    nemesis::rampage(&world, EVERYTHING, CHAOS_TIME).await?;
    nemesis::heal(&world).await?;
    sleep(PEACE_TIME).await;
    curtain.fall();

    let sends = producing.finish().await?;
    let ends = ends(&cluster, &partitions).await?;
    let followed = following.finish_at_the_end(&ends).await?;
    let wandered = wandering.finish().await?;
    let fates = administrating.finish().await?;
    let logs = read_in_the_end(&world.history, &cluster, &partitions).await?;
    let topics = look(&cluster).await?;
    world.lone().stop().await?;

    let acknowledged = sends.values().filter(|sent| sent.acknowledged.is_some()).count();
    let there: usize = logs.values().map(Vec::len).sum();
    world.trace.note(format_args!("{acknowledged} of {} acknowledged, {there} there", sends.len()));
    invariant::records::check(&sends, &logs, &Promise::Kept)?;
    invariant::records::patient_writers_gave_up_nothing(&sends, OUTAGE_MAX)?;
    invariant::reads::check(&followed, &logs)?;
    invariant::reads::are_everything(&followed, &logs)?;
    invariant::reads::check(&wandered, &logs)?;
    invariant::topics::check(&fates, &topics)?;
    ensure!(acknowledged > 100, "only {acknowledged} records were acknowledged");
    Ok(())
}
