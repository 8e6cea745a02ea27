//! Planted bugs: a switch beside each rule that others got wrong, for the simulator to throw.
//!
//! `if bug!(R1) { .. }` asks whether one is armed. It's a constant `false` except in the
//! simulator's own build, so that production contains neither the switches nor what is behind
//! them. What each bug does, who had it and what catches it is told where the simulator is.

/// Asks whether a planted bug is armed: `bug!(R1)`.
#[macro_export]
macro_rules! bug {
    ($name:ident) => {
        $crate::Bug::$name.is_armed()
    };
}

macro_rules! bugs {
    ($( $(#[$doc:meta])* $name:ident, )+) => {
        /// A bug that can be planted, by its number in the collection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $( $(#[$doc])* $name, )+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$name, )+];
        }
    };
}

bugs! {
    /// A follower truncates to its own high watermark.
    R1,
    /// A leader drops replicas from its in-sync ones before the controller has decided.
    R2,
    /// The high watermark forgets replicas that were proposed and not yet decided.
    R3,
    /// The last replica standing commits alone, and leads again whatever it lost.
    R4,
    /// The controller lets a broker's stale registration into the in-sync replicas.
    R5,
    /// The end of an epoch that isn't known is that of a later one.
    R6,
    /// A leader doesn't ask in which epoch a follower fetches.
    R7,
    /// A follower is in sync before it has reached the start of the leader's epoch.
    R8,
    /// A follower appends what an earlier leader answered.
    R9,
    /// Whether enough replicas are in sync is asked when a batch is appended, and not again.
    R10,
    /// A replica is elected that isn't in sync, though nobody allowed it.
    R12,
    /// A log is found by its topic's name, whosever it was.
    R16,
    /// acks=all is answered when the leader has it.
    R17,
    /// A vote is answered before it's synced.
    Q1,
    /// An entry of the quorum's log is acknowledged before it's synced.
    Q2,
    /// The state of the quorum and how far it's applied are written apart.
    Q8,
    /// A controller answers as active without asking the quorum.
    Q10,
    /// A controller acts on what isn't committed yet.
    Q11,
    /// A broker that comes back quickly is taken for the one that left.
    Q13,
    /// Recovery believes in the length of a file.
    S1,
    /// The recovery point is ahead of what is synced.
    S2,
    /// An index isn't truncated with its log.
    S3,
    /// Nobody checks the checksum of what is replicated.
    S5,
    /// Only the last batch of a producer is remembered.
    T3,
    /// What is known of producers isn't rebuilt from the log.
    T4,
}

#[cfg(not(museum))]
impl Bug {
    /// Whether it's armed: never.
    #[inline(always)]
    #[must_use]
    pub const fn is_armed(self) -> bool {
        false
    }
}

#[cfg(museum)]
mod armed {
    use std::cell::Cell;

    use super::Bug;

    // A run of the simulator has a thread of its own.
    thread_local! {
        static ARMED: Cell<Option<Bug>> = const { Cell::new(None) };
        static MET: Cell<u64> = const { Cell::new(0) };
    }

    impl Bug {
        /// Whether it's armed on this thread.
        #[must_use]
        pub fn is_armed(self) -> bool {
            let is_armed = ARMED.get() == Some(self);
            if is_armed {
                MET.set(MET.get() + 1);
            }
            is_armed
        }

        /// Arms a bug on this thread, or none.
        pub fn arm(bug: Option<Self>) {
            ARMED.set(bug);
            MET.set(0);
        }

        /// How often the armed bug was asked for. One that nobody meets, nobody can notice.
        #[must_use]
        pub fn times_met() -> u64 {
            MET.get()
        }
    }
}

#[cfg(all(test, not(museum)))]
mod tests {
    use super::Bug;

    #[test]
    fn outside_of_the_simulation_no_bug_is_armed() {
        const { assert!(!Bug::R1.is_armed()) };
        assert!(!Bug::ALL.iter().any(|bug| bug.is_armed()) && !crate::bug!(R17));
    }
}
