//! IncrementalAlterConfigs: dynamic configuration of topics and brokers.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    BrokerId, ErrorCode,
    api::incremental_alter_configs::{
        APPEND, AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, DELETE,
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, SET, SUBTRACT,
    },
};

use super::{Decision, Refusal, Settings};
use crate::{
    ClusterImage, ConfigResource, MetadataRecord, ResourceType,
    config::{
        BrokerSynonym, ConfigDef, ConfigType, Layers, Overrides, Update, topic_key, validate_topic,
    },
    election::Turn,
    record::ConfigRecord,
};

/// Keys whose change is felt by elections at once.
const ELECTION_KEYS: [&str; 2] = ["min.insync.replicas", "unclean.leader.election.enable"];

impl ClusterImage {
    /// Changes the configuration of each of the resources, or says why not.
    pub fn incremental_alter_configs(
        &self,
        request: &IncrementalAlterConfigsRequest,
        settings: &Settings,
    ) -> Decision<IncrementalAlterConfigsResponse> {
        let mut requested: BTreeMap<_, usize> = BTreeMap::new();
        for resource in &request.resources {
            *requested.entry((resource.resource_type, &resource.resource_name)).or_default() += 1;
        }
        let mut changes = Vec::new();
        let mut response = IncrementalAlterConfigsResponse::default();
        for resource in &request.resources {
            let key = (resource.resource_type, &resource.resource_name);
            // A resource that comes twice gets one answer.
            let altered = match requested.remove(&key) {
                None => continue,
                Some(1) => self.alter_resource(resource, settings),
                Some(_) => Err(Refusal::new(
                    ErrorCode::InvalidRequest,
                    "Each resource must appear at most once.",
                )),
            };
            let mut result = AlterConfigsResourceResponse {
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                ..AlterConfigsResourceResponse::default()
            };
            match altered {
                Ok(_) if request.validate_only => {}
                Ok(records) => changes.extend(records),
                Err(refusal) => {
                    result.error_code = refusal.error;
                    result.error_message = Some(refusal.message);
                }
            }
            response.responses.push(result);
        }
        let elections = self.elections_after(&changes, settings);
        let records = changes.into_iter().map(MetadataRecord::from).chain(elections).collect();
        Decision { records, response }
    }

    fn alter_resource(
        &self,
        request: &AlterConfigsResource,
        settings: &Settings,
    ) -> Result<Vec<ConfigRecord>, Refusal> {
        let resource = self.resource(request)?;
        let present = self.configs().of(&resource);
        let mut wanted = present.clone();
        let mut named = BTreeSet::new();
        for change in &request.configs {
            if !named.insert(change.name.as_str()) {
                return Err(Refusal::new(
                    ErrorCode::InvalidRequest,
                    "Error due to duplicate config keys",
                ));
            }
            apply(change, &resource, &mut wanted, settings)?;
        }
        match resource.kind {
            ResourceType::Topic => {
                let layers = self.configs().layers(&resource.name, &settings.static_config);
                validate_topic(&Layers { topic: &wanted, ..layers })?;
            }
            ResourceType::Broker => {
                let changed = wanted.iter().filter(|(key, value)| present.get(*key) != Some(value));
                for (key, value) in changed {
                    check_broker_key(key, value, &resource, settings)?;
                }
            }
        }
        Ok(differences(&resource, present, &wanted))
    }

    /// The resource that is meant, if there is one.
    fn resource(&self, request: &AlterConfigsResource) -> Result<ConfigResource, Refusal> {
        let name = request.resource_name.as_str();
        match ResourceType::from_code(request.resource_type) {
            Some(ResourceType::Topic) if name.is_empty() => Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "Default topic resources are not allowed.",
            )),
            Some(ResourceType::Topic) if self.topics().get(name).is_none() => Err(Refusal::new(
                ErrorCode::UnknownTopicOrPartition,
                format!("The topic '{name}' does not exist."),
            )),
            Some(ResourceType::Topic) => Ok(ConfigResource::topic(name)),
            Some(ResourceType::Broker) if name.is_empty() => Ok(ConfigResource::every_broker()),
            Some(ResourceType::Broker) => {
                let id = name.parse().map(BrokerId).map_err(|_| {
                    let message =
                        format!("Unable to parse broker name '{name}' as a base 10 number.");
                    Refusal::new(ErrorCode::InvalidRequest, message)
                })?;
                match self.brokers().get(id) {
                    Some(_) => Ok(ConfigResource::broker(id)),
                    None => Err(Refusal::new(
                        ErrorCode::BrokerIdNotRegistered,
                        format!("No broker with id {id} found."),
                    )),
                }
            }
            None => Err(Refusal::new(
                ErrorCode::InvalidRequest,
                format!("Unsupported config resource type {}.", request.resource_type),
            )),
        }
    }

    /// What changed configuration changes in partitions: when fewer replicas have to be in sync
    /// than are, something may be committed without the eligible ones from now on, so they aren't
    /// eligible any more; and where unclean election is newly allowed, it takes place.
    fn elections_after(
        &self,
        changes: &[ConfigRecord],
        settings: &Settings,
    ) -> Vec<MetadataRecord> {
        let felt = |change: &&ConfigRecord| ELECTION_KEYS.contains(&change.name.as_str());
        if !changes.iter().any(|change| felt(&change)) {
            return Vec::new();
        }
        let mut after = self.clone();
        for change in changes {
            after.replay(&change.clone().into());
        }
        after.partition_changes(&Turn::Rules, settings)
    }
}

/// Applies one operation to the values that are set.
fn apply(
    change: &AlterableConfig,
    resource: &ConfigResource,
    values: &mut Overrides,
    settings: &Settings,
) -> Result<(), Refusal> {
    let key = &change.name;
    if change.config_operation == DELETE {
        values.remove(key);
        return Ok(());
    }
    let Some(value) = &change.value else {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Null value not supported for : {key}"),
        ));
    };
    let name = match change.config_operation {
        SET => {
            values.insert(key.clone(), value.clone());
            return Ok(());
        }
        APPEND => "APPEND",
        SUBTRACT => "SUBTRACT",
        unknown => {
            let message = format!("Unknown operation type {unknown} for config {key}.");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
    };
    let def = definition(key, resource, settings);
    let Some(def) = def.filter(|def| def.kind == ConfigType::List) else {
        return Err(Refusal::new(
            ErrorCode::InvalidConfig,
            format!("Can't {name} to key {key} because its type is not LIST."),
        ));
    };
    let present = values.get(key).map(String::as_str).or_else(|| inherited(def, settings));
    let mut elements = split(present.unwrap_or_default());
    for element in split(value) {
        elements.retain(|present| *present != element);
        if change.config_operation == APPEND {
            elements.push(element);
        }
    }
    let joined = elements.join(",");
    values.insert(key.clone(), joined);
    Ok(())
}

/// What a list is where the resource doesn't set it.
fn inherited<'a>(def: &ConfigDef, settings: &'a Settings) -> Option<&'a str> {
    let of_broker = |synonym: &BrokerSynonym| settings.static_config.get(synonym.0);
    def.synonyms.iter().find_map(of_broker).map(String::as_str).or(def.default)
}

fn split(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty()).collect()
}

fn definition(
    key: &str,
    resource: &ConfigResource,
    settings: &Settings,
) -> Option<&'static ConfigDef> {
    match resource.kind {
        ResourceType::Topic => topic_key(key),
        ResourceType::Broker => (settings.broker_key)(key),
    }
}

fn check_broker_key(
    key: &str,
    value: &str,
    resource: &ConfigResource,
    settings: &Settings,
) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidConfig, message));
    let Some(def) = (settings.broker_key)(key) else {
        return refuse(format!("Unknown broker config name: {key}"));
    };
    let is_for_all = resource.name.is_empty();
    match def.update {
        Update::ReadOnly => {
            return refuse(format!("Cannot update these configs dynamically: Set({key})"));
        }
        Update::PerBroker if is_for_all => {
            return refuse(format!(
                "Cannot update these configs at default cluster level: Set({key})"
            ));
        }
        // Brokers that disagree on it would disagree on who is eligible (KIP-966).
        Update::PerBroker | Update::ClusterWide if key == ELECTION_KEYS[0] && !is_for_all => {
            return refuse(format!("Broker-level {key} cannot be altered while ELR is enabled."));
        }
        Update::PerBroker | Update::ClusterWide => {}
    }
    def.parse(value)?;
    Ok(())
}

/// The records that turn what is set into what shall be.
fn differences(
    resource: &ConfigResource,
    present: &Overrides,
    wanted: &Overrides,
) -> Vec<ConfigRecord> {
    let keys: BTreeSet<&String> = present.keys().chain(wanted.keys()).collect();
    let changed = keys.into_iter().filter(|key| present.get(*key) != wanted.get(*key));
    changed
        .map(|key| ConfigRecord {
            resource_type: resource.kind.code(),
            resource_name: resource.name.clone(),
            name: key.clone(),
            value: wanted.get(key).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
