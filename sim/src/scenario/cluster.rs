//! Swarms over a cluster: everybody works, anything goes wrong anywhere, then everything is mended,
//! and the cluster has to come to rest in time and to have kept its word.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use client::{Acks, ConsumerOptions};
use madsim::rand::{Rng, seq::SliceRandom, thread_rng};
use tokio::time::sleep;

use crate::{
    convergence,
    invariant::{self, Promise, Violation},
    nemesis::{self, OF_A_CLUSTER, storm::Storm},
    workload::{
        Curtain, Flush,
        churn::Churning,
        consume::{Consuming, Manner, read_in_the_end},
        create,
        gamble::Gambling,
        produce::{Addressing, Producing, Sends, Sent, Writer},
        producer_ids::AskingForIds,
        small_topic,
    },
    world::World,
};

/// How long things go wrong.
const CHAOS_TIME: Duration = Duration::from_secs(60);

/// How long everybody works on when nothing goes wrong any more.
const PEACE_TIME: Duration = Duration::from_secs(2);

/// Every acks, idempotent or not; all of them, or some.
const WRITERS: &[Writer] = &[
    PATIENT,
    Writer { number: 2, addressing: Addressing::Keyed, ..PATIENT },
    Writer { number: 3, is_idempotent: false, ..PATIENT },
    Writer { number: 4, acks: Acks::Leader, is_idempotent: false, ..Writer::SAFE },
    Writer { number: 5, acks: Acks::None, is_idempotent: false, ..Writer::SAFE },
];

/// Nothing takes that long, with the time that a cluster may take to come to rest.
const LONGEST_OUTAGE: Duration = Duration::from_secs(300);

/// It outlasts everything, and has no reason to give up anything.
const PATIENT: Writer = Writer { patience: Duration::from_secs(600), ..Writer::SAFE };

/// What all in-sync replicas had stays, whatever happens to fewer of them than there must be.
pub(super) async fn a_cluster_keeps_its_word_under_everything(world: World) -> Result<()> {
    let flush =
        if thread_rng().gen_bool(0.3) { Flush::BeforeAcknowledging } else { Flush::Sometime };
    let storm = Storm::of_the_seed(OF_A_CLUSTER, flush);
    swarm(world, &storm).await
}

/// The same without anything that goes wrong: a cluster that is well must not lose anything either.
pub(super) async fn a_cluster_keeps_its_word_in_calm_weather(world: World) -> Result<()> {
    let storm = Storm::of_the_seed(OF_A_CLUSTER, Flush::Sometime);
    swarm(world, &Storm { repertoire: Vec::new(), ..storm }).await
}

async fn swarm(world: World, storm: &Storm) -> Result<()> {
    tracing::debug!(target: "sim", "{:?}", world.shape());
    world.start().await?;
    let cluster = world.client().await?;
    let count = thread_rng().gen_range(1..5);
    let partitions = create(&cluster, small_topic("orders", count, storm.flush)).await?;
    let curtain = Curtain::default();
    let mut writers = WRITERS.to_vec();
    writers.shuffle(&mut thread_rng());
    writers.truncate(thread_rng().gen_range(2..=WRITERS.len()));
    if writers.iter().all(|writer| writer.acks != Acks::All) {
        writers.push(WRITERS[0]);
    }
    let producing = Producing::start(&world, &partitions, &writers, &curtain);
    let options = ConsumerOptions::default();
    let manner = if thread_rng().gen_bool(0.5) { Manner::Straight } else { Manner::Wandering };
    let consuming = Consuming::start(&world, &partitions, manner, options, &curtain);
    let churning = thread_rng().gen_bool(0.5).then(|| Churning::start(&world, &curtain));
    let gambling = if thread_rng().gen_bool(0.5) {
        Some(Gambling::start(&cluster, &curtain).await?)
    } else {
        None
    };
    let asking = AskingForIds::start(&world, &curtain);

    storm.rage(&world, CHAOS_TIME).await?;
    nemesis::heal(&world).await?;
    convergence::until_settled(&world).await?;
    sleep(PEACE_TIME).await;
    curtain.fall();

    let sends = producing.finish().await?;
    let mut reads = consuming.finish().await?;
    let ids = asking.finish().await?;
    if let Some(gambling) = gambling {
        gambling.finish().await?;
    }
    let ashes = match churning {
        Some(churning) => Some(churning.finish().await?),
        None => None,
    };
    convergence::until_settled(&world).await?;
    let logs = read_in_the_end(&world.history, &cluster, &partitions).await?;

    let acknowledged = sends.values().filter(|sent| sent.acknowledged.is_some()).count();
    let there: usize = logs.values().map(Vec::len).sum();
    world.trace.note(format_args!("{acknowledged} of {} acknowledged, {there} there", sends.len()));
    if let Some(ashes) = ashes {
        named("recreated topic", ashes.check())?;
    }
    let sends = only_safe(sends);
    named("records", invariant::records::check(&sends, &logs, &Promise::Kept))?;
    let gave_up = invariant::records::patient_writers_gave_up_nothing(&sends, LONGEST_OUTAGE);
    named("V5", gave_up)?;
    // That a damaged record isn't given out is how it should be.
    reads.errors.retain(|error| !matches!(error, client::Error::Corrupt { .. }));
    named("reads", invariant::reads::check(&reads, &logs))?;
    named("producer ids", invariant::producer_ids::check(&ids))?;
    ensure!(acknowledged > 100, "only {acknowledged} records were acknowledged");
    Ok(())
}

/// What clients alone can tell has names too.
fn named(property: &'static str, judged: Result<()>) -> Result<()> {
    judged.map_err(|error| {
        Violation { property, partition: None, details: format!("{error:#}") }.into()
    })
}

/// An acknowledgement of less than all in-sync replicas promises nothing.
fn only_safe(sends: Sends) -> Sends {
    let weaken = |(id, mut sent): (_, Sent)| {
        if sent.writer.acks != Acks::All {
            sent.acknowledged = None;
        }
        (id, sent)
    };
    sends.into_iter().map(weaken).collect::<BTreeMap<_, _>>()
}
