//! What was reached: how often a run came to the places that are worth coming to. A campaign that
//! never gets to one of them proves nothing about it.

use std::collections::BTreeMap;

/// How often each place was reached, by its name.
pub type Reached = BTreeMap<&'static str, u64>;

macro_rules! places {
    ($( $(#[$doc:meta])* $name:ident = $text:literal; )*) => {
        $( $(#[$doc])* pub const $name: &str = $text; )*

        /// All places that the observer itself knows of.
        pub const ALL: &[&str] = &[$( $name ),*];
    };
}

places! {
    /// A leader was told that it leads no more, with records that not all had.
    LEADER_DEPOSED_WITH_UNCOMMITTED = "a leader is deposed with records uncommitted";
    /// It must not trust its own high watermark before followers have fetched.
    NEW_LEADER_LAGS_HIGH_WATERMARK = "a new leader's high watermark is below its epoch's start";
    /// A follower cut off records.
    TRUNCATION = "a follower truncates";
    /// KIP-279: one question about one epoch isn't enough.
    TRUNCATION_OVER_EPOCHS = "a follower truncates over two epochs";
    /// Fewer are in sync.
    ISR_SHRUNK = "the ISR shrinks";
    /// Only one is in sync, of several.
    ISR_SHRUNK_TO_ONE = "the ISR shrinks to one";
    /// More are in sync.
    ISR_EXPANDED = "the ISR expands";
    /// Kafka's proposal of other in-sync replicas.
    ISR_PROPOSED = "a leader proposes an ISR";
    /// Nobody leads.
    LEADERLESS = "a partition has no leader";
    /// A replica leads that wasn't in sync but eligible (KIP-966).
    ELIGIBLE_ELECTED = "an eligible replica is elected";
    /// Whoever led last leads again, though it may have lost something (KIP-966).
    LAST_KNOWN_ELECTED = "the last known leader is elected";
    /// A replica leads that nobody knows to have everything.
    UNCLEAN_ELECTED = "a leader is elected uncleanly";
    /// And committed records are gone.
    COMMITTED_LOST = "an election loses committed records";
    /// acks=1 is worth as much.
    ACKS_ONE_LOST = "a record acknowledged by its leader alone is lost";
    /// A leader that isn't one any more goes on.
    ZOMBIE_APPENDS = "a deposed leader appends";
    /// A leader that isn't one any more moves its high watermark.
    ZOMBIE_COMMITS = "a deposed leader moves its high watermark";
    /// What wasn't synced is gone.
    POWER_LOSS_TOOK_RECORDS = "a power loss takes records";
    /// Something is found that nobody was told of: the process died in between.
    DIED_IN_AN_APPEND = "a process dies between writing a batch and saying so";
    /// A controller starts from a snapshot or its store.
    CONTROLLER_RESTORED = "a controller restores an image";
    /// Another controller is the active one.
    CONTROLLER_FAILOVER = "another controller becomes active";
    /// A broker is out.
    BROKER_FENCED = "a broker is fenced";
    /// A broker came back as another incarnation.
    BROKER_RETURNED = "a broker registers again";
    /// The same name, another topic.
    TOPIC_RECREATED = "a topic is created again under its name";
    /// A broker will find out later.
    TOPIC_DELETED_BEHIND_A_BROKER = "a topic is deleted while a replica is down";
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Coverage(Reached);

impl Coverage {
    pub(crate) fn reach(&mut self, place: &'static str) {
        *self.0.entry(place).or_default() += 1;
    }

    pub(crate) fn reach_if(&mut self, condition: bool, place: &'static str) {
        if condition {
            self.reach(place);
        }
    }

    pub(crate) fn reached(&self) -> &Reached {
        &self.0
    }
}
