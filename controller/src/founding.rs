//! How a quorum of several begins, where the configuration lists its voters (Kafka's
//! `controller.quorum.voters`) and nobody knew the others' directories when the nodes were formatted.
//!
//! A voter is a node with its directory, so the voters ask one another who they are. Two steps lead
//! to the first membership, and each needs an answer of every voter:
//!
//! 1. Who has heard of all promises, on its disk, to begin with these and no others.
//! 2. Who has heard that all have promised the same writes the membership; that is the voter with the
//!    lowest id. The others wait to be spoken to.
//!
//! The promise is for ever. A node that comes back with an empty disk is another voter, and whoever
//! it asks has promised otherwise, even where its log is still empty: it's refused, so it can't vote
//! twice in one term, nor help other empty disks to begin anew. Asking needs all voters once, in the
//! cluster's first seconds, and never again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use client::{Connection, ConnectionOptions, net::Net};
use protocol::{BrokerId, ErrorCode, Stored};
use store::{Batch, Durability, Store};
use tokio::time::{Instant, sleep};

use crate::{Error, VoterEndpoint, VoterKey, keys, raft::Quorum};

/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(50);

/// When the operator is told who is waited for, and how often then. Usually nobody is, for so long.
const TOLD_AFTER: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_secs(5);

protocol::api! {
    key VoterIdentity, versions 0..=0, flexible 0..;

    /// Asks a controller who it is.
    request VoterIdentityRequest {
        /// The cluster of who asks.
        cluster_id: String { 0.. },
        /// Who asks.
        asking: VoterKey { 0.. },
    }

    /// A controller, also one of another cluster, says who it is.
    response VoterIdentityResponse {
        error_code: ErrorCode { 0.. },
        cluster_id: String { 0.. },
        key: VoterKey { 0.. },
        /// The voters that it knows of: those of its log, or those that it promised to begin with.
        /// Empty while it knows none.
        voters: Vec<VoterKey> { 0.. },
        /// Whether the quorum has begun, as far as it knows.
        founded: bool { 0.. },
    }
}

protocol::stored! {
    /// A promise: whom the quorum begins with.
    type 2, versions 0..=0;
    StoredFounders {
        voters: Vec<VoterKey> { 0.. },
    }
}

/// The promise in a store, if one was made.
///
/// # Errors
/// The store's, or a promise that can't be read.
pub(crate) fn promised(store: &dyn Store) -> Result<Option<BTreeSet<VoterKey>>, Error> {
    let Some(bytes) = store.get(keys::FOUNDERS)? else { return Ok(None) };
    let stored = StoredFounders::from_bytes(Bytes::from(bytes))
        .map_err(|source| Error::Value { what: "first voters", source })?;
    Ok(Some(stored.voters.into_iter().collect()))
}

fn promise(store: &dyn Store, voters: &BTreeSet<VoterKey>) -> Result<(), Error> {
    let stored = StoredFounders { voters: voters.iter().copied().collect() };
    let mut batch = Batch::new();
    batch.put(keys::FOUNDERS, stored.to_bytes());
    Ok(store.write(batch, Durability::Synced)?)
}

/// A voter that looks for the others.
pub(crate) struct Founding {
    pub cluster_id: Arc<str>,
    pub key: VoterKey,
    /// All voters of the configuration, this one among them.
    pub listed: BTreeMap<BrokerId, VoterEndpoint>,
    pub quorum: Arc<Quorum>,
    pub store: Arc<dyn Store>,
    pub net: Arc<dyn Net>,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Founding {
    /// Asks until the quorum has begun. A refusal stops the quorum here, for good.
    pub(crate) async fn run(self) {
        if let Err(error) = self.until_founded().await {
            tracing::error!("{error}");
            self.quorum.give_up(error);
        }
    }

    async fn until_founded(&self) -> Result<(), Error> {
        let mut tell_at = Instant::now() + TOLD_AFTER;
        while !self.quorum.is_founded().await? {
            let promised = promised(&*self.store)?;
            let (answers, silent) = self.ask_all().await;
            let step = next_step(&self.cluster_id, self.key, promised, &answers, silent)?;
            match step {
                Step::Wait(for_whom) if Instant::now() >= tell_at => {
                    tell_at = Instant::now() + TOLD_EVERY;
                    tracing::info!("the quorum hasn't begun yet, and waits for {for_whom}");
                }
                Step::Wait(_) => {}
                Step::Promise(voters) => {
                    promise(&*self.store, &voters)?;
                    continue;
                }
                Step::Found(voters) => return self.found(&voters).await,
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn found(&self, voters: &BTreeSet<VoterKey>) -> Result<(), Error> {
        let endpoint = |key: &VoterKey| self.listed[&key.node_id].clone();
        let voters: BTreeMap<_, _> = voters.iter().map(|key| (*key, endpoint(key))).collect();
        tracing::info!("the quorum begins with {}", listed(voters.keys().map(|key| key.node_id)));
        self.quorum.found(voters).await
    }

    /// Who answers says who it is. Returns the others of the list too.
    async fn ask_all(&self) -> (BTreeMap<BrokerId, VoterIdentityResponse>, BTreeSet<BrokerId>) {
        let (mut answers, mut silent) = (BTreeMap::new(), BTreeSet::new());
        let asked = self.listed.iter().map(|(id, at)| async move { (*id, self.ask(at).await) });
        for (id, answer) in futures_util::future::join_all(asked).await {
            match answer {
                Ok(answer) if answer.error_code.is_none() => {
                    answers.insert(id, answer);
                }
                Ok(answer) => {
                    tracing::debug!(voter = %id, error = %answer.error_code, "no answer");
                    silent.insert(id);
                }
                Err(error) => {
                    tracing::debug!(voter = %id, %error, "no answer");
                    silent.insert(id);
                }
            }
        }
        // Nobody needs to reach itself to know who it is.
        silent.remove(&self.key.node_id);
        (answers, silent)
    }

    async fn ask(&self, at: &VoterEndpoint) -> Result<VoterIdentityResponse, client::Error> {
        let options = ConnectionOptions {
            client_id: Some("ottla-controller".to_owned()),
            connect_timeout: self.timeout,
            request_timeout: self.timeout,
            ..ConnectionOptions::default()
        };
        let connection = Connection::open(&*self.net, &at.host, at.port, &options).await?;
        let request =
            VoterIdentityRequest { cluster_id: self.cluster_id.to_string(), asking: self.key };
        connection.call(&request).await
    }
}

/// What a voter does next, as far as it was answered.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// For whom, in words.
    Wait(String),
    /// Write down that these are the first voters.
    Promise(BTreeSet<VoterKey>),
    /// All have promised: write the first membership.
    Found(BTreeSet<VoterKey>),
}

/// Decides. `answers` are those of the listed voters by their ids, perhaps this one's own; `silent`
/// are the others that didn't answer.
fn next_step(
    cluster_id: &str,
    own: VoterKey,
    promised: Option<BTreeSet<VoterKey>>,
    answers: &BTreeMap<BrokerId, VoterIdentityResponse>,
    silent: BTreeSet<BrokerId>,
) -> Result<Step, Error> {
    for (listed, answer) in answers {
        check(cluster_id, own, *listed, answer)?;
    }
    let others = || answers.iter().filter(|(id, _)| **id != own.node_id).map(|(_, other)| other);
    if others().any(|other| other.founded) {
        return Ok(Step::Wait("the leader of the voters that have begun it".to_owned()));
    }
    if !silent.is_empty() {
        return Ok(Step::Wait(format!("controller {}", listed(silent))));
    }
    let all: BTreeSet<_> = others().map(|other| other.key).chain([own]).collect();
    let Some(promised) = promised else { return Ok(Step::Promise(all)) };
    if let Some(other) = all.iter().find(|key| !promised.contains(key)) {
        return Ok(Step::Wait(format!(
            "controller {} with the disk that it had: it has lost its directory",
            other.node_id
        )));
    }
    let has_promised =
        |other: &VoterIdentityResponse| other.voters.iter().copied().eq(all.iter().copied());
    if let Some(other) = others().find(|other| !has_promised(other)) {
        return Ok(Step::Wait(format!(
            "controller {} to have asked all others",
            other.key.node_id
        )));
    }
    let first = *all.first().expect("this voter is among them");
    if first == own {
        return Ok(Step::Found(all));
    }
    Ok(Step::Wait(format!("controller {} to begin it", first.node_id)))
}

/// Whether an answer leaves this node its place in the quorum.
fn check(
    cluster_id: &str,
    own: VoterKey,
    listed: BrokerId,
    answer: &VoterIdentityResponse,
) -> Result<(), Error> {
    let other = answer.key.node_id;
    if answer.cluster_id != cluster_id {
        return Err(Error::MismatchedCluster {
            controller: listed,
            theirs: answer.cluster_id.clone(),
            own: cluster_id.to_owned(),
        });
    }
    if other != listed {
        return Err(Error::MisplacedVoter { listed, found: other });
    }
    if other == own.node_id && answer.key != own {
        return Err(Error::TakenNodeId { id: other });
    }
    if answer.voters.is_empty() || answer.voters.contains(&own) {
        return Ok(());
    }
    let known = answer.voters.iter().find(|voter| voter.node_id == own.node_id);
    Err(match known {
        Some(known) => Error::ForgottenVoter {
            id: own.node_id,
            own: own.directory_id,
            known: known.directory_id,
            told_by: other,
        },
        None => Error::UnknownVoter {
            id: own.node_id,
            voters: self::listed(answer.voters.iter().map(|voter| voter.node_id)),
            told_by: other,
        },
    })
}

fn listed(ids: impl IntoIterator<Item = BrokerId>) -> String {
    let ids: Vec<_> = ids.into_iter().map(|id| id.to_string()).collect();
    ids.join(", ")
}

#[cfg(test)]
mod tests;
