//! Nonmonotonic poll: a process goes on in a key at or before the last value of its previous ok
//! operation.
//!
//! A new assignment or subscription keeps the position of the keys it lists. Consumers that
//! subscribe may be rebalanced between operations, and then this is allowed.

use crate::facts::Facts;
use crate::step::{Setback, between_polls};

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Setback<'h>> {
    let mut found = Vec::new();
    between_polls(facts, |step| found.extend(step.setback()));
    found
}
