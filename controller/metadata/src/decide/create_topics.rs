//! CreateTopics.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    BrokerId, ErrorCode, PartitionIndex, TopicId, TopicName, Uuid,
    api::create_topics::{
        CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfigs, CreatableTopicResult,
        CreateTopicsRequest, CreateTopicsResponse,
    },
};

use super::{
    DecideContext, Decision, Refusal,
    new_partitions::{PARTITIONS_PER_REQUEST_MAX, spend},
};
use crate::{
    ClusterImage, ConfigResource, MetadataRecord,
    config::{ConfigEntry, Layers, Overrides, describe_topic, validate_topic},
    placement::Row,
    record::{ConfigRecord, PartitionRecord, TopicRecord},
    topic_name::{collision_key, validate_topic_name},
};

/// The topic of the quorum's own log in Kafka: nobody may have one of that name.
const METADATA_TOPIC: &str = "__cluster_metadata";

impl ClusterImage {
    /// Creates each of the topics, or says why not.
    pub fn create_topics(
        &self,
        request: &CreateTopicsRequest,
        context: &mut DecideContext<'_>,
    ) -> Decision<CreateTopicsResponse> {
        let mut requested: BTreeMap<&TopicName, usize> = BTreeMap::new();
        for topic in &request.topics {
            *requested.entry(&topic.name).or_default() += 1;
        }
        let mut creation = Creation {
            image: self,
            row: Row::of(self.brokers(), self.topics()),
            similar: self.similar_names(),
            partitions_left: PARTITIONS_PER_REQUEST_MAX,
            ids: BTreeSet::new(),
        };
        let mut decision = Decision::unchanged(CreateTopicsResponse::default());
        for topic in &request.topics {
            // A name that comes twice gets one answer.
            let created = match requested.remove(&topic.name) {
                None => continue,
                Some(1) => creation.create(topic, context),
                Some(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
            };
            let result = match created {
                Ok((records, result)) => {
                    if !request.validate_only {
                        decision.records.extend(records);
                    }
                    result
                }
                Err(refusal) => CreatableTopicResult {
                    name: topic.name.clone(),
                    error_code: refusal.error,
                    error_message: Some(refusal.message),
                    ..CreatableTopicResult::default()
                },
            };
            decision.response.topics.push(result);
        }
        decision
    }

    /// The topics whose names could collide with another's, by what they would share.
    fn similar_names(&self) -> BTreeMap<String, TopicName> {
        let key = |name: &TopicName| Some((collision_key(name.as_str())?, name.clone()));
        self.topics().iter().filter_map(|topic| key(&topic.name)).collect()
    }
}

/// What the topics of one request share while they are created one after the other.
struct Creation<'a> {
    image: &'a ClusterImage,
    row: Row,
    similar: BTreeMap<String, TopicName>,
    partitions_left: usize,
    ids: BTreeSet<TopicId>,
}

impl Creation<'_> {
    fn create(
        &mut self,
        topic: &CreatableTopic,
        context: &mut DecideContext<'_>,
    ) -> Result<(Vec<MetadataRecord>, CreatableTopicResult), Refusal> {
        self.check_name(&topic.name)?;
        let configs = self.configs(topic, &context.settings.static_config)?;
        let topic_id = self.new_id(context);
        let partitions = if topic.assignments.is_empty() {
            self.place(topic, topic_id, context)?
        } else {
            self.assign(topic, topic_id)?
        };
        // From here on the topic is as good as created.
        partitions.iter().for_each(|partition| self.row.note(&partition.replicas));
        if let Some(key) = collision_key(topic.name.as_str()) {
            self.similar.insert(key, topic.name.clone());
        }

        let result = CreatableTopicResult {
            name: topic.name.clone(),
            topic_id,
            num_partitions: i32::try_from(partitions.len()).expect("bounded for each request"),
            replication_factor: i16::try_from(partitions[0].replicas.len())
                .map_err(|_| replication_factor_invalid())?,
            configs: Some(self.effective_configs(&configs, context)),
            ..CreatableTopicResult::default()
        };
        let mut records = vec![TopicRecord { name: topic.name.clone(), topic_id }.into()];
        let resource = ConfigResource::topic(topic.name.as_str());
        records.extend(configs.into_iter().map(|(name, value)| {
            MetadataRecord::from(ConfigRecord {
                resource_type: resource.kind.code(),
                resource_name: resource.name.clone(),
                name,
                value: Some(value),
            })
        }));
        records.extend(partitions.into_iter().map(MetadataRecord::from));
        Ok((records, result))
    }

    fn check_name(&self, name: &TopicName) -> Result<(), Refusal> {
        validate_topic_name(name.as_str())?;
        if name.as_str() == METADATA_TOPIC {
            return Err(Refusal::new(
                ErrorCode::InvalidRequest,
                format!("Creation of internal topic {METADATA_TOPIC} is prohibited."),
            ));
        }
        if self.image.topics().get(name.as_str()).is_some() {
            return Err(Refusal::new(
                ErrorCode::TopicAlreadyExists,
                format!("Topic '{name}' already exists."),
            ));
        }
        match collision_key(name.as_str()).and_then(|key| self.similar.get(&key)) {
            None => Ok(()),
            Some(other) => Err(Refusal::new(
                ErrorCode::InvalidTopicException,
                format!("Topic '{name}' collides with existing topic: {other}"),
            )),
        }
    }

    /// The configuration that is asked for, checked against what it will be merged with.
    fn configs(
        &self,
        topic: &CreatableTopic,
        static_config: &Overrides,
    ) -> Result<Overrides, Refusal> {
        let mut configs = Overrides::new();
        let mut nulls = Vec::new();
        for config in &topic.configs {
            match &config.value {
                Some(value) => drop(configs.insert(config.name.clone(), value.clone())),
                None => nulls.push(config.name.as_str()),
            }
        }
        if !nulls.is_empty() {
            let message =
                format!("Null value not supported for topic configs: {}", nulls.join(","));
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        }
        let layers = self.image.configs().layers(topic.name.as_str(), static_config);
        validate_topic(&Layers { topic: &configs, ..layers })?;
        Ok(configs)
    }

    fn effective_configs(
        &self,
        configs: &Overrides,
        context: &DecideContext<'_>,
    ) -> Vec<CreatableTopicConfigs> {
        let layers = self.image.configs().layers("", &context.settings.static_config);
        let show = |entry: ConfigEntry| CreatableTopicConfigs {
            name: entry.name,
            value: entry.value,
            read_only: entry.is_read_only,
            config_source: entry.source.id(),
            is_sensitive: entry.is_sensitive,
        };
        describe_topic(&Layers { topic: configs, ..layers }).into_iter().map(show).collect()
    }

    /// Chance all but excludes an id that is taken; this excludes it.
    fn new_id(&mut self, context: &mut DecideContext<'_>) -> TopicId {
        loop {
            let id = (context.new_id)();
            let is_free = id != Uuid::ZERO && self.image.topics().by_id(id).is_none();
            if is_free && self.ids.insert(id) {
                return id;
            }
        }
    }

    /// Places the replicas as the cluster sees fit.
    fn place(
        &mut self,
        topic: &CreatableTopic,
        topic_id: TopicId,
        context: &mut DecideContext<'_>,
    ) -> Result<Vec<PartitionRecord>, Refusal> {
        let replication_factor = match topic.replication_factor {
            -1 => context.settings.default_replication_factor,
            given => given,
        };
        let replication_factor = usize::try_from(replication_factor)
            .ok()
            .filter(|factor| *factor > 0)
            .ok_or_else(replication_factor_invalid)?;
        let count = match topic.num_partitions {
            -1 => context.settings.num_partitions,
            given => given,
        };
        let partitions =
            usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
                Refusal::new(
                    ErrorCode::InvalidPartitions,
                    "Number of partitions was set to an invalid non-positive value.",
                )
            })?;
        spend(&mut self.partitions_left, partitions)?;
        self.row.check(replication_factor)?;
        (0..count)
            .zip(self.row.start()..)
            .map(|(index, position)| {
                let replicas = self.row.replicas(position, replication_factor);
                self.image.new_partition(topic_id, PartitionIndex(index), replicas)
            })
            .collect()
    }

    /// Puts the replicas where the request says.
    fn assign(
        &mut self,
        topic: &CreatableTopic,
        topic_id: TopicId,
    ) -> Result<Vec<PartitionRecord>, Refusal> {
        let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        if topic.replication_factor != -1 {
            return invalid(
                "A manual partition assignment was specified, but replication factor was not set \
                 to -1.",
            );
        }
        if topic.num_partitions != -1 {
            return invalid(
                "A manual partition assignment was specified, but numPartitions was not set to -1.",
            );
        }
        spend(&mut self.partitions_left, topic.assignments.len())?;
        let assignments = in_order(&topic.assignments)?;
        let mut replication_factor = None;
        let mut records = Vec::with_capacity(assignments.len());
        for (index, replicas) in assignments {
            self.image.check_assignment(replicas, replication_factor)?;
            replication_factor = Some(replicas.len());
            records.push(self.image.new_partition(topic_id, index, replicas.to_vec())?);
        }
        Ok(records)
    }
}

/// The assignments by partition, from 0 up without a gap.
fn in_order(
    assignments: &[CreatableReplicaAssignment],
) -> Result<BTreeMap<PartitionIndex, &[BrokerId]>, Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    let mut by_partition = BTreeMap::new();
    for assignment in assignments {
        let index = assignment.partition_index;
        if by_partition.insert(index, assignment.broker_ids.as_slice()).is_some() {
            return refuse(format!(
                "Found multiple manual partition assignments for partition {index}"
            ));
        }
    }
    if !by_partition.keys().map(|index| index.0).eq((0..).take(by_partition.len())) {
        return refuse("partitions should be a consecutive 0-based integer sequence".to_owned());
    }
    Ok(by_partition)
}

fn replication_factor_invalid() -> Refusal {
    Refusal::new(
        ErrorCode::InvalidReplicationFactor,
        "Replication factor must be larger than 0, or -1 to use the default value.",
    )
}

#[cfg(test)]
mod tests;
