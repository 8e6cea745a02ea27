//! Heartbeats: brokers are unfenced, fenced, and led out.

use protocol::{
    BrokerEpoch, BrokerId, DirectoryId,
    api::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
};

use super::{Decision, Settings};
use crate::{
    BrokerRegistration, ClusterImage, MetadataRecord,
    election::Turn,
    record::{BrokerRegistrationChangeRecord, FenceReason},
};

impl ClusterImage {
    /// A broker says that it lives, what it wants, and how far it applied the metadata.
    ///
    /// When it was last heard of is the caller's business; so is fencing the ones that weren't.
    pub fn heartbeat(
        &self,
        request: &BrokerHeartbeatRequest,
        settings: &Settings,
    ) -> Decision<BrokerHeartbeatResponse> {
        let broker = match self.registration(request.broker_id, request.broker_epoch) {
            Ok(broker) => broker,
            Err(error_code) => {
                let response =
                    BrokerHeartbeatResponse { error_code, ..BrokerHeartbeatResponse::default() };
                return Decision::unchanged(response);
            }
        };
        let is_caught_up = request.current_metadata_offset.0 > broker.registered_after;
        let answer = |is_fenced, should_shut_down| BrokerHeartbeatResponse {
            is_caught_up,
            is_fenced,
            should_shut_down,
            ..BrokerHeartbeatResponse::default()
        };
        // A lost directory is one decision, and all else waits for the next heartbeat.
        let online = still_online(broker, &request.offline_log_dirs);
        if online != broker.log_dirs {
            let records = self.lose_directories(broker, online, settings);
            return Decision { records, response: answer(broker.fenced, false) };
        }
        match Step::of(broker, request, is_caught_up, || self.leads_any(broker.id)) {
            Step::Stay => Decision::unchanged(answer(broker.fenced, false)),
            Step::Unfence => {
                Decision { records: self.unfence(broker, settings), response: answer(false, false) }
            }
            Step::Fence => Decision {
                records: self.fence(broker, FenceReason::Wish, settings),
                response: answer(true, false),
            },
            Step::LeadOut => Decision {
                records: self.lead_out(broker, settings),
                response: answer(false, false),
            },
            Step::ShutDown if broker.fenced => Decision::unchanged(answer(true, true)),
            Step::ShutDown => Decision {
                records: self.fence(broker, FenceReason::ShutDown, settings),
                response: answer(true, true),
            },
        }
    }

    /// A broker wasn't heard of for its session timeout, or its listener refuses connections. The
    /// epoch names the registration that is meant: a new one isn't hurt by what was seen of the
    /// old.
    pub fn fence_broker(
        &self,
        id: BrokerId,
        epoch: BrokerEpoch,
        reason: FenceReason,
        settings: &Settings,
    ) -> Decision<()> {
        match self.registration(id, epoch) {
            Ok(broker) if !broker.fenced => {
                Decision { records: self.fence(broker, reason, settings), response: () }
            }
            _ => Decision::unchanged(()),
        }
    }

    fn fence(
        &self,
        broker: &BrokerRegistration,
        reason: FenceReason,
        settings: &Settings,
    ) -> Vec<MetadataRecord> {
        let change = BrokerRegistrationChangeRecord {
            fenced: Some(true),
            fence_reason: self.expressible(reason),
            ..change_of(broker)
        };
        self.change_broker(change, &Turn::Out(broker.id), settings)
    }

    fn unfence(&self, broker: &BrokerRegistration, settings: &Settings) -> Vec<MetadataRecord> {
        let change = BrokerRegistrationChangeRecord { fenced: Some(false), ..change_of(broker) };
        self.change_broker(change, &Turn::In(broker.id), settings)
    }

    fn lead_out(&self, broker: &BrokerRegistration, settings: &Settings) -> Vec<MetadataRecord> {
        let in_controlled_shutdown = Some(true);
        let change = BrokerRegistrationChangeRecord { in_controlled_shutdown, ..change_of(broker) };
        self.change_broker(change, &Turn::Out(broker.id), settings)
    }

    fn lose_directories(
        &self,
        broker: &BrokerRegistration,
        online: Vec<DirectoryId>,
        settings: &Settings,
    ) -> Vec<MetadataRecord> {
        let lost = broker.log_dirs.iter().filter(|dir| !online.contains(dir)).copied().collect();
        let change = BrokerRegistrationChangeRecord { log_dirs: Some(online), ..change_of(broker) };
        self.change_broker(change, &Turn::LoseDirectories(broker.id, lost), settings)
    }

    fn change_broker(
        &self,
        change: BrokerRegistrationChangeRecord,
        turn: &Turn,
        settings: &Settings,
    ) -> Vec<MetadataRecord> {
        let mut records = vec![change.into()];
        records.extend(self.partition_changes(turn, settings));
        records
    }

    fn leads_any(&self, id: BrokerId) -> bool {
        let mut partitions = self.topics().iter().flat_map(|topic| topic.partitions());
        partitions.any(|(_, partition)| partition.leader == Some(id))
    }
}

/// What a heartbeat leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Stay,
    Unfence,
    Fence,
    /// Others take over what it leads.
    LeadOut,
    /// It leads nothing any more, and may go.
    ShutDown,
}

impl Step {
    fn of(
        broker: &BrokerRegistration,
        request: &BrokerHeartbeatRequest,
        is_caught_up: bool,
        leads_any: impl Fn() -> bool,
    ) -> Self {
        // Once on its way out, a broker doesn't turn round: it has to register again.
        let leaves = request.want_shut_down || broker.in_controlled_shutdown;
        if broker.fenced {
            return match (leaves, request.want_fence) {
                (true, _) => Self::ShutDown,
                // Before it caught up it might act on a leader epoch that is long gone.
                (false, false) if is_caught_up => Self::Unfence,
                _ => Self::Stay,
            };
        }
        if request.want_fence {
            return if leaves { Self::ShutDown } else { Self::Fence };
        }
        if !leaves {
            return Self::Stay;
        }
        match (leads_any(), broker.in_controlled_shutdown) {
            (false, _) => Self::ShutDown,
            (true, true) => Self::Stay,
            (true, false) => Self::LeadOut,
        }
    }
}

fn change_of(broker: &BrokerRegistration) -> BrokerRegistrationChangeRecord {
    BrokerRegistrationChangeRecord {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        ..BrokerRegistrationChangeRecord::default()
    }
}

fn still_online(broker: &BrokerRegistration, offline: &[DirectoryId]) -> Vec<DirectoryId> {
    broker.log_dirs.iter().filter(|dir| !offline.contains(dir)).copied().collect()
}

#[cfg(test)]
mod tests;
