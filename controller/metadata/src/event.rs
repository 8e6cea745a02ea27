//! What happens to a cluster, told by its records: who comes and goes, and which leader moves.
//!
//! Said of a record and the image that it meets, as [`LeaderChange`] is, so that every node can tell
//! the same story from the same log. Nothing is decided by it.

use protocol::BrokerId;

use crate::{
    ClusterImage, LeaderChange, MetadataRecord,
    record::{BrokerRegistrationChangeRecord, FenceReason},
};

/// What an operator may want to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A broker's process introduced itself. It has yet to catch up.
    Registered(BrokerId),
    /// A broker is in service: it may lead and be in sync.
    Unfenced(BrokerId),
    /// A broker is out of service, for that reason.
    Fenced(BrokerId, FenceReason),
    /// A broker is about to shut down: others take over what it leads.
    Leaving(BrokerId),
    /// A broker lost that many of its log directories, and the replicas in them.
    LostDirectories(BrokerId, usize),
    /// A broker is gone for good.
    Unregistered(BrokerId),
    /// A partition is led by somebody else, or by nobody.
    LeaderChanged(LeaderChange),
}

impl ClusterImage {
    /// What a record means to this image, if it's anything that an operator wants to know of.
    #[must_use]
    pub fn event(&self, record: &MetadataRecord) -> Option<Event> {
        match record {
            MetadataRecord::RegisterBroker(record) => {
                let known = self.brokers().get(record.broker_id);
                // The same process registers again where an answer was lost, or after it was fenced.
                let is_new = known.is_none_or(|own| own.incarnation_id != record.incarnation_id);
                is_new.then_some(Event::Registered(record.broker_id))
            }
            MetadataRecord::UnregisterBroker(record) => Some(Event::Unregistered(record.broker_id)),
            MetadataRecord::BrokerRegistrationChange(record) => self.registration_event(record),
            MetadataRecord::PartitionChange(_) => {
                let change = self.leader_change(record)?;
                // Naming the same leader again begins a new epoch, and moves nothing.
                let moves = change.from != change.to.map(|(leader, _)| leader);
                moves.then_some(Event::LeaderChanged(change))
            }
            _ => None,
        }
    }

    fn registration_event(&self, record: &BrokerRegistrationChangeRecord) -> Option<Event> {
        let id = record.broker_id;
        let before = self.brokers().get(id)?;
        if let Some(fenced) = record.fenced.filter(|fenced| *fenced != before.fenced) {
            return Some(match fenced {
                true => Event::Fenced(id, record.fence_reason),
                false => Event::Unfenced(id),
            });
        }
        if record.in_controlled_shutdown == Some(true) && !before.in_controlled_shutdown {
            return Some(Event::Leaving(id));
        }
        let online = record.log_dirs.as_ref()?;
        let lost = before.log_dirs.iter().filter(|dir| !online.contains(dir)).count();
        (lost > 0).then_some(Event::LostDirectories(id, lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Candidacy, record::RegisterBrokerRecord, test_cluster::TestCluster};

    /// What some records mean, each met by the image that those before it made.
    fn told(cluster: &mut TestCluster, records: &[MetadataRecord]) -> Vec<Event> {
        let mut image = cluster.image.clone();
        let mut events = Vec::new();
        for record in records {
            events.extend(image.event(record));
            image.replay(record);
        }
        cluster.commit(records.to_vec());
        events
    }

    fn fence(cluster: &mut TestCluster, id: i32, reason: FenceReason) -> Vec<Event> {
        let (id, epoch) = (BrokerId(id), cluster.epoch(id));
        let records = cluster.image.fence_broker(id, epoch, reason, &cluster.settings).records;
        told(cluster, &records)
    }

    #[test]
    fn a_fenced_broker_and_the_leaders_that_move_are_told_of() {
        let mut cluster = TestCluster::of(3);
        cluster.create_on("t", &[&[1, 2, 3], &[2, 3, 1]]);
        let events = fence(&mut cluster, 1, FenceReason::Gone);
        let [Event::Fenced(BrokerId(1), FenceReason::Gone), Event::LeaderChanged(change)] =
            &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((change.partition.0, change.from), (0, Some(BrokerId(1))));
        assert_eq!(change.to, Some((BrokerId(2), Candidacy::InSync)));
        assert_eq!(fence(&mut cluster, 1, FenceReason::Gone), []);
    }

    #[test]
    fn a_broker_that_comes_back_is_told_of_twice() {
        let mut cluster = TestCluster::of(2);
        fence(&mut cluster, 2, FenceReason::Silent);
        let request = cluster.registration(2);
        let mut registered = Vec::new();
        cluster.decide(|image, context| {
            let decision = image.register_broker(&request, false, context);
            registered.extend(decision.records.iter().filter_map(|record| image.event(record)));
            decision
        });
        assert_eq!(registered, [Event::Registered(BrokerId(2))]);
        let again = cluster.image.brokers().get(BrokerId(2)).unwrap().incarnation_id;
        let again = RegisterBrokerRecord {
            broker_id: BrokerId(2),
            incarnation_id: again,
            ..RegisterBrokerRecord::default()
        };
        assert_eq!(cluster.image.event(&again.into()), None);
        let heartbeat = protocol::api::broker_heartbeat::BrokerHeartbeatRequest {
            broker_id: BrokerId(2),
            broker_epoch: cluster.epoch(2),
            current_metadata_offset: protocol::Offset(cluster.applied),
            ..Default::default()
        };
        let records = cluster.image.heartbeat(&heartbeat, &cluster.settings).records;
        assert_eq!(told(&mut cluster, &records), [Event::Unfenced(BrokerId(2))]);
    }

    #[test]
    fn a_lost_directory_and_a_leaving_broker_are_told_of() {
        let mut cluster = TestCluster::of(2);
        cluster.create_on("t", &[&[1, 2]]);
        let mut heartbeat = protocol::api::broker_heartbeat::BrokerHeartbeatRequest {
            broker_id: BrokerId(1),
            broker_epoch: cluster.epoch(1),
            current_metadata_offset: protocol::Offset(cluster.applied),
            want_shut_down: true,
            ..Default::default()
        };
        let records = cluster.image.heartbeat(&heartbeat, &cluster.settings).records;
        let events = told(&mut cluster, &records);
        assert_eq!(events[0], Event::Leaving(BrokerId(1)));
        assert!(matches!(events[1], Event::LeaderChanged(_)), "{events:?}");

        heartbeat.broker_id = BrokerId(2);
        heartbeat.broker_epoch = cluster.epoch(2);
        heartbeat.want_shut_down = false;
        let dirs = &cluster.image.brokers().get(BrokerId(2)).unwrap().log_dirs;
        heartbeat.offline_log_dirs = dirs[..1].to_vec();
        let records = cluster.image.heartbeat(&heartbeat, &cluster.settings).records;
        assert_eq!(told(&mut cluster, &records)[0], Event::LostDirectories(BrokerId(2), 1));
    }
}
