//! Internal nonmonotonic poll: within one operation, a record of a key is polled that is not after
//! the one polled before it in the log.
//!
//! Keys whose assignment changed during the operation are exempt.

use crate::facts::Facts;
use crate::step::{Setback, within_polls};

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Setback<'h>> {
    let mut found = Vec::new();
    within_polls(facts, |step| found.extend(step.setback()));
    found
}
