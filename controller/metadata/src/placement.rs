//! Placement: which brokers hold a new partition, and which of them leads it by preference.
//!
//! The brokers stand in a row in which racks alternate. A partition's place in the row names its
//! leader, so leaders come out evenly: six partitions over brokers 1, 2 and 3 are led by 1, 2, 3,
//! 1, 2, 3. The followers come after the leader in the row, one step further each time round, so
//! that the partitions of one leader don't all have the same followers. Racks that hold no replica
//! yet come first; a fenced broker comes last, and never leads.

use std::collections::BTreeMap;

use protocol::{BrokerId, ErrorCode};

use crate::{Brokers, Refusal};

/// The brokers that may hold new partitions, racks alternating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    unfenced: Vec<Place>,
    fenced: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    broker: BrokerId,
    rack: Option<String>,
}

impl Row {
    /// The row of the brokers that aren't about to leave.
    #[must_use]
    pub fn of(brokers: &Brokers) -> Self {
        let mut unfenced = Vec::new();
        let mut fenced = Vec::new();
        for broker in brokers.iter().filter(|broker| !broker.in_controlled_shutdown) {
            let side = if broker.fenced { &mut fenced } else { &mut unfenced };
            side.push(Place { broker: broker.id, rack: broker.rack.clone() });
        }
        Self { unfenced: alternate(unfenced), fenced: alternate(fenced) }
    }

    /// Where a broker stands, if it may lead.
    #[must_use]
    pub fn position(&self, broker: BrokerId) -> Option<usize> {
        self.unfenced.iter().position(|place| place.broker == broker)
    }

    /// Whether so many replicas can be placed.
    ///
    /// # Errors
    /// There are fewer brokers, or none that could lead.
    pub fn check(&self, replication_factor: usize) -> Result<(), Refusal> {
        let brokers = self.unfenced.len() + self.fenced.len();
        let reason = if self.unfenced.is_empty() {
            "All brokers are currently fenced.".to_owned()
        } else if replication_factor > brokers {
            format!(
                "The target replication factor of {replication_factor} cannot be reached because \
                 only {brokers} broker(s) are registered."
            )
        } else {
            return Ok(());
        };
        Err(Refusal::new(
            ErrorCode::InvalidReplicationFactor,
            format!("Unable to replicate the partition {replication_factor} time(s): {reason}"),
        ))
    }

    /// The replicas of the partition at a position, the leader first. Positions go on beyond the
    /// end of the row, round and round: the partitions of a topic take successive ones.
    ///
    /// # Panics
    /// [`Row::check`] would have refused it.
    #[must_use]
    pub fn replicas(&self, position: usize, replication_factor: usize) -> Vec<BrokerId> {
        self.check(replication_factor).expect("the caller checks the replication factor first");
        let length = self.unfenced.len();
        let (round, leader) = (position / length, position % length);
        let others = length - 1;
        let unfenced =
            (0..others).map(|step| &self.unfenced[(leader + 1 + (round + step) % others) % length]);
        let start = position % self.fenced.len().max(1);
        let fenced = self.fenced[start..].iter().chain(&self.fenced[..start]);

        let mut chosen = vec![&self.unfenced[leader]];
        for mut candidates in [unfenced.collect::<Vec<_>>(), fenced.collect()] {
            while chosen.len() < replication_factor && !candidates.is_empty() {
                let in_rack =
                    |place: &&Place| chosen.iter().filter(|other| other.rack == place.rack).count();
                let (best, _) = candidates
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, place)| in_rack(place))
                    .expect("candidates are left");
                chosen.push(candidates.remove(best));
            }
        }
        chosen.into_iter().map(|place| place.broker).collect()
    }
}

/// Takes one broker of each rack in turn, in ascending order of rack and id.
fn alternate(places: Vec<Place>) -> Vec<Place> {
    let mut turns: BTreeMap<(usize, Option<String>), Place> = BTreeMap::new();
    let mut seen: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for place in places {
        let turn = seen.entry(place.rack.clone()).or_default();
        turns.insert((*turn, place.rack.clone()), place);
        *turn += 1;
    }
    turns.into_values().collect()
}

#[cfg(test)]
mod tests;
