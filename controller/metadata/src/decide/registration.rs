//! Brokers register, come back, and go.

use std::collections::BTreeSet;

use protocol::{
    BrokerEpoch, BrokerId, DirectoryId, ErrorCode,
    api::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse},
    bug,
};

use super::{DecideContext, Decision, Refusal, Settings};
use crate::{
    BrokerRegistration, ClusterImage,
    election::Turn,
    record::{
        BrokerEndpoint, BrokerFeature, FenceReason, RegisterBrokerRecord, UnregisterBrokerRecord,
    },
};

impl ClusterImage {
    /// A broker introduces itself. It starts out fenced, until its heartbeats say that it caught
    /// up. `session_is_alive`: whether the last incarnation of that id was heard of lately.
    ///
    /// A new incarnation loses what the old one had: it leaves the in-sync replicas. If the old
    /// one didn't stop cleanly, its log may lack what it acknowledged, so it isn't eligible to lead
    /// either (KIP-966): the clean-shutdown marker names the epoch that stopped cleanly. Nor is it
    /// where its log was in a directory that it no longer has, however it stopped.
    pub fn register_broker(
        &self,
        request: &BrokerRegistrationRequest,
        session_is_alive: bool,
        context: &DecideContext<'_>,
    ) -> Decision<BrokerRegistrationResponse> {
        let known = self.brokers().get(request.broker_id);
        if let Err(error_code) = self.may_register(request, known, session_is_alive, context) {
            let response =
                BrokerRegistrationResponse { error_code, ..BrokerRegistrationResponse::default() };
            return Decision::unchanged(response);
        }

        let mut record = new_registration(request);
        let mut records = Vec::new();
        match known {
            // The same process asks again, because the first answer was lost or a listener moved.
            Some(known) if is_known_as(known, request, session_is_alive) => {
                record.incarnation_id = known.incarnation_id;
                record.broker_epoch = known.epoch;
                record.registered_after = known.registered_after;
                record.fenced = known.fenced;
                record.fence_reason = known.fence_reason;
                record.in_controlled_shutdown = known.in_controlled_shutdown;
            }
            _ => {
                record.broker_epoch = BrokerEpoch(self.brokers().last_epoch().0 + 1);
                record.registered_after = context.applied;
                record.fenced = true;
                record.fence_reason = self.expressible(FenceReason::Starting);
            }
        }
        let broker_epoch = record.broker_epoch;
        if let Some(known) = known {
            let mut turns = vec![Turn::LoseDirectories(known.id, lost_directories(known, request))];
            if known.epoch != broker_epoch {
                let is_clean = known.epoch == request.previous_broker_epoch || bug!(R4);
                let out = if is_clean { Turn::Out } else { Turn::OutUncleanly };
                turns.push(out(known.id));
            }
            records.extend(self.partition_changes_in_turn(&turns, context.settings));
        }
        records.push(record.into());
        let response =
            BrokerRegistrationResponse { broker_epoch, ..BrokerRegistrationResponse::default() };
        Decision { records, response }
    }

    fn may_register(
        &self,
        request: &BrokerRegistrationRequest,
        known: Option<&BrokerRegistration>,
        session_is_alive: bool,
        context: &DecideContext<'_>,
    ) -> Result<(), ErrorCode> {
        if request.cluster_id != context.cluster_id {
            return Err(ErrorCode::InconsistentClusterId);
        }
        if request.broker_id.0 < 0 || request.listeners.is_empty() || has_twins(request) {
            return Err(ErrorCode::InvalidRegistration);
        }
        // Two processes with one id, or one that restarted faster than its session ends. One that
        // shuts down has said that it goes.
        if let Some(known) = known
            && !is_known_as(known, request, session_is_alive)
            && session_is_alive
            && !known.in_controlled_shutdown
        {
            return Err(ErrorCode::DuplicateBrokerRegistration);
        }
        for (feature, level) in self.features().iter() {
            let supported = request.features.iter().any(|offered| {
                offered.name == feature
                    && (offered.min_supported_version..=offered.max_supported_version)
                        .contains(&level)
            });
            if !supported {
                return Err(ErrorCode::UnsupportedVersion);
            }
        }
        Ok(())
    }

    /// A broker is gone for good, with its disks. Its id stays in the lists of replicas, until they
    /// are reassigned.
    pub fn unregister_broker(
        &self,
        id: BrokerId,
        settings: &Settings,
    ) -> Decision<Result<(), Refusal>> {
        let Some(broker) = self.brokers().get(id) else {
            let refusal = Refusal::new(
                ErrorCode::BrokerIdNotRegistered,
                format!("Broker ID {id} is not currently registered"),
            );
            return Decision::unchanged(Err(refusal));
        };
        let mut records = self.partition_changes(&Turn::OutUncleanly(id), settings);
        records.push(UnregisterBrokerRecord { broker_id: id, broker_epoch: broker.epoch }.into());
        Decision { records, response: Ok(()) }
    }
}

/// Whether it's the process that is registered already, and not one that took its place.
fn is_known_as(
    known: &BrokerRegistration,
    request: &BrokerRegistrationRequest,
    session_is_alive: bool,
) -> bool {
    known.incarnation_id == request.incarnation_id || (bug!(Q13) && session_is_alive)
}

/// The directories that a broker had and has no longer. A replica that wasn't said to be in any may
/// have been in one of them.
fn lost_directories(
    known: &BrokerRegistration,
    request: &BrokerRegistrationRequest,
) -> BTreeSet<DirectoryId> {
    let had = known.log_dirs.iter().copied();
    let mut lost: BTreeSet<_> = had.filter(|dir| !request.log_dirs.contains(dir)).collect();
    if !lost.is_empty() {
        lost.insert(DirectoryId::ZERO);
    }
    lost
}

/// Two listeners of one name, or two log directories of one id.
fn has_twins(request: &BrokerRegistrationRequest) -> bool {
    let mut names: Vec<_> = request.listeners.iter().map(|listener| &listener.name).collect();
    names.sort();
    let mut log_dirs = request.log_dirs.clone();
    log_dirs.sort();
    names.windows(2).any(|pair| pair[0] == pair[1])
        || log_dirs.windows(2).any(|pair| pair[0] == pair[1])
}

fn new_registration(request: &BrokerRegistrationRequest) -> RegisterBrokerRecord {
    let endpoint = |listener: &protocol::api::broker_registration::Listener| BrokerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    };
    let feature = |feature: &protocol::api::broker_registration::Feature| BrokerFeature {
        name: feature.name.clone(),
        min_level: feature.min_supported_version,
        max_level: feature.max_supported_version,
    };
    let mut log_dirs = request.log_dirs.clone();
    log_dirs.sort();
    RegisterBrokerRecord {
        broker_id: request.broker_id,
        incarnation_id: request.incarnation_id,
        endpoints: request.listeners.iter().map(endpoint).collect(),
        features: request.features.iter().map(feature).collect(),
        rack: request.rack.clone(),
        log_dirs,
        ..RegisterBrokerRecord::default()
    }
}

#[cfg(test)]
mod tests;
