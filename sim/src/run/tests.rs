use crate::shape::Shape;
use futures_util::future::LocalBoxFuture;

use super::*;

fn playing(play: fn(World) -> LocalBoxFuture<'static, Result<()>>) -> Result<Outcome> {
    let scenario = Box::leak(Box::new(Scenario::new("a_test", Shape::single, play)));
    run(Plan { scenario, seed: 1, bug: None }).map_err(|failure| failure.error)
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
