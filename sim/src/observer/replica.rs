//! One replica as the observer knows it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, ProducerId};
use replica::Assignment;

use super::log::{Log, Mark};

/// A replica: what is in its log, and what it takes itself for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    /// What is there, or was there when the process died.
    pub(crate) log: Log,
    /// Where the last batch of each idempotent producer ends.
    pub(crate) last_by_producer: BTreeMap<ProducerId, Offset>,
    /// Everything before survives a power loss, as was said.
    pub(crate) synced_end: Offset,
    /// Where the log ended when it was opened: recovery may have synced it, and doesn't say.
    pub(crate) recovered_end: Offset,
    pub(crate) high_watermark: Offset,
    /// Whether a living process has it open.
    pub(crate) is_open: bool,
    pub(crate) role: Role,
    /// What became of the machine since it was last open.
    pub(crate) power_lost: bool,
}

/// What a replica takes itself for.
#[derive(Clone, Debug, Default)]
pub(crate) enum Role {
    /// It hasn't been told yet.
    #[default]
    None,
    Follower {
        leader: BrokerId,
        leader_epoch: LeaderEpoch,
    },
    Leader(Leading),
}

/// A leader of one epoch.
#[derive(Clone, Debug)]
pub(crate) struct Leading {
    pub(crate) leader_epoch: LeaderEpoch,
    /// Where its log ended when it was told.
    pub(crate) epoch_start: Offset,
    /// The in-sync replicas, as it knows them.
    pub(crate) isr: BTreeSet<BrokerId>,
    /// Those it asked for since.
    pub(crate) proposed: BTreeSet<BrokerId>,
    /// Where followers fetched from in this epoch.
    pub(crate) fetched: BTreeMap<BrokerId, Offset>,
    /// In which registration each of them did so last.
    pub(crate) fetched_in: BTreeMap<BrokerId, BrokerEpoch>,
}

impl Leading {
    /// Whether the replica counts for it, decided or proposed (KIP-497).
    pub(crate) fn counts_on(&self, broker: BrokerId) -> bool {
        self.isr.contains(&broker) || self.proposed.contains(&broker)
    }
}

impl Replica {
    pub(crate) fn leading(&self) -> Option<&Leading> {
        match &self.role {
            Role::Leader(leading) => Some(leading),
            _ => None,
        }
    }

    pub(crate) fn leading_mut(&mut self) -> Option<&mut Leading> {
        match &mut self.role {
            Role::Leader(leading) => Some(leading),
            _ => None,
        }
    }

    pub(crate) fn opened(&mut self, log: Log, high_watermark: Offset) {
        // What was read back after a power loss is on the device.
        let synced_end = if self.power_lost { log.end() } else { self.synced_end };
        *self = Self {
            synced_end: synced_end.min(log.end()),
            recovered_end: log.end(),
            last_by_producer: producers_of(&log),
            log,
            high_watermark,
            is_open: true,
            role: Role::None,
            power_lost: false,
        };
    }

    pub(crate) fn closed(&mut self) {
        self.is_open = false;
        self.role = Role::None;
    }

    pub(crate) fn assign(&mut self, local: BrokerId, assignment: &Assignment) {
        let Assignment { leader, leader_epoch, isr, .. } = assignment;
        let isr = isr.iter().copied().collect();
        self.role = match std::mem::take(&mut self.role) {
            _ if *leader != local => {
                Role::Follower { leader: *leader, leader_epoch: *leader_epoch }
            }
            Role::Leader(leading) if leading.leader_epoch == *leader_epoch => {
                Role::Leader(Leading { isr, proposed: BTreeSet::new(), ..leading })
            }
            _ => Role::Leader(Leading {
                leader_epoch: *leader_epoch,
                epoch_start: self.log.end(),
                isr,
                proposed: BTreeSet::new(),
                fetched: BTreeMap::new(),
                fetched_in: BTreeMap::new(),
            }),
        };
    }

    pub(crate) fn append(&mut self, mark: Mark) {
        self.log.append(mark);
        if mark.is_numbered() {
            self.last_by_producer.insert(mark.producer, mark.end);
        }
    }

    /// What is behind an offset may be cut off from now on, and need not survive anything.
    pub(crate) fn unsync(&mut self, from: Offset) {
        self.synced_end = self.synced_end.min(from);
        self.recovered_end = self.recovered_end.min(from);
    }

    pub(crate) fn truncate(&mut self, end: Offset) {
        self.log.truncate(end);
        self.last_by_producer = producers_of(&self.log);
        self.unsync(end);
        self.high_watermark = self.high_watermark.min(end);
    }

    pub(crate) fn move_start(&mut self, start: Offset) {
        self.log.move_start(start);
        self.high_watermark = self.high_watermark.max(start);
    }
}

fn producers_of(log: &Log) -> BTreeMap<ProducerId, Offset> {
    let numbered = log.marks().filter(|mark| mark.is_numbered());
    numbered.map(|mark| (mark.producer, mark.end)).collect()
}
