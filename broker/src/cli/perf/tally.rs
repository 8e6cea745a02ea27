//! Which records were acknowledged, and which came back. Pure.

/// Counts what is lost and what comes twice, by the records' sequence numbers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    acknowledged: Bits,
    received: Bits,
    /// Acknowledged, and not received yet.
    missing: u64,
    duplicated: u64,
}

impl Tally {
    /// The cluster has a record, it says.
    pub(super) fn acknowledged(&mut self, sequence: u64) {
        if self.acknowledged.insert(sequence) && !self.received.contains(sequence) {
            self.missing += 1;
        }
    }

    /// A record came back. It may be before its acknowledgement does.
    pub(super) fn received(&mut self, sequence: u64) {
        if !self.received.insert(sequence) {
            self.duplicated += 1;
        } else if self.acknowledged.contains(sequence) {
            self.missing -= 1;
        }
    }

    /// How many records were acknowledged and did not come back: lost, once nothing more comes.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// How often a record came back that had come before.
    pub(super) fn duplicated(&self) -> u64 {
        self.duplicated
    }
}

/// A set of numbers that are mostly there, from 0 on.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    /// Whether it's new.
    fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    fn contains(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(number: u64) -> (usize, u64) {
        let word = usize::try_from(number / 64).expect("as many records as fit in memory");
        (word, 1 << (number % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_acknowledged_and_never_comes_is_missing() {
        let mut tally = Tally::default();
        for sequence in 0..130 {
            tally.acknowledged(sequence);
        }
        for sequence in (0..130).filter(|sequence| ![0, 64, 129].contains(sequence)) {
            tally.received(sequence);
        }
        assert_eq!((tally.missing(), tally.duplicated()), (3, 0));
    }

    #[test]
    fn what_failed_is_not_missing_and_may_come_all_the_same() {
        let mut tally = Tally::default();
        tally.acknowledged(0);
        tally.received(0);
        tally.received(1);
        assert_eq!((tally.missing(), tally.duplicated()), (0, 0));
    }

    #[test]
    fn a_record_may_come_before_its_acknowledgement() {
        let mut tally = Tally::default();
        tally.received(5);
        tally.acknowledged(5);
        assert_eq!((tally.missing(), tally.duplicated()), (0, 0));
        tally.received(5);
        tally.received(5);
        assert_eq!((tally.missing(), tally.duplicated()), (0, 2));
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_sets(events in prop::collection::vec((any::<bool>(), 0_u64..200), 0..500)) {
            let (mut tally, mut acknowledged, mut received) = (Tally::default(), BTreeSet::new(), BTreeSet::new());
            let mut duplicated = 0;
            for (is_receipt, sequence) in events {
                if is_receipt {
                    tally.received(sequence);
                    duplicated += u64::from(!received.insert(sequence));
                } else {
                    tally.acknowledged(sequence);
                    acknowledged.insert(sequence);
                }
            }
            let missing = acknowledged.difference(&received).count();
            prop_assert_eq!(tally.missing(), u64::try_from(missing).unwrap());
            prop_assert_eq!(tally.duplicated(), duplicated);
        }
    }
}
