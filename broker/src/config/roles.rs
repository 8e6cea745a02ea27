//! Who a node is: its number and its roles.

use protocol::BrokerId;

use super::{ConfigError, sources::Settings};

/// What a node does in the cluster: at least one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// It stores partitions and serves clients.
    pub broker: bool,
    /// It's a member of the quorum.
    pub controller: bool,
}

impl Roles {
    pub(super) fn of(settings: &Settings) -> Result<Self, ConfigError> {
        let names = settings.list("process.roles");
        let has = |role: &str| names.iter().any(|name| name == role);
        let roles = Self { broker: has("broker"), controller: has("controller") };
        if !roles.broker && !roles.controller {
            return Err(ConfigError::Rule(format!(
                "{}: set it to broker, controller or broker,controller",
                settings.blame("process.roles")
            )));
        }
        Ok(roles)
    }
}

/// `node.id`, or `broker.id` as it was called once.
pub(super) fn node_id(settings: &Settings) -> Result<BrokerId, ConfigError> {
    let old = settings.is_set("broker.id").then(|| settings.number("broker.id"));
    let new = settings.value("node.id").map(|value| value.number());
    match (new, old) {
        (Some(new), Some(old)) if new != old => Err(ConfigError::Rule(format!(
            "{} and {} differ: they are two names of the same key, so drop broker.id",
            settings.blame("node.id"),
            settings.blame("broker.id")
        ))),
        (None, Some(old)) if old < 0 => Err(ConfigError::Rule(format!(
            "{}: it must be at least 0",
            settings.blame("broker.id")
        ))),
        (Some(id), _) | (None, Some(id)) => {
            Ok(BrokerId(i32::try_from(id).expect("both keys are of type int")))
        }
        (None, None) => Err(ConfigError::Rule(
            "node.id isn't set: give every node of the cluster a number of its own".to_owned(),
        )),
    }
}
