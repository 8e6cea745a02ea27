use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use super::*;
use crate::{
    run::{Plan, run},
    scenario::Scenario,
    shape::Shape,
    workload::{create, small_topic},
};

fn three(play: fn(World) -> LocalBoxFuture<'static, Result<()>>) {
    let three_nodes = || Shape::combined(3);
    let scenario = Box::leak(Box::new(Scenario::new("a_test", three_nodes, play)));
    run(Plan::new(scenario, 1)).expect("the story goes well");
}

async fn replicated(world: &World) -> Result<()> {
    world.start().await?;
    create(&world.client().await?, small_topic("t", 1, Flush::Sometime)).await?;
    world.until("all in sync", || world.cast.is_fully_replicated()).await
}

/// Asks as a storm does.
fn may(world: &World, chaos: Chaos, on: i32) -> bool {
    let on = world.machine(BrokerId(on));
    let hold = on.take_hold().expect("nobody holds it");
    allows(world, chaos, on, Some(&hold), Flush::Sometime)
}

#[test]
fn nothing_is_lost_while_a_dead_process_still_counts_as_in_sync() {
    three(|world| {
        Box::pin(async move {
            replicated(&world).await?;
            world.machine(BrokerId(1)).kill();
            assert!(world.cast.is_fully_replicated(), "no controller has noticed");
            assert!(!may(&world, Chaos::Wipe, 2));
            Ok(())
        })
    });
}

#[test]
fn nothing_is_lost_while_something_else_is_under_way_elsewhere() {
    three(|world| {
        Box::pin(async move {
            replicated(&world).await?;
            let under_way = world.machine(BrokerId(1)).take_hold();
            assert!(!may(&world, Chaos::BitRot, 2));
            drop(under_way);
            assert!(may(&world, Chaos::BitRot, 2));
            Ok(())
        })
    });
}

#[test]
fn no_other_process_ends_uncleanly_until_a_loss_is_made_good() {
    three(|world| {
        Box::pin(async move {
            replicated(&world).await?;
            assert!(may(&world, Chaos::Wipe, 2));
            world.machine(BrokerId(2)).wipe()?;
            assert!(!may(&world, Chaos::Kill, 1) && !may(&world, Chaos::FullDisk, 1));
            assert!(may(&world, Chaos::Kill, 2) && may(&world, Chaos::Restart, 1));
            world.machine(BrokerId(2)).start();
            world.until_all_serve().await?;
            world.until("all in sync", || world.cast.is_fully_replicated()).await?;
            assert!(may(&world, Chaos::FullDisk, 1));
            Ok(())
        })
    });
}
