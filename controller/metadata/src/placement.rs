//! Placement: which brokers hold a new partition, and which of them leads it by preference.
//!
//! The brokers stand in a row in which racks alternate. A partition's place in the row names its
//! leader, so leaders come out evenly: six partitions over brokers 1, 2 and 3 are led by 1, 2, 3,
//! 1, 2, 3. A topic starts at the broker that fewest partitions prefer, so that many small topics
//! come out as evenly as a large one. The followers come after the leader in the row, one step
//! further each time round, so that the partitions of one leader don't all have the same followers.
//! Racks that hold no replica yet come first; a fenced broker comes last, and never leads.

use std::collections::BTreeMap;

use protocol::{BrokerId, ErrorCode};

use crate::{Brokers, Refusal, Topics};

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
    /// How many partitions prefer it as their leader.
    preferred_by: usize,
}

impl Row {
    /// The row of the brokers that aren't about to leave, and what the topics already ask of them.
    #[must_use]
    pub fn of(brokers: &Brokers, topics: &Topics) -> Self {
        let mut preferred: BTreeMap<BrokerId, usize> = BTreeMap::new();
        let partitions = topics.iter().flat_map(|topic| topic.partitions());
        for first in partitions.filter_map(|(_, partition)| partition.replicas.first()) {
            *preferred.entry(*first).or_default() += 1;
        }
        let mut unfenced = Vec::new();
        let mut fenced = Vec::new();
        for broker in brokers.iter().filter(|broker| !broker.in_controlled_shutdown) {
            let side = if broker.fenced { &mut fenced } else { &mut unfenced };
            let preferred_by = preferred.get(&broker.id).copied().unwrap_or(0);
            side.push(Place { broker: broker.id, rack: broker.rack.clone(), preferred_by });
        }
        Self { unfenced: alternate(unfenced), fenced: alternate(fenced) }
    }

    /// Where a broker stands, if it may lead.
    #[must_use]
    pub fn position(&self, broker: BrokerId) -> Option<usize> {
        self.unfenced.iter().position(|place| place.broker == broker)
    }

    /// The position that a new topic starts from: the broker that fewest partitions prefer. The more
    /// these are, the more rounds it has behind it, so that followers move on from topic to topic.
    #[must_use]
    pub fn start(&self) -> usize {
        let places = self.unfenced.iter().enumerate();
        let least = places.min_by_key(|(_, place)| place.preferred_by);
        least.map_or(0, |(index, place)| index + place.preferred_by * self.unfenced.len())
    }

    /// Counts a partition that was placed, for those that come next.
    pub fn note(&mut self, replicas: &[BrokerId]) {
        let place = self.unfenced.iter_mut().find(|place| Some(&place.broker) == replicas.first());
        if let Some(place) = place {
            place.preferred_by += 1;
        }
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
