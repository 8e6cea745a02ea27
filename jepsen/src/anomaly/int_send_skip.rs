//! Internal send skip: between two values that one operation sent to a key, one directly after the
//! other, another's is in the log.
//!
//! Always allowed: Kafka's transactions don't isolate writes.

use crate::facts::Facts;
use crate::step::{Skip, within_sends};

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Skip<'h>> {
    let mut found = Vec::new();
    within_sends(facts, |step| found.extend(step.skip(facts)));
    found
}
