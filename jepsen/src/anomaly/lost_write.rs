//! Lost write: a value that was sent was never polled, though somebody polled a later one.
//!
//! For each key: the bound is the greatest index at which any value of an ok poll appears first.
//! All values that appear for the last time up to the bound must have been read. Those that no ok
//! poll saw are lost, if their send must have committed. First and last appearances differ only
//! where offsets are inconsistent or values duplicate, and taking them so errs on no side there.

use std::fmt;

use crate::brief::Brief;
use crate::facts::{Facts, Partition};
use crate::op::{Key, Op, Value};

/// A value that should have been seen.
#[derive(Debug, Clone)]
pub struct LostWrite<'h> {
    pub key: Key,
    pub value: Value,
    /// Where it is first in the log.
    pub index: usize,
    pub writer: &'h Op,
    /// The greatest index that was read.
    pub max_read_index: usize,
    /// Who read it.
    pub max_read: &'h Op,
}

pub(super) fn find<'h>(facts: &Facts<'h>) -> Vec<LostWrite<'h>> {
    facts.partitions().flat_map(|(key, partition)| of_key(facts, key, partition)).collect()
}

fn of_key<'h>(facts: &Facts<'h>, key: Key, partition: &Partition<'h>) -> Vec<LostWrite<'h>> {
    let places = partition.order().appearances();
    let first_index = |value| places.get(&value).map(|place| (place.first_index, value));
    let Some((max_read_index, greatest)) = partition.values_read().filter_map(first_index).max()
    else {
        return Vec::new();
    };
    let Some(max_read) = partition.ok_reader_of(greatest) else { return Vec::new() };
    let mut lost: Vec<_> = places
        .iter()
        .filter(|(value, place)| place.last_index <= max_read_index && !partition.is_read(**value))
        .filter_map(|(value, place)| {
            let writer = partition.writer_of(*value)?;
            let (value, index) = (*value, place.first_index);
            let lost = LostWrite { key, value, index, writer, max_read_index, max_read };
            facts.must_have_committed(writer).then_some((place.last_index, lost))
        })
        .collect();
    lost.sort_by_key(|(last_index, _)| *last_index);
    lost.into_iter().map(|(_, lost)| lost).collect()
}

impl fmt::Display for LostWrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, index, max_read_index, .. } = self;
        write!(f, "key {key}: value {value} at index {index} was never polled, ")?;
        write!(f, "but index {max_read_index} was")?;
        write!(f, "\n  {}\n  {}", Brief(self.writer), Brief(self.max_read))
    }
}
