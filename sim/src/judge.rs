//! The judge of what clients saw: Jepsen's checkers over the history of every run. It knows what was
//! asked and answered, and nothing of any node.
//!
//! How much a history may show follows from what was promised, record by record and log by log:
//!
//! - What promised nothing counts as an operation of unknown outcome: a record that fewer replicas
//!   acknowledged than had to keep it ([`Pledge`]). What was read of it is judged like all else, as
//!   only what stays is given out.
//! - A record of a producer that isn't idempotent may be there twice.
//! - Where anything may be lost again, logs may have been others before, for whoever read them.
//! - What nobody saw is missed only in logs that were read to their ends when all had been sent.

mod translation;

use std::fmt;

use anyhow::{Context, Result};
use jepsen::{Anomaly, Finding, Options};
use protocol::TopicPartition;

use self::translation::Translation;
use crate::{
    invariant::Violation,
    workload::history::{Account, Pledge},
};

/// How much of the evidence is told.
const SHOWN_MAX: usize = 3;

/// What a log may show of which anything may be lost again: it's another one after a loss.
const OF_LOSSES: &[Anomaly] = &[
    Anomaly::InconsistentOffsets,
    Anomaly::Duplicate,
    Anomaly::NonlinearizableLog,
    Anomaly::PollSkip,
    Anomaly::NonmonotonicPoll,
];

/// What only those can tell who have read everything.
const OF_THE_UNSEEN: &[Anomaly] = &[Anomaly::LostWrite, Anomaly::Unseen];

/// What clients were told, as Jepsen writes it down, and what of it must not be.
#[derive(Clone, Debug)]
pub struct Testimony {
    history: jepsen::History,
    charges: Vec<Charge>,
}

/// What is wrong, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Jepsen's name of it.
    pub anomaly: Anomaly,
    /// Of which log, if it's about one.
    pub partition: Option<TopicPartition>,
    /// The evidence.
    pub evidence: String,
}

impl Testimony {
    /// Hears what clients have to say, and judges it.
    ///
    /// # Errors
    /// It's no history: a client did what clients must not do.
    pub fn hear(account: &Account) -> Result<Self> {
        let translation = Translation::of(account).context("what clients did is no history")?;
        let mut charges = Vec::new();
        // Somebody who did nothing can't complain.
        if !translation.history.ops().is_empty() {
            let verdict = jepsen::analysis(&translation.history, &Options::default());
            let findings = verdict.errors.values().flatten();
            let findings = findings.filter(|finding| !is_excused(finding, account, &translation));
            charges.extend(findings.map(|finding| Charge::of(finding, &translation)));
        }
        Ok(Self { history: translation.history, charges })
    }

    /// The history as Jepsen has it: what promised nothing ends in it as unknown.
    #[must_use]
    pub fn history(&self) -> &jepsen::History {
        &self.history
    }

    /// The names of what is wrong, the worst first; none if all is well.
    #[must_use]
    pub fn anomalies(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.charges.iter().map(|charge| charge.anomaly.name()).collect();
        names.dedup();
        names
    }

    /// The worst of what is wrong, and how much of the same there is.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        let Charge { anomaly, partition, .. } = self.charges.first()?;
        let same = self.charges.iter().filter(|charge| charge.anomaly == *anomaly);
        let evidence: Vec<_> = same.map(|charge| charge.evidence.as_str()).collect();
        let shown = evidence[..evidence.len().min(SHOWN_MAX)].join("\n");
        let details = format!("clients saw it {} times: {shown}", evidence.len());
        Some(Violation { property: anomaly.name(), partition: partition.clone(), details })
    }

    /// All that is wrong.
    #[must_use]
    pub fn charges(&self) -> &[Charge] {
        &self.charges
    }
}

impl Charge {
    fn of(finding: &Finding<'_>, translation: &Translation) -> Self {
        let partition = finding.key().map(|key| translation.partition(key).clone());
        Self { anomaly: finding.anomaly(), partition, evidence: finding.to_string() }
    }
}

impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.anomaly, self.evidence)
    }
}

/// Whether less was promised than what a finding misses.
fn is_excused(finding: &Finding<'_>, account: &Account, translation: &Translation) -> bool {
    let Some(key) = finding.key() else { return false };
    let partition = translation.partition(key);
    let anomaly = finding.anomaly();
    if OF_LOSSES.contains(&anomaly) && account.pledge_of(&partition.topic) == Pledge::Nothing {
        return true;
    }
    if OF_THE_UNSEEN.contains(&anomaly) && !account.is_read_to_the_end(partition) {
        return true;
    }
    matches!(finding, Finding::Duplicate(found) if !translation.is_idempotent(found.value))
}

#[cfg(test)]
mod tests;
