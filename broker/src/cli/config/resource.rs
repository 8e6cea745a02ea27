//! What has a configuration, as the command line names it.
//!
//! Ours: `topic orders`, `broker 1`, `cluster` for all brokers. Kafka's: `--entity-type topics
//! --entity-name orders`, `--entity-type brokers --entity-default`.

use clap::Args;
use client::ConfigResource;
use protocol::BrokerId;

use crate::cli::{Error, advice::Keys};

/// Whose keys a resource has.
pub(super) fn keys(resource: &ConfigResource) -> Keys {
    match resource {
        ConfigResource::Topic(_) => Keys::OfTopics,
        ConfigResource::Broker(_) | ConfigResource::EveryBroker => Keys::OfBrokers,
    }
}

/// The resource and what follows it: keys, or settings.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// `topic NAME`, `broker ID` or `cluster` (all brokers), and then the keys.
    #[arg(value_name = "RESOURCE", required_unless_present = "entity_type", num_args = 1..)]
    words: Vec<String>,
    /// topics or brokers, as Kafka's tool has it.
    #[arg(long, value_name = "TYPE", hide_short_help = true)]
    entity_type: Option<String>,
    /// The topic's name or the broker's id.
    #[arg(long, value_name = "NAME", requires = "entity_type", hide_short_help = true)]
    entity_name: Option<String>,
    /// All brokers.
    #[arg(long, requires = "entity_type", conflicts_with = "entity_name", hide_short_help = true)]
    entity_default: bool,
}

impl Target {
    /// The resource, and the words that follow it.
    pub(super) fn read(&self) -> Result<(ConfigResource, &[String]), Error> {
        if let Some(kind) = &self.entity_type {
            let name = self.entity_name.as_deref();
            return Ok((resource(kind, name, self.entity_default)?, &self.words));
        }
        let (kind, rest) = self.words.split_first().expect("the command line requires one");
        match kind.as_str() {
            "cluster" => Ok((ConfigResource::EveryBroker, rest)),
            _ => match rest.split_first() {
                Some((name, rest)) => Ok((resource(kind, Some(name), false)?, rest)),
                None => Ok((resource(kind, None, false)?, rest)),
            },
        }
    }
}

fn resource(kind: &str, name: Option<&str>, is_default: bool) -> Result<ConfigResource, Error> {
    match (kind, name) {
        ("topic" | "topics", Some(name)) => Ok(ConfigResource::Topic(name.into())),
        ("topic" | "topics", None) => {
            Err(Error::Usage("which topic?".to_owned()).with_tip("write `topic NAME`"))
        }
        ("broker" | "brokers", Some(name)) => {
            let id = name.parse().map_err(|_| {
                Error::Usage(format!("{name} is no broker's id: ids are whole numbers"))
                    .with_tip("`ottla cluster` shows the brokers there are")
            })?;
            Ok(ConfigResource::Broker(BrokerId(id)))
        }
        ("broker" | "brokers", None) if is_default => Ok(ConfigResource::EveryBroker),
        ("broker" | "brokers", None) => Err(Error::Usage("which broker?".to_owned())
            .with_tip("write `broker ID` for one of them, `cluster` for all")),
        _ => Err(Error::Usage(format!("{kind} has no configuration here"))
            .with_tip("write `topic NAME`, `broker ID`, or `cluster` for all brokers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(words: &[&str]) -> Target {
        Target {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            entity_type: None,
            entity_name: None,
            entity_default: false,
        }
    }

    #[test]
    fn a_resource_is_named_in_words() {
        let read = |words: &[&str]| {
            let target = target(words);
            let (resource, rest) = target.read().map_err(|error| error.to_string())?;
            Ok((resource.to_string(), rest.to_vec()))
        };
        let named = |name: &str, rest: &[&str]| {
            Ok::<_, String>((name.to_owned(), rest.iter().map(|&w| w.to_owned()).collect()))
        };
        assert_eq!(read(&["topic", "orders", "a=1"]), named("topic orders", &["a=1"]));
        assert_eq!(read(&["broker", "1"]), named("broker 1", &[]));
        assert_eq!(read(&["cluster", "a", "b"]), named("every broker", &["a", "b"]));
        for words in [&["topic"][..], &["broker"], &["broker", "one"], &["user", "alice"]] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn kafkas_spelling_is_understood() {
        let mut target = target(&["a=1"]);
        target.entity_type = Some("brokers".to_owned());
        target.entity_default = true;
        let (resource, rest) = target.read().unwrap();
        assert_eq!((resource, rest), (ConfigResource::EveryBroker, &["a=1".to_owned()][..]));
    }
}
