//! The log of one key, as far as anybody saw it.

use std::collections::{BTreeMap, BTreeSet};

use crate::op::{Offset, Value};

/// Every value seen at every offset of a key, and the order of values that follows.
///
/// An index is an offset with the gaps removed. Gaps are no error: markers of transactions, aborted
/// records and compaction leave them.
#[derive(Debug, Default)]
pub struct VersionOrder {
    log: BTreeMap<Offset, BTreeSet<Value>>,
    /// The offset of every index.
    offsets: Vec<Offset>,
    /// A value of every index: the greatest, where there are several.
    by_index: Vec<Value>,
    appearances: BTreeMap<Value, Appearance>,
}

/// Where a value stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    pub first_index: usize,
    pub last_index: usize,
    /// At how many offsets; one, if all is well.
    pub count: usize,
}

impl VersionOrder {
    /// The order of a log.
    pub(crate) fn new(log: BTreeMap<Offset, BTreeSet<Value>>) -> Self {
        let mut order = Self { offsets: log.keys().copied().collect(), ..Self::default() };
        for (index, values) in log.values().enumerate() {
            order.by_index.push(*values.last().expect("an offset is in the log for its value"));
            for value in values {
                let new = Appearance { first_index: index, last_index: index, count: 0 };
                let appearance = order.appearances.entry(*value).or_insert(new);
                appearance.last_index = index;
                appearance.count += 1;
            }
        }
        order.log = log;
        order
    }

    /// The values at every offset, in order.
    #[must_use]
    pub fn log(&self) -> &BTreeMap<Offset, BTreeSet<Value>> {
        &self.log
    }

    /// One value of every index.
    #[must_use]
    pub fn by_index(&self) -> &[Value] {
        &self.by_index
    }

    /// The offset of an index, if the log is that long.
    #[must_use]
    pub fn offset_at(&self, index: usize) -> Option<Offset> {
        self.offsets.get(index).copied()
    }

    /// Every value with its place.
    #[must_use]
    pub fn appearances(&self) -> &BTreeMap<Value, Appearance> {
        &self.appearances
    }

    /// The index of a value: the one of the offset at which an operation saw it, and otherwise of
    /// its last appearance. Jepsen takes the last appearance always; only for a value at several
    /// offsets, which is an anomaly of its own, this is not the same.
    #[must_use]
    pub fn index_of(&self, value: Value, seen_at: Option<Offset>) -> Option<usize> {
        let seen_at = seen_at
            .filter(|offset| self.log.get(offset).is_some_and(|values| values.contains(&value)));
        match seen_at {
            Some(offset) => self.offsets.binary_search(&offset).ok(),
            None => self.appearances.get(&value).map(|appearance| appearance.last_index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log of Jepsen's own examples: `[nil #{a} #{a b c} nil #{c} #{c d} #{d}]`.
    fn example() -> VersionOrder {
        let log = [(1, vec![1]), (2, vec![1, 2, 3]), (4, vec![3]), (5, vec![3, 4]), (6, vec![4])];
        let values = |values: Vec<i64>| values.into_iter().map(Value).collect();
        VersionOrder::new(log.into_iter().map(|(at, v)| (Offset(at), values(v))).collect())
    }

    #[test]
    fn an_empty_log_has_no_order() {
        let order = VersionOrder::new(BTreeMap::new());
        assert!(order.by_index().is_empty() && order.appearances().is_empty());
        assert_eq!(order.index_of(Value(1), Some(Offset(0))), None);
    }

    #[test]
    fn first_and_last_appearances_are_by_dense_index() {
        let order = example();
        let places = order.appearances().iter().map(|(v, a)| (v.0, a.first_index, a.last_index));
        assert_eq!(places.collect::<Vec<_>>(), [(1, 0, 1), (2, 1, 1), (3, 1, 3), (4, 3, 4)]);
        assert_eq!(order.offset_at(3), Some(Offset(5)));
        assert_eq!(order.offset_at(5), None);
    }

    #[test]
    fn a_value_is_where_it_was_seen_and_otherwise_where_it_was_last() {
        let order = example();
        assert_eq!(order.index_of(Value(3), Some(Offset(2))), Some(1));
        assert_eq!(order.index_of(Value(3), Some(Offset(1))), Some(3));
        assert_eq!(order.index_of(Value(3), None), Some(3));
    }
}
