//! The story of a cluster that agrees on another `metadata.version`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use client::{Admin, Error, admin::NewLevel};
use madsim::rand::{Rng, thread_rng};
use metadata::{MetadataVersion, record::FenceReason};
use protocol::{BrokerId, ErrorCode};

use super::story::{Story, moments};
use crate::{workload::Flush, world::World};

const LOWER: MetadataVersion = MetadataVersion::MIN;
const HIGHER: MetadataVersion = MetadataVersion::LATEST;

/// Node by node is restarted at the lower level, then at the higher one, and at the lower one
/// again. Records are served all the time; the metadata says what its level can say, and nothing
/// that would be lost is given up without being asked to.
pub(super) async fn a_rolling_restart_into_a_higher_metadata_version_and_back_loses_nothing(
    world: World,
) -> Result<()> {
    let mut story = Story::begin(world.clone(), Flush::Sometime).await?;
    for level in [LOWER, HIGHER, LOWER] {
        finalise(&story, level).await.context("all nodes are there")?;
        world.until_everybody_knows().await?;
        let is_finalised = world.cast.image().metadata_version() == level;
        ensure!(is_finalised, "level {level} was answered, and isn't finalised");
        restart_one_by_one(&mut story, level).await?;
    }
    story.expect_what_was_promised().await
}

async fn restart_one_by_one(story: &mut Story, level: MetadataVersion) -> Result<()> {
    let world = story.world.clone();
    for machine in world.machines() {
        story.write(10).await?;
        if thread_rng().gen_bool(0.3) {
            machine.kill();
        } else {
            machine.stop().await?;
        }
        let is_out = || world.cast.registration_in_service(machine.id()).is_none();
        world.until("it to be fenced", is_out).await?;
        world.until_in_sync(&story.partition, 2).await?;
        story.write(10).await?;
        let is_said = reason_of(&world, machine.id()) != FenceReason::default();
        ensure!(is_said == (level == HIGHER), "at level {level} it's said why: {is_said}");
        if level == HIGHER {
            // Why this one is out could not be said at the lower level.
            let refused = finalise(story, LOWER).await;
            let code = refused.as_ref().err().and_then(Error::code);
            let is_refused = code == Some(ErrorCode::InvalidUpdateVersion);
            ensure!(is_refused, "what would be lost was given up: {refused:?}");
        }
        moments(500).await;
        machine.start();
        machine.until_it_serves().await?;
        world.until_in_sync(&story.partition, 3).await?;
    }
    Ok(())
}

/// As an operator does it: up, or down if nothing is lost by it.
async fn finalise(story: &Story, level: MetadataVersion) -> Result<(), Error> {
    let number = level.level();
    let level = match level {
        LOWER => NewLevel::SafeDowngrade(number),
        _ => NewLevel::Upgrade(number),
    };
    let levels = BTreeMap::from([(MetadataVersion::FEATURE.to_owned(), level)]);
    Admin::new(story.cluster.clone()).update_features(&levels, false).await
}

fn reason_of(world: &World, broker: BrokerId) -> FenceReason {
    let image = world.cast.image();
    image.brokers().get(broker).map(|broker| broker.fence_reason).unwrap_or_default()
}
