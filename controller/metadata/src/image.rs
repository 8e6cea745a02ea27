//! The image: all that the cluster knows at one index of the metadata log.
//!
//! An image is made of areas, and only [`ClusterImage::replay`] changes them. Cloning it clones one
//! pointer for each area; a change to a clone copies the area's map of pointers and the one topic
//! or broker that the change is about. So a new image can be published after every entry.

use std::sync::Arc;

use protocol::ProducerId;

use crate::{
    MetadataRecord, MetadataVersion, RecordBatch,
    record::{FeatureLevelRecord, LastBrokerEpochRecord, ProducerIdsRecord},
};

mod broker;
mod config;
mod feature;
mod partition;
mod topic;

pub use broker::{BrokerRegistration, Brokers};
pub use config::{ConfigResource, Configs, ResourceType};
pub use feature::Features;
pub use partition::Partition;
pub use topic::{Topic, Topics};

/// All that the cluster knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterImage {
    features: Arc<Features>,
    brokers: Arc<Brokers>,
    topics: Arc<Topics>,
    configs: Arc<Configs>,
    /// The first producer id that nobody has: a number, because that type's default is no id.
    next_producer_id: i64,
}

impl ClusterImage {
    /// The finalised features.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The registered brokers.
    #[must_use]
    pub fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    /// The topics and their partitions.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The dynamic configuration.
    #[must_use]
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// The first producer id that nobody has.
    #[must_use]
    pub fn next_producer_id(&self) -> ProducerId {
        ProducerId(self.next_producer_id)
    }

    /// The level that records are written at.
    #[must_use]
    pub fn metadata_version(&self) -> MetadataVersion {
        self.features.metadata_version()
    }

    /// Applies a record of the log. Total: whatever was decided on this image fits it.
    ///
    /// # Panics
    /// A record that doesn't fit the image: a bug in a decision, or another cluster's log.
    pub fn replay(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::RegisterBroker(record) => self.brokers_mut().register(record),
            MetadataRecord::UnregisterBroker(record) => self.brokers_mut().unregister(record),
            MetadataRecord::BrokerRegistrationChange(record) => self.brokers_mut().change(record),
            MetadataRecord::LastBrokerEpoch(record) => self.brokers_mut().restore_epoch(record),
            MetadataRecord::Topic(record) => self.topics_mut().add(record),
            MetadataRecord::Partition(record) => self.topics_mut().add_partition(record),
            MetadataRecord::PartitionChange(record) => self.topics_mut().change_partition(record),
            MetadataRecord::RemoveTopic(record) => {
                let name = self.topics_mut().remove(record);
                // A topic created later under the same name starts from the defaults.
                let resource = ConfigResource::topic(name.as_str());
                if !self.configs.of(&resource).is_empty() {
                    Arc::make_mut(&mut self.configs).remove_resource(&resource);
                }
            }
            MetadataRecord::Config(record) => Arc::make_mut(&mut self.configs).set(record),
            MetadataRecord::FeatureLevel(record) => self.finalise(record),
            MetadataRecord::ProducerIds(record) => self.take_producer_ids(record),
            MetadataRecord::NoOp(_) => {}
        }
    }

    /// Records that rebuild this image when they are replayed on an empty one: a snapshot.
    #[must_use]
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        records.extend(self.features.to_records().map(MetadataRecord::from));
        records.extend(self.brokers.iter().map(|broker| broker.to_record().into()));
        records.push(LastBrokerEpochRecord { broker_epoch: self.brokers.last_epoch() }.into());
        for topic in self.topics.iter() {
            records.push(topic.to_record().into());
            records.extend(topic.partition_records().map(MetadataRecord::from));
        }
        records.extend(self.configs.to_records().map(MetadataRecord::from));
        records.push(
            ProducerIdsRecord { next_producer_id: self.next_producer_id(), ..Default::default() }
                .into(),
        );
        records
    }

    /// A number that equal images share, and that others don't, but by a chance of one in 2^64:
    /// nodes that applied the same entries compare it.
    #[must_use]
    pub fn digest(&self) -> u64 {
        // FNV-1a, whose result is the same in every build, as that of std's hashers need not be.
        let batch = RecordBatch::pack(&self.to_records(), self.metadata_version());
        let bytes = batch.records.iter().flatten();
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// What a lower level can't express is forgotten with it, so that a snapshot at that level
    /// leads to the same image as the log.
    fn finalise(&mut self, record: &FeatureLevelRecord) {
        Arc::make_mut(&mut self.features).set(record);
        if self.metadata_version() < MetadataVersion::FENCE_REASONS {
            self.brokers_mut().forget_fence_reasons();
        }
    }

    fn brokers_mut(&mut self) -> &mut Brokers {
        Arc::make_mut(&mut self.brokers)
    }

    fn topics_mut(&mut self) -> &mut Topics {
        Arc::make_mut(&mut self.topics)
    }

    fn take_producer_ids(&mut self, record: &ProducerIdsRecord) {
        let (next, taken) = (self.next_producer_id, record.next_producer_id.0);
        // An id handed out twice would let two producers pass for one another.
        assert!(taken >= next, "producer ids below {next} are taken, so the next isn't {taken}");
        self.next_producer_id = taken;
    }
}

#[cfg(test)]
mod tests;
