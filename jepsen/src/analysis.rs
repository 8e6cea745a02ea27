//! The verdict on a history: all that is wrong with it, and what of that the test allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::anomaly::{Anomaly, Finding};
use crate::facts::Facts;
use crate::history::History;
use crate::op::Key;

/// How many findings of one anomaly a verdict shows in words.
const SHOWN_MAX: usize = 8;

/// What kind of test it was.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub sub_via: SubVia,
    /// What this test cannot exclude: duplicates, where producers aren't idempotent; lost writes,
    /// where they don't wait for all replicas.
    pub tolerated: BTreeSet<Anomaly>,
}

/// How consumers come by their partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubVia {
    /// They choose them.
    #[default]
    Assign,
    /// Their group does, and may choose anew between any two operations.
    Subscribe,
}

impl Options {
    /// Whether a test like this may show an anomaly and be valid.
    #[must_use]
    pub fn allow(&self, anomaly: Anomaly) -> bool {
        let by_kind = match anomaly {
            Anomaly::IntSendSkip => true,
            Anomaly::PollSkip | Anomaly::NonmonotonicPoll => self.sub_via == SubVia::Subscribe,
            _ => false,
        };
        by_kind || self.tolerated.contains(&anomaly)
    }
}

/// Findings by anomaly. None is empty.
pub type Findings<'h> = BTreeMap<Anomaly, Vec<Finding<'h>>>;

/// What is wrong with a history.
#[derive(Debug, Clone)]
pub struct Verdict<'h> {
    /// What must not be.
    pub errors: Findings<'h>,
    /// What may be, in a test like this.
    pub allowed: Findings<'h>,
    /// The keys with inconsistent offsets or duplicates, in whose log values have no certain
    /// place: what else is found of them may be a consequence.
    pub suspect: BTreeSet<Key>,
}

/// Judges a history.
#[must_use]
pub fn analysis<'h>(history: &'h History, options: &Options) -> Verdict<'h> {
    let facts = Facts::of(history);
    let (mut errors, mut allowed) = (Findings::new(), Findings::new());
    for &anomaly in Anomaly::ALL {
        let found = anomaly.find(&facts);
        if !found.is_empty() {
            let findings = if options.allow(anomaly) { &mut allowed } else { &mut errors };
            findings.insert(anomaly, found);
        }
    }
    let mut verdict = Verdict { errors, allowed, suspect: BTreeSet::new() };
    let unsettled = [Anomaly::InconsistentOffsets, Anomaly::Duplicate];
    let keys = unsettled.into_iter().flat_map(|anomaly| verdict.found(anomaly));
    verdict.suspect = keys.filter_map(Finding::key).collect();
    verdict
}

impl<'h> Verdict<'h> {
    /// Whether nothing was found that must not be.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether every key behaved as one log at which everybody looks, whatever the test allows.
    #[must_use]
    pub fn linearizable(&self) -> bool {
        let against =
            [Anomaly::InconsistentOffsets, Anomaly::Duplicate, Anomaly::NonlinearizableLog];
        against.into_iter().all(|anomaly| self.found(anomaly).is_empty())
    }

    /// All findings of an anomaly, allowed or not.
    #[must_use]
    pub fn found(&self, anomaly: Anomaly) -> &[Finding<'h>] {
        let findings = self.errors.get(&anomaly).or_else(|| self.allowed.get(&anomaly));
        findings.map_or(&[], Vec::as_slice)
    }
}

/// For a person: the worst first, a few of each.
impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid() { "valid" } else { "invalid" })?;
        for (findings, note) in [(&self.errors, ""), (&self.allowed, ", allowed")] {
            for (anomaly, found) in findings {
                write!(f, "\n{anomaly}: {}{note}", found.len())?;
                for finding in found.iter().take(SHOWN_MAX) {
                    let suspect = finding.key().is_some_and(|key| self.suspect.contains(&key));
                    let doubtful = suspect && *anomaly > Anomaly::Duplicate;
                    write!(f, "\n {finding}{}", if doubtful { "\n  (a suspect key)" } else { "" })?;
                }
                if found.len() > SHOWN_MAX {
                    write!(f, "\n and {} more", found.len() - SHOWN_MAX)?;
                }
            }
        }
        Ok(())
    }
}
