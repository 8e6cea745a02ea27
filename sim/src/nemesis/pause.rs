//! A process does nothing for a while, as one that is stopped, swapped out or moved to another host:
//! long enough to be given up, and it doesn't know.

use std::time::Duration;

use tokio::time::sleep;

use super::between;
use crate::machine::Machine;

const LEAST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(60);

/// Pauses the process.
pub(super) async fn strike(on: &Machine) {
    on.pause();
    sleep(between(LEAST, MOST)).await;
    on.go_on();
}
