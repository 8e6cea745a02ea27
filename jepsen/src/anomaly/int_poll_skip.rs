//! Internal poll skip: within one operation, two records of a key polled one directly after the
//! other have a third between them in the log.
//!
//! Keys whose assignment changed during the operation are exempt.

use crate::facts::Facts;
use crate::step::{Skip, within_polls};

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Skip<'h>> {
    let mut found = Vec::new();
    within_polls(facts, |step| found.extend(step.skip(facts)));
    found
}
