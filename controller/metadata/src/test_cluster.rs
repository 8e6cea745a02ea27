//! A cluster for tests: an image, and what stands in for the shell around it. Every record it
//! replays went through its encoding first.

use std::collections::BTreeSet;

use protocol::{
    BrokerEpoch, BrokerId, DirectoryId, ErrorCode, Offset, PartitionIndex, Stored, TopicId, Uuid,
    api::{
        broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
        broker_registration::{BrokerRegistrationRequest, Feature, Listener},
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
            CreateTopicsRequest,
        },
    },
};

use crate::{
    ClusterImage, DecideContext, Decision, MetadataRecord, MetadataVersion, Partition, RecordBatch,
    Settings, record::FenceReason,
};

pub(crate) const CLUSTER_ID: &str = "test-cluster";

#[derive(Debug)]
pub(crate) struct TestCluster {
    pub(crate) image: ClusterImage,
    pub(crate) settings: Settings,
    /// The index of the last entry.
    pub(crate) applied: i64,
    last_id: u8,
    incarnations: u64,
}

impl TestCluster {
    /// Brokers 1 to `brokers`, registered and unfenced.
    pub(crate) fn of(brokers: i32) -> Self {
        let mut cluster = Self::empty();
        for id in 1..=brokers {
            cluster.join(id);
        }
        cluster
    }

    pub(crate) fn empty() -> Self {
        let mut cluster = Self {
            image: ClusterImage::default(),
            settings: Settings::default(),
            applied: 0,
            last_id: 0,
            incarnations: 0,
        };
        cluster.commit(ClusterImage::bootstrap_records());
        cluster
    }

    /// Decides, commits and replays.
    pub(crate) fn decide<R>(
        &mut self,
        decide: impl FnOnce(&ClusterImage, &mut DecideContext<'_>) -> Decision<R>,
    ) -> R {
        let mut new_id = || {
            self.last_id = self.last_id.checked_add(1).expect("tests make few topics");
            Uuid([self.last_id; 16])
        };
        let mut context = DecideContext {
            applied: self.applied,
            cluster_id: CLUSTER_ID,
            settings: &self.settings,
            new_id: &mut new_id,
        };
        let decision = decide(&self.image, &mut context);
        self.commit(decision.records);
        decision.response
    }

    pub(crate) fn commit(&mut self, records: Vec<MetadataRecord>) {
        let batch = RecordBatch::pack(&records, self.image.metadata_version());
        let decoded = RecordBatch::from_bytes(batch.to_bytes()).unwrap().unpack().unwrap();
        assert_eq!(decoded, records);
        self.applied += 1;
        for record in &decoded {
            self.image.replay(record);
        }
    }

    /// Registers a broker and unfences it.
    pub(crate) fn join(&mut self, id: i32) {
        assert_eq!(self.register(id, BrokerEpoch(-1)), Ok(()));
        self.unfence(id);
    }

    /// A new process registers; `previous` is what its clean-shutdown marker says.
    pub(crate) fn register(&mut self, id: i32, previous: BrokerEpoch) -> Result<(), ErrorCode> {
        let request =
            BrokerRegistrationRequest { previous_broker_epoch: previous, ..self.registration(id) };
        let response =
            self.decide(|image, context| image.register_broker(&request, false, context));
        if response.error_code.is_none() { Ok(()) } else { Err(response.error_code) }
    }

    /// A registration by a new process.
    pub(crate) fn registration(&mut self, id: i32) -> BrokerRegistrationRequest {
        self.incarnations += 1;
        let mut incarnation = [0; 16];
        incarnation[..8].copy_from_slice(&self.incarnations.to_be_bytes());
        BrokerRegistrationRequest {
            broker_id: BrokerId(id),
            cluster_id: CLUSTER_ID.to_owned(),
            incarnation_id: Uuid(incarnation),
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: "127.0.0.1".to_owned(),
                port: 9092,
                security_protocol: 0,
            }],
            features: vec![Feature {
                name: MetadataVersion::FEATURE.to_owned(),
                min_supported_version: MetadataVersion::MIN.level(),
                max_supported_version: MetadataVersion::LATEST.level(),
            }],
            log_dirs: vec![directory(id, 1)],
            previous_broker_epoch: BrokerEpoch(-1),
            ..BrokerRegistrationRequest::default()
        }
    }

    pub(crate) fn unfence(&mut self, id: i32) {
        let response = self.heartbeat(id, |_| {});
        assert_eq!((response.error_code, response.is_fenced), (ErrorCode::None, false));
    }

    pub(crate) fn fence(&mut self, id: i32) {
        let epoch = self.epoch(id);
        self.decide(|image, context| {
            image.fence_broker(BrokerId(id), epoch, FenceReason::Silent, context.settings)
        });
    }

    /// A heartbeat of a broker that applied everything, changed as the test wants it.
    pub(crate) fn heartbeat(
        &mut self,
        id: i32,
        change: impl FnOnce(&mut BrokerHeartbeatRequest),
    ) -> BrokerHeartbeatResponse {
        let mut request = BrokerHeartbeatRequest {
            broker_id: BrokerId(id),
            broker_epoch: self.epoch(id),
            current_metadata_offset: Offset(self.applied),
            ..BrokerHeartbeatRequest::default()
        };
        change(&mut request);
        self.decide(|image, context| image.heartbeat(&request, context.settings))
    }

    pub(crate) fn epoch(&self, id: i32) -> BrokerEpoch {
        self.image.brokers().get(BrokerId(id)).map(|broker| broker.epoch).unwrap_or_default()
    }

    pub(crate) fn create(&mut self, topic: CreatableTopic) -> CreatableTopicResult {
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let response = self.decide(|image, context| image.create_topics(&request, context));
        response.topics.into_iter().next().unwrap()
    }

    /// Creates a topic whose partitions are on these replicas.
    pub(crate) fn create_on(&mut self, name: &str, replicas: &[&[i32]]) -> TopicId {
        self.create_with(name, replicas, &[])
    }

    pub(crate) fn create_with(
        &mut self,
        name: &str,
        replicas: &[&[i32]],
        configs: &[(&str, &str)],
    ) -> TopicId {
        let result = self.create(assigned(name, replicas, configs));
        assert_eq!(result.error_code, ErrorCode::None, "{result:?}");
        result.topic_id
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> &Partition {
        let topic = self.image.topics().get(topic).expect("the test created it");
        topic.partition(PartitionIndex(index)).expect("the test created it")
    }

    /// What must hold of every image, whatever happened (M3 and M4 of the properties).
    pub(crate) fn check(&self) {
        let brokers = self.image.brokers();
        let epochs: BTreeSet<_> = brokers.iter().map(|broker| broker.epoch).collect();
        assert_eq!(epochs.len(), brokers.len(), "broker epochs are unique");
        assert!(epochs.last().is_none_or(|last| *last <= brokers.last_epoch()));
        for topic in self.image.topics().iter() {
            assert_eq!(self.image.topics().by_id(topic.id), Some(topic));
            for (index, partition) in topic.partitions() {
                let context = format!("{}-{index}: {partition:?}", topic.name);
                for id in &partition.isr {
                    assert!(partition.replicas.contains(id), "in sync, no replica: {context}");
                    assert!(brokers.is_active(*id), "in sync, not active: {context}");
                }
                for id in &partition.elr {
                    assert!(!partition.isr.contains(id), "eligible and in sync: {context}");
                    assert!(partition.replicas.contains(id), "eligible, no replica: {context}");
                }
                match partition.leader {
                    Some(leader) => assert!(partition.isr.contains(&leader), "leader: {context}"),
                    None => assert!(partition.isr.is_empty(), "in sync, no leader: {context}"),
                }
            }
        }
    }
}

/// A topic for these replicas.
pub(crate) fn assigned(
    name: &str,
    replicas: &[&[i32]],
    configs: &[(&str, &str)],
) -> CreatableTopic {
    let assignment = |(index, ids): (i32, &&[i32])| CreatableReplicaAssignment {
        partition_index: PartitionIndex(index),
        broker_ids: brokers(ids),
    };
    CreatableTopic {
        assignments: (0..).zip(replicas).map(assignment).collect(),
        ..topic(name, -1, -1, configs)
    }
}

pub(crate) fn topic(
    name: &str,
    num_partitions: i32,
    replication_factor: i16,
    configs: &[(&str, &str)],
) -> CreatableTopic {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor,
        configs: configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    }
}

pub(crate) fn brokers(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// A log directory of a broker.
pub(crate) fn directory(broker: i32, number: u8) -> DirectoryId {
    let mut id = [number; 16];
    id[..4].copy_from_slice(&broker.to_be_bytes());
    Uuid(id)
}
