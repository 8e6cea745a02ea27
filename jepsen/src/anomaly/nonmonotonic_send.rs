//! Nonmonotonic send: the first value that an operation sent to a key is not after the last one
//! that the process' previous operation sent to it, where neither failed.
//!
//! A new assignment or subscription that doesn't list the key ends this, as with polls.

use crate::facts::Facts;
use crate::step::{Setback, between_sends};

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<Setback<'h>> {
    let mut found = Vec::new();
    between_sends(facts, |step| found.extend(step.setback()));
    found
}
