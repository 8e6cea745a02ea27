//! The options that name a configuration, and the door by which the file comes in.
#![allow(clippy::disallowed_methods)] // It's read once, before there is anything to simulate.

use std::{fs, path::PathBuf};

use clap::Args;

use crate::config::{BrokerConfig, ConfigError, Loaded, Sources};

use super::Process;

/// Where a node's configuration comes from.
#[derive(Debug, Args)]
pub(super) struct Configuration {
    /// A file like Kafka's server.properties. Without one, the node is a cluster of its own on
    /// 127.0.0.1:9092, with its data in ./data.
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set a key, over the file and the environment. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
    /// Refuse keys that nobody knows instead of warning of them.
    #[arg(long)]
    pub(super) strict: bool,
}

impl Configuration {
    pub(super) fn load(&self, process: &Process) -> Result<Loaded, ConfigError> {
        let read = |path: &PathBuf| match fs::read_to_string(path) {
            Ok(text) => Ok((path.clone(), text)),
            Err(source) => Err(ConfigError::Read { path: path.clone(), source }),
        };
        BrokerConfig::load(&Sources {
            file: self.config.as_ref().map(read).transpose()?,
            environment: process.environment.clone(),
            sets: self.sets.clone(),
            strict: self.strict,
            hostname: process.hostname.clone(),
        })
    }
}
