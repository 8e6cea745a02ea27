//! Where settings come from, and how they're put together: the file first, over it the
//! environment, over it the command line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use metadata::config::{ConfigValue, Effect, Overrides};

use super::{
    ConfigError, Origin, environment,
    keys::{self, Known},
    near_miss, properties,
};

/// What an operator gave.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `server.properties`: its path and its text. Without one a node stands alone, with defaults
    /// of its own.
    pub file: Option<(PathBuf, String)>,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
    /// `key=value` from the command line.
    pub sets: Vec<String>,
    /// Whether an unknown key is an error rather than a warning.
    pub strict: bool,
    /// The machine's name, which is advertised where a listener has no host.
    pub hostname: String,
}

/// What a node without a file starts with: a cluster of one, on this machine alone.
const SINGLE_NODE: [(&str, &str); 10] = [
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("listeners", "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"),
    ("controller.listener.names", "CONTROLLER"),
    ("log.dirs", "data"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
];

/// The longest that anything waits: Kafka's "never", as a time that can still be added to another.
pub(crate) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A value somebody set.
#[derive(Debug, Clone)]
struct Setting {
    text: String,
    value: ConfigValue,
    origin: Origin,
}

/// All that was set, each value checked by its own key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    settings: BTreeMap<&'static str, Setting>,
    /// What the operator should know, a line each.
    pub(crate) warnings: Vec<String>,
    /// Whether there was no file.
    pub(crate) is_single_node: bool,
    strict: bool,
}

impl Settings {
    pub(crate) fn gather(sources: &Sources) -> Result<Self, ConfigError> {
        let mut settings = Self {
            is_single_node: sources.file.is_none(),
            strict: sources.strict,
            ..Self::default()
        };
        match &sources.file {
            None => {
                for (key, value) in SINGLE_NODE {
                    settings.set(key, value, Origin::SingleNode)?;
                }
            }
            Some((path, text)) => settings.set_from_file(path, text)?,
        }
        settings.set_from_environment(&sources.environment)?;
        for set in &sources.sets {
            let (key, value) =
                set.split_once('=').ok_or_else(|| ConfigError::NoValue(set.clone()))?;
            settings.set(key.trim(), value, Origin::CommandLine)?;
        }
        Ok(settings)
    }

    fn set_from_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let properties = properties::parse(text)
            .map_err(|bad| ConfigError::BadEscape { path: path.to_owned(), line: bad.line })?;
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for property in &properties {
            if let Some(earlier) = seen.insert(&property.key, property.line) {
                self.warnings.push(format!(
                    "{} is set on line {earlier} and again on line {} of {}; the last one counts",
                    property.key,
                    property.line,
                    path.display()
                ));
            }
            let origin = Origin::File(path.to_owned(), property.line);
            self.set(&property.key, &property.value, origin)?;
        }
        Ok(())
    }

    fn set_from_environment(&mut self, variables: &[(String, String)]) -> Result<(), ConfigError> {
        // Sorted, so that of KAFKA_X and OTTLA_X the second counts whatever the order they come in.
        let mut variables: Vec<_> = variables.iter().collect();
        variables.sort();
        for (variable, value) in variables {
            let Some(key) = environment::key_of(variable) else { continue };
            if keys::lookup(&key).is_some() {
                self.set(&key, value, Origin::Environment(variable.clone()))?;
            } else if let Some(meant) = near_miss::nearest(&key, keys::all().map(|def| def.name)) {
                self.warnings.push(format!(
                    "environment variable {variable} sets nothing: did you mean the key {meant}?"
                ));
            }
        }
        Ok(())
    }

    /// Checks a setting and puts it over earlier ones of the same key.
    fn set(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        match keys::lookup(key) {
            Some(Known::Key(def)) => {
                let value = match def.parse(text) {
                    Ok(value) => value,
                    Err(invalid) => return Err(ConfigError::Invalid { invalid, origin }),
                };
                let changes = def.default_value().as_ref() != Some(&value);
                match def.effect {
                    Effect::Ignored(reason) if changes && origin != Origin::SingleNode => {
                        self.warnings.push(format!("{key} has no effect: {reason} ({origin})"));
                    }
                    Effect::Plugin if changes && !text.trim().is_empty() => {
                        self.warnings.push(format!(
                            "{key} has no effect: Java classes can't be loaded ({origin})"
                        ));
                    }
                    _ => {}
                }
                self.settings.insert(def.name, Setting { text: text.to_owned(), value, origin });
            }
            Some(Known::OfListener(def)) => {
                def.parse(text)
                    .map_err(|invalid| ConfigError::Invalid { invalid, origin: origin.clone() })?;
                self.warnings.push(format!(
                    "{key} has no effect: listeners have no settings of their own yet ({origin})"
                ));
            }
            Some(Known::OfPlugin) => self
                .warnings
                .push(format!("{key} has no effect: plugins can't be loaded ({origin})")),
            Some(Known::Removed(instead)) if !self.strict => self
                .warnings
                .push(format!("{key} has no effect: Kafka 4 removed it, {instead} ({origin})")),
            Some(Known::Removed(_)) | None => {
                let meant = near_miss::nearest(key, keys::all().map(|def| def.name));
                if meant.is_some() || self.strict {
                    return Err(ConfigError::UnknownKey { key: key.to_owned(), origin, meant });
                }
                self.warnings.push(format!("unknown key {key} is ignored ({origin})"));
            }
        }
        Ok(())
    }

    /// Everything that was set, as it was written.
    pub(crate) fn overrides(&self) -> Overrides {
        self.settings
            .iter()
            .map(|(name, setting)| ((*name).to_owned(), setting.text.trim().to_owned()))
            .collect()
    }

    /// Whether somebody set that key.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// The key, its value and where it was set, for an error's sentence.
    pub(crate) fn blame(&self, name: &str) -> String {
        match self.settings.get(name) {
            Some(setting) => format!("{name}={} ({})", setting.text.trim(), setting.origin),
            None => match keys::key(name).and_then(|def| def.default) {
                Some(default) => format!("{name}={default} ({})", Origin::Default),
                None => format!("{name} isn't set"),
            },
        }
    }

    /// The value in force, `None` where there is none.
    ///
    /// # Panics
    /// When no table has the key: a bug at the caller, as in the other accessors.
    pub(crate) fn value(&self, name: &str) -> Option<ConfigValue> {
        let def = keys::key(name).unwrap_or_else(|| panic!("{name} isn't in the tables"));
        match self.settings.get(name) {
            Some(setting) => Some(setting.value.clone()),
            None => def.default_value(),
        }
    }

    fn needed(&self, name: &str) -> ConfigValue {
        self.value(name).unwrap_or_else(|| panic!("{name} has no default"))
    }

    pub(crate) fn boolean(&self, name: &str) -> bool {
        self.needed(name).boolean()
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.needed(name).number()
    }

    /// A text; `None` where it's empty or there is none.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.text().to_owned()).filter(|text| !text.is_empty())
    }

    /// A list; empty where there is none.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.value(name).map(|value| value.list().to_vec()).unwrap_or_default()
    }

    /// A number that can't be negative.
    pub(crate) fn count(&self, name: &str) -> Result<usize, ConfigError> {
        usize::try_from(self.number(name)).map_err(|_| self.negative(name))
    }

    /// A time in milliseconds that can't be negative.
    pub(crate) fn millis(&self, name: &str) -> Result<Duration, ConfigError> {
        let ms = u64::try_from(self.number(name)).map_err(|_| self.negative(name))?;
        Ok(Duration::from_millis(ms).min(FOREVER))
    }

    /// A time in seconds that can't be negative.
    pub(crate) fn seconds(&self, name: &str) -> Result<Duration, ConfigError> {
        let seconds = u64::try_from(self.number(name)).map_err(|_| self.negative(name))?;
        Ok(Duration::from_secs(seconds).min(FOREVER))
    }

    fn negative(&self, name: &str) -> ConfigError {
        ConfigError::Rule(format!("{}: it can't be negative", self.blame(name)))
    }
}
