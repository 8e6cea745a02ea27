//! Stories with a plot: one thing goes wrong, at the worst moment.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use client::{Cluster, Producer, ProducerOptions, ProducerRecord};
use madsim::rand::{Rng, thread_rng};
use protocol::{Offset, TopicPartition};
use simdisk::{Call, Crash};
use storage::disk::Disk;
use tokio::time::sleep;

use crate::{
    workload::{Flush, consume::read_everything, create_topic},
    world::World,
};

/// How long a record may wait that the node can't take.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(5);

/// What was acknowledged of one partition, first to last.
type Written = Vec<Bytes>;

/// Dying while recovering from having died, at any change to the disk, changes nothing.
pub(super) async fn a_crash_during_recovery_loses_nothing(world: World) -> Result<()> {
    world.start().await?;
    let (cluster, partition) = one_partition(&world, Flush::BeforeAcknowledging).await?;
    let mut written = write(&cluster, &partition, 0..100).await?;
    for round in 0..10 {
        world.lone().lose_power();
        sleep(Duration::from_millis(10)).await;
        for _ in 0..4 {
            world.lone().start();
            let changes = thread_rng().gen_range(0..30);
            let crash = if thread_rng().gen_bool(0.5) { Crash::Process } else { Crash::Power };
            world.lone().crash_while_starting(changes, crash).await?;
            sleep(Duration::from_millis(10)).await;
        }
        world.start().await?;
        let first = 100 + 10 * round;
        written.extend(write(&cluster, &partition, first..first + 10).await?);
    }
    expect(&cluster, &partition, &written).await
}

/// A first start that dies anywhere leaves nothing that keeps the next one from working.
pub(super) async fn a_crash_while_formatting_is_overcome_by_the_next_start(
    world: World,
) -> Result<()> {
    for _ in 0..5 {
        world.lone().start();
        let changes = thread_rng().gen_range(0..12);
        let crash = if thread_rng().gen_bool(0.5) { Crash::Process } else { Crash::Power };
        world.lone().crash_while_starting(changes, crash).await?;
        sleep(Duration::from_millis(10)).await;
    }
    world.start().await?;
    let (cluster, partition) = one_partition(&world, Flush::Sometime).await?;
    let written = write(&cluster, &partition, 0..10).await?;
    world.lone().stop().await?;
    world.start().await?;
    expect(&cluster, &partition, &written).await
}

/// Space comes back, and nothing that was acknowledged went meanwhile.
pub(super) async fn a_full_disk_refuses_produce_and_serves_reads(world: World) -> Result<()> {
    world.start().await?;
    let (cluster, partition) = one_partition(&world, Flush::Sometime).await?;
    let mut written = write(&cluster, &partition, 0..50).await?;

    let disk = world.lone().disk();
    let capacity = 1 << 40;
    let used = capacity - world.lone().files().free_bytes(Path::new("/"))?;
    // Below what a node keeps free; or so little that the next writes don't fit, and it hasn't
    // looked yet.
    disk.set_capacity(used + thread_rng().gen_range(0..20_000));
    world.trace.note("the disk is full");
    if thread_rng().gen_bool(0.5) {
        sleep(Duration::from_secs(3)).await;
    }
    let mut taken = 0;
    while let Ok(some) = write(&cluster, &partition, 50 + taken..51 + taken).await {
        written.extend(some);
        taken += 1;
        ensure!(taken < 1_000, "a full disk takes everything");
    }
    world.trace.note(format_args!("refused after {taken} more"));
    let log = read_everything(&cluster, std::slice::from_ref(&partition)).await?;
    ensure!(log[&partition].len() >= written.len(), "a full disk doesn't serve what it holds");

    disk.set_capacity(capacity);
    sleep(Duration::from_secs(3)).await;
    let after = write(&cluster, &partition, 2_000..2_010).await.context("there is space again")?;
    let log = read_everything(&cluster, std::slice::from_ref(&partition)).await?;
    let values: Vec<_> = log[&partition].iter().filter_map(|record| record.value.clone()).collect();
    ensure!(values.starts_with(&written), "what was acknowledged before isn't there");
    ensure!(values.ends_with(&after), "what was acknowledged afterwards isn't there");
    Ok(())
}

/// A sync that failed is never tried again: what it was to sync may be gone, and the next one
/// would succeed.
pub(super) async fn a_failed_fsync_ends_all_acknowledging(world: World) -> Result<()> {
    world.start().await?;
    let (cluster, partition) = one_partition(&world, Flush::BeforeAcknowledging).await?;
    let written = write(&cluster, &partition, 0..50).await?;
    world.lone().disk().fail_after(Call::Sync, 0);
    world.trace.note("the next sync fails");
    let mut last_words = None;
    for attempt in 0..20 {
        if write(&cluster, &partition, 100 + attempt..101 + attempt).await.is_ok() {
            bail!("a record was acknowledged after a failed sync");
        }
        if !world.lone().is_running() {
            last_words = Some(world.lone().until_it_gives_up().await?);
            break;
        }
    }
    let last_words = last_words.context("the node goes on without a log directory")?;
    ensure!(last_words.contains("/data"), "the operator isn't told where: {last_words}");
    world.lone().lose_power();
    world.start().await?;
    let log = read_everything(&cluster, std::slice::from_ref(&partition)).await?;
    let values: Vec<_> = log[&partition].iter().filter_map(|record| record.value.clone()).collect();
    ensure!(values.starts_with(&written), "what was acknowledged before isn't there");
    Ok(())
}

/// Whatever bit of a log the device damages: the records around it are either right or missing.
pub(super) async fn a_flipped_bit_is_never_served(world: World) -> Result<()> {
    world.start().await?;
    let (cluster, partition) = one_partition(&world, Flush::Sometime).await?;
    let written = write(&cluster, &partition, 0..100).await?;
    let directory = Path::new("/data").join(partition.to_string());
    let files = world.lone().files();
    let mut logs: Vec<_> = files.list(&directory)?.into_iter().map(|entry| entry.name).collect();
    logs.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "log"));
    let log = directory.join(&logs[thread_rng().gen_range(0..logs.len())]);
    let bits = files.file_len(&log)? * 8;
    let bit = usize::try_from(thread_rng().gen_range(0..bits))?;
    world.trace.note(format_args!("bit {bit} of {} is flipped", log.display()));
    world.lone().disk_is_damaged();
    world.lone().disk().flip_bit(&log, bit)?;
    let is_recovered = thread_rng().gen_bool(0.5);
    if is_recovered {
        world.lone().kill();
        sleep(Duration::from_millis(10)).await;
        world.lone().start();
        if let Err(error) = world.lone().until_it_serves().await {
            world.trace.note(format_args!("not started: {error}"));
            return Ok(());
        }
    }
    // From the beginning, and from every offset: the index may lead past the damage.
    let mut count = 0;
    for from in (0..written.len()).step_by(7) {
        let read = read_some(&cluster, &partition, from).await;
        count += read.len();
        for (offset, value) in read {
            let sent = usize::try_from(offset.0).ok().and_then(|index| written.get(index));
            ensure!(sent == Some(&value), "offset {offset} isn't what was sent");
        }
    }
    world.trace.note(format_args!("{count} records were read"));
    // Recovery cuts a log that was never synced where the damage is: maybe at its beginning.
    ensure!(is_recovered || count > 0, "one bit, and nothing is left");
    Ok(())
}

async fn one_partition(world: &World, flush: Flush) -> Result<(Cluster, TopicPartition)> {
    let cluster = world.client().await?;
    let partition = create_topic(&cluster, "story", 1, flush).await?.remove(0);
    Ok((cluster, partition))
}

/// Writes numbered records, all of which must be acknowledged.
async fn write(
    cluster: &Cluster,
    partition: &TopicPartition,
    numbers: std::ops::Range<usize>,
) -> Result<Written> {
    let options = ProducerOptions {
        ack_timeout: Duration::from_secs(1),
        delivery_timeout: DELIVERY_TIME_MAX,
        block_max: DELIVERY_TIME_MAX,
        batch_bytes: 1 << 10,
        ..ProducerOptions::default()
    };
    let producer = Producer::new(cluster.clone(), options);
    let mut written = Written::new();
    let mut waiting = Vec::new();
    for number in numbers {
        let value = Bytes::from(format!("record {number} {}", ".".repeat(number * 37 % 400)));
        let record = ProducerRecord::new(partition.topic.clone(), value.clone())
            .with_partition(partition.partition);
        waiting.push(producer.queue(record).await?);
        written.push(value);
    }
    for sent in waiting {
        sent.delivery().await?;
    }
    Ok(written)
}

/// The partition holds exactly this.
async fn expect(cluster: &Cluster, partition: &TopicPartition, written: &Written) -> Result<()> {
    let log = read_everything(cluster, std::slice::from_ref(partition)).await?;
    let values = log[partition].iter().filter_map(|record| record.value.as_ref());
    ensure!(values.eq(written), "{} records are there, not what was sent", log[partition].len());
    Ok(())
}

/// What a reader gets from an offset on before anything is wrong.
async fn read_some(
    cluster: &Cluster,
    partition: &TopicPartition,
    from: usize,
) -> Vec<(Offset, Bytes)> {
    use client::{Consumer, ConsumerOptions, OffsetReset, Place};

    let options = ConsumerOptions { offset_reset: OffsetReset::None, ..ConsumerOptions::default() };
    let mut consumer = Consumer::new(cluster.clone(), options);
    consumer.assign([partition.clone()]);
    let from = Offset(i64::try_from(from).expect("a small number"));
    consumer.seek(partition, Place::At(from)).expect("assigned above");
    let mut read = Vec::new();
    while let Ok(records) = consumer.poll(Duration::from_secs(1)).await
        && !records.is_empty()
    {
        read.extend(
            records.into_iter().map(|record| (record.offset, record.value.unwrap_or_default())),
        );
    }
    read
}
