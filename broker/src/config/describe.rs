//! A broker's configuration as DescribeConfigs shows it.

use metadata::config::{ConfigDef, ConfigEntry, ConfigSource, Layers, SynonymEntry, Update};

use super::keys;

/// Every key of one broker, by name.
#[must_use]
pub fn describe_broker(layers: &Layers<'_>) -> Vec<ConfigEntry> {
    let mut entries: Vec<ConfigEntry> = keys::all()
        .filter(|def| !def.internal)
        .map(|def| {
            let synonyms = synonyms(def, layers);
            let own = synonyms.first().and_then(|strongest| strongest.value.clone());
            entry(def, own, synonyms)
        })
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// What was set for all brokers while running, by name.
#[must_use]
pub fn describe_cluster_default(layers: &Layers<'_>) -> Vec<ConfigEntry> {
    layers
        .dynamic_cluster
        .iter()
        .filter_map(|(name, value)| Some((keys::key(name)?, value)))
        .map(|(def, value)| {
            let mut synonyms = synonyms(def, layers);
            synonyms.retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker);
            entry(def, (!def.is_sensitive()).then(|| value.clone()), synonyms)
        })
        .collect()
}

/// The places that set a key, from the first that sets it under this very name: what a stronger
/// synonym in another unit says isn't this key's value.
fn synonyms(def: &'static ConfigDef, layers: &Layers<'_>) -> Vec<SynonymEntry> {
    let names: Vec<_> = keys::synonyms(def.name)
        .into_iter()
        .map(|name| (name, keys::key(name).and_then(|def| def.default)))
        .collect();
    let mut synonyms = layers.broker_synonyms(&names, def.is_sensitive());
    let own = synonyms.iter().position(|synonym| synonym.name == def.name);
    synonyms.drain(..own.unwrap_or(synonyms.len()));
    synonyms
}

fn entry(
    def: &'static ConfigDef,
    value: Option<String>,
    synonyms: Vec<SynonymEntry>,
) -> ConfigEntry {
    ConfigEntry {
        name: def.name.to_owned(),
        value: value.map(|text| def.parse(&text).map_or(text, |value| value.to_string())),
        source: synonyms.first().map_or(ConfigSource::Default, |strongest| strongest.source),
        is_sensitive: def.is_sensitive(),
        is_read_only: def.update == Update::ReadOnly,
        synonyms,
        kind: def.kind,
        documentation: def.doc(),
    }
}
