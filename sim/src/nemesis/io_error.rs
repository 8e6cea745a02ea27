//! A call to the disk fails.

use madsim::rand::{Rng, thread_rng};
use simdisk::Call;
use tokio::time::sleep;

use super::{a_while, kill::start_later};
use crate::machine::Machine;

/// Lets a call of some kind fail soon. A node that gives up then is started again, as if whatever
/// it was had been set right.
pub(super) async fn strike(on: &Machine) {
    const CALLS: [Call; 4] = [Call::Read, Call::Write, Call::Sync, Call::Name];
    let call = CALLS[thread_rng().gen_range(0..CALLS.len())];
    on.disk_is_damaged();
    on.disk().fail_after(call, thread_rng().gen_range(0..20));
    sleep(a_while()).await;
    on.disk().mend();
    // Its log directory is off until it starts again.
    on.kill();
    start_later(on).await;
}
