//! Stories of controllers: one that nobody follows any more, one that was away for long.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use client::{Admin, ConfigResource, NewTopic, admin::ConfigChange};
use madsim::rand::{Rng, thread_rng};
use protocol::{ErrorCode, TopicName};

use super::story::{Story, moments};
use crate::{machine::Machine, nemesis, shape::Shape, workload::Flush, world::World};

/// After so many entries of the metadata log a controller makes a snapshot, in the stories of them.
const SNAPSHOT_ENTRIES: u64 = 20;

/// A few changes, and a controller forgets how they came about.
pub(super) fn with_short_memory() -> Shape {
    Shape::combined(3)
        .with("replica.lag.time.max.ms=2000")
        .with(format!("ottla.metadata.snapshot.entries={SNAPSHOT_ENTRIES}"))
        .with("ottla.metadata.log.entries.kept=5")
}

/// Brokers reach it, and it reaches no other controller: it decides nothing any more, and they
/// don't stay with it.
pub(super) async fn a_controller_without_followers_neither_commits_nor_keeps_its_brokers(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    story.write(20).await?;
    let zombie = world.active_controller()?.clone();
    let others = world.controllers().filter(|other| other.id() != zombie.id());
    let isolation = world.cut(&zombie, others);
    // It's asked before it can have noticed.
    moments(300).await;
    let asking = tokio::spawn(create_topic(world.clone(), TopicName::from("asked-at-once")));
    let is_replaced = || world.cast.active_controller() != Some(zombie.id());
    world.until("another active controller", is_replaced).await?;
    let committed = world.cast.applied_by(zombie.id());

    let leader = world.leader(&story.partition).await?;
    leader.kill();
    world.until_led_by_another(&story.partition, leader.id()).await?;
    story.write(30).await?;
    let late = TopicName::from("asked-late");
    ensure!(create_topic(world.clone(), late.clone()).await?, "no topic is created any more");
    world.until_everybody_knows().await?;
    moments(2_000).await;
    leader.start();
    leader.until_it_serves().await?;
    world.until_in_sync(&story.partition, 3).await?;
    let now = world.cast.applied_by(zombie.id());
    ensure!(now == committed, "who is cut off has applied {now}, and {committed} before");

    drop(isolation);
    let index = world.cast.applied();
    let has_caught_up = || world.cast.applied_by(zombie.id()) >= index;
    world.until("it to catch up", has_caught_up).await?;
    nemesis::heal(&world).await?;
    let mut created = vec![late];
    created.extend(asking.await??.then(|| TopicName::from("asked-at-once")));
    let topics = Admin::new(story.cluster.clone()).list_topics().await?;
    for name in created {
        let is_there = topics.iter().any(|topic| topic.name == name);
        ensure!(is_there, "topic {name} was created, and isn't there");
    }
    story.expect_what_was_promised().await
}

/// The entries that it lacks are gone: it's given what they led to, while everybody goes on.
pub(super) async fn who_was_away_for_long_is_given_a_snapshot_while_clients_are_served(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    let admin = Admin::new(story.cluster.clone());
    let mut created = Vec::new();
    for round in 0..2 {
        let away = if thread_rng().gen_bool(0.5) {
            world.active_controller()?.clone()
        } else {
            let machines = world.machines();
            machines[thread_rng().gen_range(0..machines.len())].clone()
        };
        away.kill();
        let known = world.cast.applied_by(away.id());
        let name = TopicName::from(format!("made-meanwhile-{round}").as_str());
        ensure!(create_topic(world.clone(), name.clone()).await?, "no topic is created");
        created.push(name);
        while world.cast.applied() < known + 3 * SNAPSHOT_ENTRIES {
            story.write(2).await?;
            let segment_bytes = thread_rng().gen_range(6_000..60_000);
            configure(&admin, &story.partition.topic, segment_bytes).await?;
        }
        away.start();
        let is_given_a_snapshot = || world.cast.restored_by(away.id()) > known + SNAPSHOT_ENTRIES;
        let serving = async {
            while !is_given_a_snapshot() || !away.serves() {
                story.write(2).await?;
            }
            anyhow::Ok(())
        };
        let given = world.until("a snapshot to be installed", is_given_a_snapshot);
        let (served, given) = tokio::join!(serving, given);
        served?;
        given?;
        world.until_in_sync(&story.partition, 3).await?;
        // It knows all that was made meanwhile.
        world.until_everybody_knows().await?;
        expect_topics(&world, &away, &created).await?;
    }
    story.expect_what_was_promised().await
}

/// Whether it was created for certain.
pub(super) async fn create_topic(world: World, name: TopicName) -> Result<bool> {
    let topic = NewTopic::new(name).partitions(3).replication_factor(3);
    let results = Admin::new(world.client().await?).create_topics(&[topic], false).await;
    Ok(results.is_ok_and(|results| {
        results.values().all(|result| match result {
            Ok(()) => true,
            Err(error) => error.code() == Some(ErrorCode::TopicAlreadyExists),
        })
    }))
}

async fn configure(admin: &Admin, topic: &TopicName, segment_bytes: u32) -> Result<()> {
    let change = ConfigChange::set("internal.segment.bytes", segment_bytes.to_string());
    let resource = ConfigResource::Topic(topic.clone());
    let changes = BTreeMap::from([(resource, vec![change])]);
    for (resource, result) in admin.incremental_alter_configs(&changes, false).await? {
        result.with_context(|| format!("changing {resource:?}"))?;
    }
    Ok(())
}

/// A node shows these topics to its clients.
async fn expect_topics(world: &World, machine: &Machine, names: &[TopicName]) -> Result<()> {
    let topics = Admin::new(world.client_of(machine).await?).list_topics().await?;
    for name in names {
        let is_there = topics.iter().any(|topic| topic.name == *name);
        ensure!(is_there, "node {} doesn't know of topic {name}", machine.id());
    }
    Ok(())
}
