//! What happens to the machine's clock.

use madsim::rand::{Rng, thread_rng};

use crate::world::World;

/// How far off a clock may be, in milliseconds.
const SKEW_MS_MAX: i64 = 10 * 60 * 1_000;

/// Sets the clock, forward or back.
pub(super) fn jump(world: &World) {
    world.machine.clock().skew(thread_rng().gen_range(-SKEW_MS_MAX..=SKEW_MS_MAX));
}
