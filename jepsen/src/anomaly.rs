//! What can be wrong with a history: one file for each, with its definition and its evidence.

use std::fmt;

use crate::facts::Facts;
use crate::op::Key;
use crate::step::{Setback, Skip};

mod aborted_read;
mod duplicate;
mod empty_history;
mod inconsistent_offsets;
mod int_nonmonotonic_poll;
mod int_nonmonotonic_send;
mod int_poll_skip;
mod int_send_skip;
mod lost_write;
mod nonlinearizable_log;
mod nonmonotonic_poll;
mod nonmonotonic_send;
mod phantom_read;
mod poll_skip;
mod precommitted_read;
mod unseen;

pub use aborted_read::AbortedRead;
pub use duplicate::Duplicate;
pub use empty_history::EmptyHistory;
pub use inconsistent_offsets::{InconsistentOffset, Witness};
pub use lost_write::LostWrite;
pub use nonlinearizable_log::{Known, NonlinearizableLog};
pub use phantom_read::PhantomRead;
pub use precommitted_read::PrecommittedRead;
pub use unseen::Unseen;

/// Declares every anomaly once: its name in a history's verdict, what it is told by, and its file.
macro_rules! anomalies {
    ($($(#[$doc:meta])* $anomaly:ident, $name:literal, $file:ident, $evidence:ty;)*) => {
        /// What can be wrong. Ordered by how much of the rest it makes doubtful.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Anomaly {
            $($(#[$doc])* $anomaly,)*
        }

        /// One occurrence of an anomaly, with its evidence.
        #[derive(Debug, Clone)]
        pub enum Finding<'h> {
            $($(#[$doc])* $anomaly($evidence),)*
        }

        impl Anomaly {
            pub const ALL: &'static [Self] = &[$(Self::$anomaly,)*];

            /// Its name in Jepsen's verdicts.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$anomaly => $name,)*
                }
            }

            /// Every occurrence, in an order that the history alone decides.
            #[must_use]
            pub fn find<'h>(self, facts: &Facts<'h>) -> Vec<Finding<'h>> {
                match self {
                    $(Self::$anomaly => {
                        $file::find(facts).into_iter().map(Finding::$anomaly).collect()
                    })*
                }
            }
        }

        impl Finding<'_> {
            #[must_use]
            pub fn anomaly(&self) -> Anomaly {
                match self {
                    $(Self::$anomaly(_) => Anomaly::$anomaly,)*
                }
            }
        }

        /// The evidence, in words.
        impl fmt::Display for Finding<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$anomaly(evidence) => evidence.fmt(f),)*
                }
            }
        }
    };
}

anomalies! {
    /// Nothing was sent or polled: nothing is shown by that.
    EmptyHistory, "empty-transaction-graph", empty_history, EmptyHistory;
    /// An offset holds two values.
    InconsistentOffsets, "inconsistent-offsets", inconsistent_offsets, InconsistentOffset<'h>;
    /// A value is at two offsets.
    Duplicate, "duplicate", duplicate, Duplicate<'h>;
    /// A value was polled that nobody sent.
    PhantomRead, "phantom-read", phantom_read, PhantomRead<'h>;
    /// A value was polled whose send failed.
    AbortedRead, "G1a", aborted_read, AbortedRead<'h>;
    /// An operation polled what it sent itself.
    PrecommittedRead, "precommitted-read", precommitted_read, PrecommittedRead<'h>;
    /// A value that was sent was never polled, though a later one was.
    LostWrite, "lost-write", lost_write, LostWrite<'h>;
    /// A value that was acknowledged was never polled.
    Unseen, "unseen", unseen, Unseen<'h>;
    /// One operation's polls passed over a value.
    IntPollSkip, "int-poll-skip", int_poll_skip, Skip<'h>;
    /// One operation's polls went back.
    IntNonmonotonicPoll, "int-nonmonotonic-poll", int_nonmonotonic_poll, Setback<'h>;
    /// A process's next poll passed over a value.
    PollSkip, "poll-skip", poll_skip, Skip<'h>;
    /// A process's next poll went back.
    NonmonotonicPoll, "nonmonotonic-poll", nonmonotonic_poll, Setback<'h>;
    /// Another's value came between two sends of one operation.
    IntSendSkip, "int-send-skip", int_send_skip, Skip<'h>;
    /// Two sends of one operation are in the log the other way round.
    IntNonmonotonicSend, "int-nonmonotonic-send", int_nonmonotonic_send, Setback<'h>;
    /// Two sends of a process are in the log the other way round.
    NonmonotonicSend, "nonmonotonic-send", nonmonotonic_send, Setback<'h>;
    /// The log did not grow as one that all look at.
    NonlinearizableLog, "nonlinearizable-log", nonlinearizable_log, NonlinearizableLog<'h>;
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Finding<'_> {
    /// The key it is about.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::EmptyHistory(_) => None,
            Self::InconsistentOffsets(evidence) => Some(evidence.key),
            Self::Duplicate(evidence) => Some(evidence.key),
            Self::PhantomRead(evidence) => Some(evidence.key),
            Self::AbortedRead(evidence) => Some(evidence.key),
            Self::PrecommittedRead(evidence) => Some(evidence.key),
            Self::LostWrite(evidence) => Some(evidence.key),
            Self::Unseen(evidence) => Some(evidence.key),
            Self::IntPollSkip(skip) | Self::PollSkip(skip) | Self::IntSendSkip(skip) => {
                Some(skip.key)
            }
            Self::IntNonmonotonicPoll(setback)
            | Self::NonmonotonicPoll(setback)
            | Self::IntNonmonotonicSend(setback)
            | Self::NonmonotonicSend(setback) => Some(setback.key),
            Self::NonlinearizableLog(evidence) => Some(evidence.key()),
        }
    }
}
