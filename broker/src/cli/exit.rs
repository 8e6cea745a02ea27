//! How a command ends, as scripts see it. These numbers are an interface: they never change.

use std::process::ExitCode;

/// The end of `ottla --help`.
pub(super) const HELP: &str = "\
Exit codes:
  0    done
  1    the cluster or the machine is at fault, or the cluster refuses
  2    the command line or a configuration has to be written otherwise
  3    what the command names does not exist
  130  interrupted before it was done

Environment:
  OTTLA_BOOTSTRAP  brokers to find the cluster through, for want of --bootstrap
  NO_COLOR         no colours, also on terminals";

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// The cluster or the machine is at fault, or the cluster refuses: the same may succeed later.
    Fault,
    /// The caller has to write something else. As clap exits for a wrong command line.
    Usage,
    /// The topic, broker or key that the command names isn't there.
    NotFound,
    /// Stopped by a signal before it was done. As a shell has it for SIGINT.
    Interrupted,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Fault => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_in_the_help() {
        let all = [Exit::Done, Exit::Fault, Exit::Usage, Exit::NotFound, Exit::Interrupted];
        let documented: Vec<u8> = HELP
            .lines()
            .skip(1)
            .map_while(|line| line.split_whitespace().next()?.parse().ok())
            .collect();
        assert_eq!(documented, all.map(Exit::code));
    }
}
