//! A disk is full for a while.

use std::path::Path;

use madsim::rand::{Rng, thread_rng};
use storage::disk::Disk;
use tokio::time::sleep;

use super::{a_while, kill::start_later};
use crate::machine::Machine;

/// Leaves so little space that the node refuses what it can, or that a write fails; gives it back
/// later.
pub(super) async fn strike(on: &Machine) {
    let disk = on.disk();
    if !on.is_running() {
        return;
    }
    let Ok(free) = on.files().free_bytes(Path::new("/")) else { return };
    let left = thread_rng().gen_range(0..2_000_000);
    disk.set_capacity(disk.capacity() - free + left);
    sleep(a_while()).await;
    disk.mend();
    // A write that failed took its log directory with it.
    if !on.is_running() || thread_rng().gen_bool(0.5) {
        on.kill();
        start_later(on).await;
    }
}
