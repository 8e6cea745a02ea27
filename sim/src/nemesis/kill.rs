//! `kill -9`: at any moment, while the node starts, in the middle of a change to its disk.

use std::time::Duration;

use anyhow::Result;
use madsim::rand::{Rng, thread_rng};
use simdisk::Crash;
use tokio::time::sleep;

use super::{a_while, between};
use crate::machine::Machine;

/// How many changes to the disk a node makes while it starts, about.
pub(super) const CHANGES_OF_A_START: u64 = 60;

/// How long a node of a cluster is away.
const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_secs(30);

/// Kills the process, wherever it is, and starts it again later: maybe to be killed before it
/// serves.
pub(super) async fn strike(on: &Machine) {
    on.kill();
    start_later(on).await;
}

/// Kills the process again and again in the middle of what it does to its disk as it starts.
pub(super) async fn strike_while_starting(on: &Machine) -> Result<()> {
    on.kill();
    crash_while_starting(on, Crash::Process).await
}

/// The process dies in the middle of a change to the disk.
pub(super) async fn strike_within_a_change(on: &Machine) {
    crash_within_a_change(on, Crash::Process).await;
}

pub(super) async fn crash_while_starting(on: &Machine, crash: Crash) -> Result<()> {
    for _ in 0..thread_rng().gen_range(1..4) {
        start_later(on).await;
        let changes = thread_rng().gen_range(0..CHANGES_OF_A_START);
        if on.is_alone() {
            on.crash_while_starting(changes, crash).await?;
        } else {
            // It may have to wait for others.
            on.crash_within(changes, a_while(), crash).await;
        }
    }
    start_later(on).await;
    Ok(())
}

pub(super) async fn crash_within_a_change(on: &Machine, crash: Crash) {
    let changes = thread_rng().gen_range(0..CHANGES_OF_A_START);
    on.crash_within(changes, a_while(), crash).await;
    start_later(on).await;
}

/// Starts the process after a while, if there is none. The others of a cluster go on without it:
/// then it takes shorter or longer than they need to notice, and much may have changed.
pub(super) async fn start_later(on: &Machine) {
    sleep(if on.is_alone() { a_while() } else { between(LEAST, MOST) }).await;
    if !on.is_running() {
        on.start();
    }
}
