//! Why a node can't start with the configuration that it was given: always one line that names
//! the key, the value and what to do.

use std::{fmt, io, path::PathBuf};

use metadata::config::InvalidConfig;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file isn't in Java's properties format.
    #[error("{}, line {line}: a \\u needs four hexadecimal digits", path.display())]
    BadEscape {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
    },
    /// A command line's setting has no `=`.
    #[error("--set {0}: write it as --set key=value")]
    NoValue(String),
    /// A key is unknown, and looks like a known one or was asked to be an error.
    #[error("unknown key {key} ({origin}){}", hint(.meant))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// The known key that it looks like.
        meant: Option<&'static str>,
    },
    /// A key doesn't accept its value.
    #[error("{invalid} ({origin})")]
    Invalid {
        /// What is wrong.
        invalid: InvalidConfig,
        /// Where it was set.
        origin: Origin,
    },
    /// Two keys contradict each other, or one is missing.
    #[error("{0}")]
    Rule(String),
}

fn hint(meant: &Option<&'static str>) -> String {
    match meant {
        Some(meant) => format!(": did you mean {meant}?"),
        None => ": --strict accepts known keys only".to_owned(),
    }
}

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the file, on this line.
    File(PathBuf, usize),
    /// By this environment variable.
    Environment(String),
    /// By `--set`.
    CommandLine,
    /// By nobody: what a node without a file starts with.
    SingleNode,
    /// By nobody: the key's default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::CommandLine => f.write_str("--set"),
            Self::SingleNode => f.write_str("default of a node without --config"),
            Self::Default => f.write_str("default"),
        }
    }
}
