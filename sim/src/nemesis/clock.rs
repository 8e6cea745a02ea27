//! What happens to a machine's clock.

use madsim::rand::{Rng, thread_rng};

use crate::machine::Machine;

/// How far off a clock may be, in milliseconds.
const SKEW_MS_MAX: i64 = 10 * 60 * 1_000;

/// Sets the clock, forward or back.
pub(super) fn strike(on: &Machine) {
    on.clock().skew(thread_rng().gen_range(-SKEW_MS_MAX..=SKEW_MS_MAX));
}
