//! Internal nonmonotonic send: of two values that one operation sent to a key, one directly after
//! the other, the second is not after the first in the log.

use crate::facts::Facts;
use crate::step::{Setback, within_sends};

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Setback<'h>> {
    let mut found = Vec::new();
    within_sends(facts, |step| found.extend(step.setback()));
    found
}
