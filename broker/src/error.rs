//! The faults of a node: what stops it from starting or going on. Each prints as one line that names
//! what is wrong and, where there is a remedy, the remedy.

use std::{io, path::PathBuf};

/// Why a node can't start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener's address can't be bound.
    #[error("cannot listen on {host}:{port} for listener {listener}: {source}{}", hint(source))]
    Listen {
        /// The listener's name.
        listener: String,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// A log directory can't be used.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A directory was formatted for another cluster or node.
    #[error("{path}: {reason}")]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
        /// What doesn't match, and what to do.
        reason: String,
    },
    /// A directory is formatted, and the store that was formatted before it is gone.
    #[error(
        "the controller's store {path} is gone, but the node was formatted: is metadata.log.dir \
         mounted? Without it the cluster's topics are unknown"
    )]
    StoreLost {
        /// The store.
        path: PathBuf,
    },
    /// A directory isn't formatted, and this node may not do it by itself.
    #[error("{path} is not formatted: run `ottla format --cluster-id ID --config FILE` first")]
    Unformatted {
        /// The directory.
        path: PathBuf,
    },
    /// Whom the quorum is to begin with doesn't fit the configuration.
    #[error("{0}")]
    InitialControllers(String),
    /// The controller can't run.
    #[error(transparent)]
    Controller(#[from] controller::Error),
    /// The store of the metadata can't be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The controller refuses this broker.
    #[error("the controller refuses to register this broker: {0}")]
    Registration(String),
    /// No controller registered the broker in time.
    #[error(
        "no controller registered this broker within {within:?} \
         (initial.broker.registration.timeout.ms): {reason}"
    )]
    NotRegistered {
        /// How long it tried.
        within: std::time::Duration,
        /// Why the last try failed.
        reason: String,
    },
    /// The broker registered and wasn't unfenced.
    #[error(
        "the controller did not take this broker into service within {0:?} \
         (server.max.startup.time.ms)"
    )]
    NotInService(std::time::Duration),
    /// A bug has ended a task without which the node is none.
    #[error("a bug ended {0}: its report is above")]
    Bug(&'static str),
    /// No log directory is left.
    #[error("all log directories have failed: {0}")]
    NoLogDir(String),
    /// The configuration doesn't fit.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
}

fn hint(source: &io::Error) -> &'static str {
    if source.kind() == io::ErrorKind::AddrInUse {
        "; another process listens there: stop it, or choose another port with --set listeners=.."
    } else {
        ""
    }
}
