//! The registered brokers.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{BrokerEpoch, BrokerId, DirectoryId, Uuid};

use crate::record::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, FenceReason,
    LastBrokerEpochRecord, RegisterBrokerRecord, UnregisterBrokerRecord,
};

/// The brokers by id, and the last epoch that was given to any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brokers {
    by_id: BTreeMap<BrokerId, Arc<BrokerRegistration>>,
    /// -1 = none was.
    last_epoch: BrokerEpoch,
}

/// One broker as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRegistration {
    /// Its `node.id`.
    pub id: BrokerId,
    /// Of this registration: higher than any before it, of any broker.
    pub epoch: BrokerEpoch,
    /// Drawn by its process when it started.
    pub incarnation_id: Uuid,
    /// It has caught up once it applied the metadata log beyond this index.
    pub registered_after: i64,
    /// Where each of its listeners is reached.
    pub endpoints: Vec<BrokerEndpoint>,
    /// What it supports.
    pub features: Vec<BrokerFeature>,
    /// Its `broker.rack`.
    pub rack: Option<String>,
    /// Whether it is out: it leads nothing and clients don't hear of it.
    pub fenced: bool,
    /// Why it is.
    pub fence_reason: FenceReason,
    /// Whether it is on its way out: it takes no leadership.
    pub in_controlled_shutdown: bool,
    /// The log directories that are online, ascending.
    pub log_dirs: Vec<DirectoryId>,
}

impl BrokerRegistration {
    /// Whether it may lead and be in sync: neither fenced nor shutting down.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Where the listener of that name is reached.
    #[must_use]
    pub fn endpoint(&self, listener: &str) -> Option<&BrokerEndpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == listener)
    }

    /// Whether a replica in that directory can be read and written. A directory that isn't known
    /// yet counts as online.
    #[must_use]
    pub fn has_online(&self, directory: DirectoryId) -> bool {
        directory == DirectoryId::ZERO || self.log_dirs.contains(&directory)
    }

    pub(super) fn to_record(&self) -> RegisterBrokerRecord {
        RegisterBrokerRecord {
            broker_id: self.id,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            registered_after: self.registered_after,
            endpoints: self.endpoints.clone(),
            features: self.features.clone(),
            rack: self.rack.clone(),
            fenced: self.fenced,
            fence_reason: self.fence_reason,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: self.log_dirs.clone(),
        }
    }
}

impl From<&RegisterBrokerRecord> for BrokerRegistration {
    fn from(record: &RegisterBrokerRecord) -> Self {
        Self {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            registered_after: record.registered_after,
            endpoints: record.endpoints.clone(),
            features: record.features.clone(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            fence_reason: record.fence_reason,
            in_controlled_shutdown: record.in_controlled_shutdown,
            log_dirs: record.log_dirs.clone(),
        }
    }
}

impl Brokers {
    /// A broker by its id.
    #[must_use]
    pub fn get(&self, id: BrokerId) -> Option<&BrokerRegistration> {
        self.by_id.get(&id).map(|broker| &**broker)
    }

    /// The brokers, in ascending order of id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &BrokerRegistration> {
        self.by_id.values().map(|broker| &**broker)
    }

    /// Those that aren't fenced: the ones that clients hear of.
    pub fn unfenced(&self) -> impl Iterator<Item = &BrokerRegistration> {
        self.iter().filter(|broker| !broker.fenced)
    }

    /// How many are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether the broker is registered, not fenced and not shutting down.
    #[must_use]
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.get(id).is_some_and(BrokerRegistration::is_active)
    }

    /// The last epoch that was given to a broker; -1 = none was.
    #[must_use]
    pub fn last_epoch(&self) -> BrokerEpoch {
        self.last_epoch
    }

    pub(super) fn register(&mut self, record: &RegisterBrokerRecord) {
        let (id, epoch) = (record.broker_id, record.broker_epoch);
        // Only the same incarnation keeps its epoch: when its registration was lost on the way. In
        // a snapshot, brokers come in the order of their ids, and the last epoch after them.
        let known = self.get(id);
        assert!(
            known.is_none_or(|known| epoch > known.epoch
                || (epoch == known.epoch && record.incarnation_id == known.incarnation_id)),
            "broker {id} registers with epoch {epoch}, which it had before",
        );
        self.last_epoch = self.last_epoch.max(epoch);
        self.by_id.insert(id, Arc::new(record.into()));
    }

    pub(super) fn unregister(&mut self, record: &UnregisterBrokerRecord) {
        let removed = self.by_id.remove(&record.broker_id);
        let epoch = removed.map(|broker| broker.epoch);
        assert_eq!(epoch, Some(record.broker_epoch), "unregistering broker {}", record.broker_id);
    }

    pub(super) fn change(&mut self, record: &BrokerRegistrationChangeRecord) {
        let id = record.broker_id;
        let broker = self.by_id.get_mut(&id).unwrap_or_else(|| panic!("no broker {id} to change"));
        assert_eq!(broker.epoch, record.broker_epoch, "changing broker {id} of another epoch");
        let broker = Arc::make_mut(broker);
        if let Some(fenced) = record.fenced {
            broker.fenced = fenced;
            broker.fence_reason = record.fence_reason;
        }
        if let Some(in_controlled_shutdown) = record.in_controlled_shutdown {
            broker.in_controlled_shutdown = in_controlled_shutdown;
        }
        if let Some(log_dirs) = &record.log_dirs {
            broker.log_dirs.clone_from(log_dirs);
        }
    }

    /// Forgets why brokers are fenced: the level of `metadata.version` can't say it any more.
    pub(super) fn forget_fence_reasons(&mut self) {
        for broker in self.by_id.values_mut() {
            if broker.fence_reason != FenceReason::default() {
                Arc::make_mut(broker).fence_reason = FenceReason::default();
            }
        }
    }

    pub(super) fn restore_epoch(&mut self, record: &LastBrokerEpochRecord) {
        assert!(record.broker_epoch >= self.last_epoch, "a broker has a later epoch than the last");
        self.last_epoch = record.broker_epoch;
    }

    pub(crate) fn shared(&self) -> &BTreeMap<BrokerId, Arc<BrokerRegistration>> {
        &self.by_id
    }
}
