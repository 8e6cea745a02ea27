//! The dynamic configuration: what was set while the cluster ran. Which keys exist, and what their
//! values mean, is the business of [`config`](crate::config).

use std::collections::BTreeMap;

use protocol::BrokerId;

use crate::{
    config::{Layers, Overrides},
    record::ConfigRecord,
};

/// What kind of thing a configuration belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// A topic, by its name.
    Topic,
    /// A broker by its id, or all of them by the empty name.
    Broker,
}

impl ResourceType {
    /// The kind of that number, if it holds configuration here.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            _ => None,
        }
    }

    /// Kafka's number.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
        }
    }
}

/// One thing that has a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceType,
    /// Which one.
    pub name: String,
}

impl ConfigResource {
    /// A topic.
    #[must_use]
    pub fn topic(name: &str) -> Self {
        Self { kind: ResourceType::Topic, name: name.to_owned() }
    }

    /// One broker.
    #[must_use]
    pub fn broker(id: BrokerId) -> Self {
        Self { kind: ResourceType::Broker, name: id.to_string() }
    }

    /// What holds for every broker that says nothing else.
    #[must_use]
    pub fn every_broker() -> Self {
        Self { kind: ResourceType::Broker, name: String::new() }
    }
}

/// Dynamic values, by resource and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configs {
    by_resource: BTreeMap<ConfigResource, Overrides>,
}

impl Configs {
    /// The value that is set for this very resource.
    #[must_use]
    pub fn get(&self, resource: &ConfigResource, key: &str) -> Option<&str> {
        self.by_resource.get(resource)?.get(key).map(String::as_str)
    }

    /// What is set for this very resource, by key.
    #[must_use]
    pub fn of(&self, resource: &ConfigResource) -> &Overrides {
        const NOTHING: &Overrides = &Overrides::new();
        self.by_resource.get(resource).unwrap_or(NOTHING)
    }

    /// What is set for a topic, and for all brokers, above what the files of one node say. Each
    /// broker may add what is set for it alone, which the controller has no use for.
    #[must_use]
    pub fn layers<'a>(&'a self, topic: &str, static_broker: &'a Overrides) -> Layers<'a> {
        Layers {
            topic: self.of(&ConfigResource::topic(topic)),
            dynamic_cluster: self.of(&ConfigResource::every_broker()),
            static_broker,
            ..Layers::default()
        }
    }

    /// The resources that have something set, in order.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &ConfigResource> {
        self.by_resource.keys()
    }

    pub(super) fn set(&mut self, record: &ConfigRecord) {
        let kind = ResourceType::from_code(record.resource_type)
            .unwrap_or_else(|| panic!("no resource type {} has a config", record.resource_type));
        let resource = ConfigResource { kind, name: record.resource_name.clone() };
        let values = self.by_resource.entry(resource.clone()).or_default();
        match &record.value {
            Some(value) => {
                values.insert(record.name.clone(), value.clone());
            }
            None => {
                values.remove(&record.name);
            }
        }
        if values.is_empty() {
            self.by_resource.remove(&resource);
        }
    }

    pub(super) fn remove_resource(&mut self, resource: &ConfigResource) {
        self.by_resource.remove(resource);
    }

    pub(super) fn to_records(&self) -> impl Iterator<Item = ConfigRecord> {
        self.by_resource.iter().flat_map(|(resource, values)| {
            values.iter().map(|(name, value)| ConfigRecord {
                resource_type: resource.kind.code(),
                resource_name: resource.name.clone(),
                name: name.clone(),
                value: Some(value.clone()),
            })
        })
    }

    pub(crate) fn shared(&self) -> &BTreeMap<ConfigResource, Overrides> {
        &self.by_resource
    }
}
