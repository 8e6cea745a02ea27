//! Why a command failed: what it was, how the process ends, and what may help.

use std::io;

use protocol::ErrorCode;

use crate::config;

use super::exit::Exit;

/// Why a command failed, in one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// What was named isn't there.
    #[error("{0}")]
    NotFound(String),
    /// The node can't start, or had to stop.
    #[error(transparent)]
    Node(#[from] crate::Error),
    /// The cluster can't be reached, or refuses.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The process lacks what every command needs.
    #[error("can't start the process's threads: {0}")]
    Process(io::Error),
    /// The input can't be read.
    #[error("can't read the input: {0}")]
    Input(io::Error),
    /// The output can't be written.
    #[error("can't write the output: {0}")]
    Output(#[from] io::Error),
    /// A signal came before the command was done.
    #[error("interrupted")]
    Interrupted,
    /// Something of which the command knows what may help.
    #[error("{error}")]
    Advised {
        /// What failed.
        error: Box<Self>,
        /// What may help: a line that can be done.
        tip: String,
    },
}

impl Error {
    /// The same, with a line about what may help.
    #[must_use]
    pub fn with_tip(self, tip: impl Into<String>) -> Self {
        Self::Advised { error: Box::new(self), tip: tip.into() }
    }

    /// What may help, if anything is known to.
    #[must_use]
    pub fn tip(&self) -> Option<&str> {
        match self {
            Self::Advised { tip, .. } => Some(tip),
            _ => None,
        }
    }

    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::Usage(_)
            | Self::Node(crate::Error::Config(_) | crate::Error::InitialControllers(_)) => {
                Exit::Usage
            }
            Self::NotFound(_) => Exit::NotFound,
            Self::Client(error) => error.code().map_or(Exit::Fault, of_answer),
            Self::Node(_) | Self::Process(_) | Self::Input(_) | Self::Output(_) => Exit::Fault,
            Self::Interrupted => Exit::Interrupted,
            Self::Advised { error, .. } => error.exit(),
        }
    }
}

/// Whose business a broker's error is.
fn of_answer(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::UnknownTopicId
        | ErrorCode::BrokerIdNotRegistered => Exit::NotFound,
        ErrorCode::InvalidConfig
        | ErrorCode::InvalidPartitions
        | ErrorCode::InvalidReplicaAssignment
        | ErrorCode::InvalidReplicationFactor
        | ErrorCode::InvalidTopicException => Exit::Usage,
        _ => Exit::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_does_not_change_how_the_process_ends() {
        let error = Error::NotFound("there is no topic ordres".to_owned());
        let advised = error.with_tip("did you mean orders?");
        assert_eq!(advised.to_string(), "there is no topic ordres");
        assert_eq!(advised.tip(), Some("did you mean orders?"));
        assert_eq!(advised.exit(), Exit::NotFound);
    }

    #[test]
    fn a_brokers_refusal_of_what_was_written_is_a_matter_of_usage() {
        let answer = |code| {
            Error::Client(client::Error::Answer { subject: "topic t".into(), code, message: None })
        };
        assert_eq!(answer(ErrorCode::InvalidConfig).exit(), Exit::Usage);
        assert_eq!(answer(ErrorCode::UnknownTopicOrPartition).exit(), Exit::NotFound);
        assert_eq!(answer(ErrorCode::NotController).exit(), Exit::Fault);
    }
}
