//! What may help where a name or a value is refused: did you mean this one?
//!
//! The broker decides what is right. Advice comes after its refusal, from the tables of this build,
//! so that a newer cluster's keys can be used with an older command.

use client::Admin;
use metadata::config::{ConfigDef, ConfigType, TOPIC_KEYS, Update, Valid, topic_key};
use protocol::{ErrorCode, TopicName};

use crate::config::{broker_key, broker_keys, nearest};

use super::Error;

/// Explains that a topic doesn't exist; every other error passes.
pub(super) async fn on_unknown_topic(
    admin: &Admin,
    name: &TopicName,
    error: client::Error,
) -> Error {
    if error.code() != Some(ErrorCode::UnknownTopicOrPartition) {
        return error.into();
    }
    let missing = Error::NotFound(format!("there is no topic {name}"));
    // It's a courtesy: where it fails, the answer stands without.
    let Ok(topics) = admin.list_topics().await else { return missing };
    missing.with_tip(match nearest(name.as_str(), topics.iter().map(|topic| topic.name.as_str())) {
        Some(meant) => format!("did you mean {meant}?"),
        None if topics.is_empty() => {
            format!("there are no topics yet: `ottla topic create {name}` creates this one")
        }
        None => "`ottla topic list` shows the topics there are".to_owned(),
    })
}

/// Whose keys are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    OfTopics,
    OfBrokers,
}

impl Keys {
    fn find(self, name: &str) -> Option<&'static ConfigDef> {
        match self {
            Self::OfTopics => topic_key(name),
            Self::OfBrokers => broker_key(name),
        }
    }

    /// What to write in place of a key that isn't one; none where it is one.
    pub(super) fn instead_of(self, name: &str) -> Option<String> {
        if self.find(name).is_some() {
            return None;
        }
        Some(match self {
            Self::OfTopics => match topic_key_of(name) {
                Some(meant) => format!("{name} is a broker's key; a topic's is {meant}"),
                None => meant(nearest(name, TOPIC_KEYS.iter().map(|def| def.name))),
            },
            Self::OfBrokers => match topic_key(name).and_then(|def| def.synonyms.first()) {
                Some(meant) => format!("{name} is a topic's key; a broker's is {}", meant.0),
                None => meant(nearest(name, broker_keys().map(|def| def.name))),
            },
        })
    }

    /// What may help where one of these settings is refused.
    pub(super) fn on_refusal<'a>(
        self,
        settings: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Option<String> {
        settings.into_iter().find_map(|(name, value)| {
            let Some(def) = self.find(name) else { return self.instead_of(name) };
            if def.parse(value?).is_err() {
                return Some(takes(def));
            }
            match (self, def.update) {
                (Self::OfTopics, _) | (Self::OfBrokers, Update::ClusterWide) => None,
                (Self::OfBrokers, Update::ReadOnly) => Some(format!(
                    "{name} needs a restart: write it into the node's file, or start it with \
                     --set {name}=.."
                )),
                (Self::OfBrokers, Update::PerBroker) => Some(format!(
                    "{name} is set for one broker at a time: `ottla config set broker ID {name}=..`"
                )),
            }
        })
    }
}

/// Adds to a refusal what may help.
pub(super) fn on_refused_configs<'a>(
    keys: Keys,
    settings: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    error: client::Error,
) -> Error {
    let advice = match error.code() {
        Some(ErrorCode::InvalidConfig | ErrorCode::InvalidRequest) => keys.on_refusal(settings),
        _ => None,
    };
    match advice {
        Some(tip) => Error::from(error).with_tip(tip),
        None => error.into(),
    }
}

/// The topic's key whose default a broker's key is.
fn topic_key_of(broker_key: &str) -> Option<&'static str> {
    let gives_default = |def: &&ConfigDef| def.synonyms.iter().any(|own| own.0 == broker_key);
    TOPIC_KEYS.iter().find(gives_default).map(|def| def.name)
}

fn meant(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => "`ottla config describe .. --all` shows the keys there are".to_owned(),
    }
}

/// The values that a key takes, in a sentence.
fn takes(def: &ConfigDef) -> String {
    let kind = match (def.kind, def.valid) {
        (_, Valid::AtLeast(min)) => format!("a number of at least {min}"),
        (_, Valid::Between(min, max)) => format!("a number from {min} to {max}"),
        (_, Valid::OneOf(words) | Valid::OneOfAnyCase(words)) => one_of(words),
        (_, Valid::SubsetOf(words)) => format!("any of {}, separated by commas", words.join(", ")),
        (_, Valid::NonEmpty) => "text".to_owned(),
        (_, Valid::GzipLevel) => "a number from 1 to 9, or -1".to_owned(),
        (_, Valid::ThrottledReplicas) => "* or partition:broker pairs".to_owned(),
        (ConfigType::Boolean, Valid::Any) => "true or false".to_owned(),
        (ConfigType::Int | ConfigType::Short | ConfigType::Long, Valid::Any) => {
            "a whole number".to_owned()
        }
        (ConfigType::Double, Valid::Any) => "a number".to_owned(),
        (ConfigType::List, Valid::Any) => "a list, separated by commas".to_owned(),
        (ConfigType::String | ConfigType::Class | ConfigType::Password, Valid::Any) => {
            "text".to_owned()
        }
    };
    match def.default.filter(|default| !default.is_empty()) {
        Some(default) => format!("{} takes {kind}; its default is {default}", def.name),
        None => format!("{} takes {kind}", def.name),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_recognised() {
        let table = [
            (Keys::OfTopics, "retention.ms", None),
            (Keys::OfTopics, "retntion.ms", Some("did you mean retention.ms?")),
            (
                Keys::OfTopics,
                "log.retention.ms",
                Some("log.retention.ms is a broker's key; a topic's is retention.ms"),
            ),
            (
                Keys::OfBrokers,
                "retention.ms",
                Some("retention.ms is a topic's key; a broker's is log.retention.ms"),
            ),
            (Keys::OfBrokers, "num.partition", Some("did you mean num.partitions?")),
            (
                Keys::OfTopics,
                "colour",
                Some("`ottla config describe .. --all` shows the keys there are"),
            ),
        ];
        for (keys, name, advice) in table {
            assert_eq!(keys.instead_of(name).as_deref(), advice, "{name}");
        }
    }

    #[test]
    fn a_refused_value_is_answered_with_what_the_key_takes() {
        let advice = |name, value| Keys::OfTopics.on_refusal([(name, Some(value))]);
        assert_eq!(advice("retention.ms", "60000"), None);
        let takes = advice("retention.ms", "1h").unwrap();
        assert_eq!(takes, "retention.ms takes a number of at least -1; its default is 604800000");
        let takes = advice("cleanup.policy", "burn").unwrap();
        assert!(takes.contains("any of compact, delete, separated by commas"), "{takes}");
        let takes = advice("compression.type", "rar").unwrap();
        assert!(takes.contains(" or "), "{takes}");
    }
}
