//! The places that may set a value, and which of them wins.

use std::collections::BTreeMap;

use super::{BrokerSynonym, ConfigDef, ConfigType, ConfigValue, Unit};

/// Keys and values as somebody wrote them.
pub type Overrides = BTreeMap<String, String>;

/// What was set for a topic and for the broker that asks, from the strongest to the weakest.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// On the topic itself, in topic keys.
    pub topic: &'a Overrides,
    /// On this broker while running, in broker keys.
    pub dynamic_broker: &'a Overrides,
    /// On all brokers while running, in broker keys.
    pub dynamic_cluster: &'a Overrides,
    /// In this broker's file, environment and command line, in broker keys.
    pub static_broker: &'a Overrides,
}

/// Which place a value comes from. The numbers are DescribeConfigs'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic = 1,
    /// Set on one broker while running.
    DynamicBroker = 2,
    /// Set on all brokers while running.
    DynamicDefaultBroker = 3,
    /// Set in a broker's file, environment or command line.
    StaticBroker = 4,
    /// Set by nobody.
    Default = 5,
}

/// One key as DescribeConfigs shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// Its value in force. `None` = none, or a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is a secret.
    pub is_sensitive: bool,
    /// Whether only a restart changes it.
    pub is_read_only: bool,
    /// Every place that sets it, the strongest first.
    pub synonyms: Vec<SynonymEntry>,
    /// What the value is.
    pub kind: ConfigType,
    /// What it's for.
    pub documentation: &'static str,
}

/// One place that sets a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynonymEntry {
    /// The key there, which may be spelt otherwise.
    pub name: String,
    /// Its value there. `None` = a secret.
    pub value: Option<String>,
    /// The place.
    pub source: ConfigSource,
}

impl ConfigSource {
    /// The number that stands for it in DescribeConfigs.
    #[must_use]
    pub fn id(self) -> i8 {
        self as i8
    }
}

impl ConfigType {
    /// The number that stands for it in DescribeConfigs.
    #[must_use]
    pub fn id(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }
}

const NOTHING: &Overrides = &Overrides::new();

impl Default for Layers<'_> {
    /// Nobody has set anything.
    fn default() -> Self {
        Self {
            topic: NOTHING,
            dynamic_broker: NOTHING,
            dynamic_cluster: NOTHING,
            static_broker: NOTHING,
        }
    }
}

impl Layers<'_> {
    fn of_brokers(&self) -> [(&Overrides, ConfigSource); 3] {
        [
            (self.dynamic_broker, ConfigSource::DynamicBroker),
            (self.dynamic_cluster, ConfigSource::DynamicDefaultBroker),
            (self.static_broker, ConfigSource::StaticBroker),
        ]
    }

    /// The value in force of a topic's key: the topic's own, or else the broker's from the
    /// strongest place that sets a synonym, or else the default.
    ///
    /// Values are checked where they're set. One that doesn't parse all the same, because a later
    /// version wrote it, is passed over for the next weaker one.
    pub(super) fn topic_value(&self, def: &ConfigDef) -> Option<ConfigValue> {
        if let Some(value) = self.topic.get(def.name).and_then(|text| def.parse(text).ok()) {
            return Some(value);
        }
        for (layer, _) in self.of_brokers() {
            for synonym in def.synonyms {
                let text = layer.get(synonym.0);
                if let Some(value) = text.and_then(|text| synonym.read(def, text)) {
                    return Some(value);
                }
            }
        }
        def.default_value()
    }

    /// Every place that sets a broker's key or one of its synonyms, the strongest first.
    /// `names` gives each synonym with its default, the strongest first.
    #[must_use]
    pub fn broker_synonyms(
        &self,
        names: &[(&str, Option<&str>)],
        is_sensitive: bool,
    ) -> Vec<SynonymEntry> {
        let mut found = Vec::new();
        let mut add = |name: &str, value: &str, source| {
            let value = (!is_sensitive).then(|| value.to_owned());
            found.push(SynonymEntry { name: name.to_owned(), value, source });
        };
        for (layer, source) in self.of_brokers() {
            for (name, _) in names {
                if let Some(value) = layer.get(*name) {
                    add(name, value, source);
                }
            }
        }
        for (name, default) in names {
            if let Some(value) = default {
                add(name, value, ConfigSource::Default);
            }
        }
        found
    }
}

impl BrokerSynonym {
    /// Reads the broker's value as the topic's.
    fn read(&self, def: &ConfigDef, text: &str) -> Option<ConfigValue> {
        let factor = match self.1 {
            Unit::Same => return def.parse(text).ok(),
            Unit::Minutes => 60_000,
            Unit::Hours => 3_600_000,
        };
        let count: i64 = text.trim().parse().ok()?;
        // A negative time of any unit means unlimited, which a topic writes as -1.
        let ms = if count < 0 { -1 } else { count.saturating_mul(factor) };
        def.parse(&ms.to_string()).ok()
    }
}
