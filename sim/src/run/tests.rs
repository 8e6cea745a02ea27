use std::time::Duration;

use crate::{nemesis, shape::Shape};
use futures_util::future::LocalBoxFuture;
use tokio::time::sleep;

use super::*;

type Play = fn(World) -> LocalBoxFuture<'static, Result<()>>;

fn playing(play: Play) -> Result<Outcome> {
    playing_on(Shape::single, play)
}

fn playing_on(shape: fn() -> Shape, play: Play) -> Result<Outcome> {
    let scenario = Box::leak(Box::new(Scenario::new("a_test", shape, play)));
    run(Plan::new(scenario, 1)).map_err(|failure| failure.error)
}

#[test]
fn what_did_not_hold_fails_the_run() {
    let failed = playing(|_| Box::pin(async { anyhow::bail!("it did not hold") })).unwrap_err();
    assert_eq!(failed.to_string(), "it did not hold");
}

#[test]
fn a_panic_of_any_task_fails_the_run() {
    let failed = playing(|_| {
        Box::pin(async {
            let task = tokio::spawn(async { panic!("a bug, it seems") });
            task.await?
        })
    });
    assert_eq!(failed.unwrap_err().to_string(), "panic: a bug, it seems");
}

#[test]
fn a_run_that_hangs_fails() {
    let failed = playing(|_| Box::pin(std::future::pending())).unwrap_err();
    assert!(failed.to_string().starts_with("panic: "), "{failed}");
}

#[test]
fn a_node_that_was_stopping_serves_when_all_is_healed() {
    let three = || Shape::combined(3);
    let healed = playing_on(three, |world| {
        Box::pin(async move {
            world.start().await?;
            let machine = world.machines()[1].clone();
            let operator = tokio::spawn({
                let machine = machine.clone();
                async move { machine.stop().await }
            });
            sleep(Duration::from_millis(1)).await;
            operator.abort();
            anyhow::ensure!(machine.is_stopping(), "it stopped at once, which shows nothing");
            nemesis::heal(&world).await?;
            anyhow::ensure!(machine.serves(), "it doesn't serve");
            Ok(())
        })
    });
    healed.unwrap();
}
