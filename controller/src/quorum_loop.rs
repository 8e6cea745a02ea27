//! The quorum loop: takes requests from a queue, decides them, proposes, answers.
//!
//! One proposal is open at a time. The loop drains its queue; each request is decided on a scratch
//! image that holds what the earlier ones decided; all their records are one entry of the log, and
//! all are answered when it's applied. So every decision sees exactly what was decided before it,
//! and a slow disk makes larger batches instead of a longer queue.
//!
//! An entry names the image that it was decided on. Should another leader have changed that image
//! meanwhile, applying it does nothing, here and on every other node, and its callers hear
//! NOT_CONTROLLER as if it had never been proposed.

use std::{collections::VecDeque, sync::Arc};

use client::door::{Clock, Entropy};
use metadata::{
    ClusterImage, DecideContext, Decision, Event, LeaderChange, MetadataRecord, MetadataVersion,
    RecordBatch, Settings,
};
use protocol::{BrokerId, ErrorCode, bug};
use tokio::sync::{mpsc, oneshot};

use crate::{
    decision_counts::DecisionCounter,
    published::Published,
    raft::{Outcome, Proposal, Quorum, Rejected, Stamp},
};

/// How many requests wait for the loop; whoever comes next waits for room.
const REQUESTS_QUEUED_MAX: usize = 1024;
/// How many requests one entry of the log holds at most.
const REQUESTS_PER_PROPOSAL_MAX: usize = 256;
/// No further request joins an entry that has this many records: a large one delays all behind it.
const RECORDS_PER_PROPOSAL_MAX: usize = 10_000;

/// Where requests enter.
#[derive(Clone, Debug)]
pub(crate) struct Proposer {
    queue: mpsc::Sender<Box<dyn Pending>>,
}

impl Proposer {
    /// Has something decided, and returns the answer once what was decided is committed and shows
    /// in this node's image.
    ///
    /// # Errors
    /// NOT_CONTROLLER when this node isn't the active controller, or ceased to be meanwhile. Then
    /// it isn't known whether the decision holds, and asking the next controller tells.
    pub(crate) async fn submit<R, F>(&self, decide: F) -> Result<R, ErrorCode>
    where
        R: Send + 'static,
        F: FnOnce(&ClusterImage, &mut DecideContext<'_>) -> Decision<R> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Request { decide: Some(decide), response: None, reply };
        let queued = self.queue.send(Box::new(request)).await;
        queued.map_err(|_| ErrorCode::NotController)?;
        answer.await.map_err(|_| ErrorCode::NotController)?
    }
}

/// A request in the queue, whatever it asks.
pub(crate) trait Pending: Send {
    /// Decides, and keeps the response.
    fn decide(
        &mut self,
        image: &ClusterImage,
        context: &mut DecideContext<'_>,
    ) -> Vec<MetadataRecord>;

    /// Answers with the response, or with an error.
    fn answer(self: Box<Self>, outcome: Result<(), ErrorCode>);
}

struct Request<R, F> {
    decide: Option<F>,
    response: Option<R>,
    reply: oneshot::Sender<Result<R, ErrorCode>>,
}

impl<R, F> Pending for Request<R, F>
where
    R: Send,
    F: FnOnce(&ClusterImage, &mut DecideContext<'_>) -> Decision<R> + Send,
{
    fn decide(
        &mut self,
        image: &ClusterImage,
        context: &mut DecideContext<'_>,
    ) -> Vec<MetadataRecord> {
        let decide = self.decide.take().expect("a request is decided once");
        let Decision { records, response } = decide(image, context);
        self.response = Some(response);
        records
    }

    fn answer(self: Box<Self>, outcome: Result<(), ErrorCode>) {
        let Self { response, reply, .. } = *self;
        let answer = outcome.map(|()| response.expect("what succeeded was decided"));
        // Whoever asked may have gone.
        let _ = reply.send(answer);
    }
}

/// The loop's own side.
#[derive(Debug)]
pub(crate) struct QuorumLoop {
    pub quorum: Arc<Quorum>,
    pub published: Arc<Published>,
    pub decided: Arc<DecisionCounter>,
    /// This node.
    pub node: BrokerId,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub cluster_id: Arc<str>,
    pub settings: Arc<Settings>,
    /// What the first entry of a new cluster holds.
    pub bootstrap: Vec<MetadataRecord>,
}

type Queue = mpsc::Receiver<Box<dyn Pending>>;
type Requests = VecDeque<Box<dyn Pending>>;

/// An entry in the making.
struct Draft {
    /// What the cluster will know when it's applied.
    scratch: ClusterImage,
    batch: RecordBatch,
    events: Vec<Event>,
}

impl Draft {
    fn on(scratch: ClusterImage) -> Self {
        Self { scratch, batch: RecordBatch::default(), events: Vec::new() }
    }

    /// Adds records, written at the level that they were decided at: they may change it.
    fn add(&mut self, records: &[MetadataRecord]) {
        let packed = RecordBatch::pack(records, self.scratch.metadata_version());
        self.batch.records.extend(packed.records);
        for record in records {
            self.events.extend(self.scratch.event(record));
            self.scratch.replay(record);
        }
    }
}

/// What one entry is about.
struct Decided {
    requests: Requests,
    proposal: Proposal,
    events: Vec<Event>,
}

/// The queue's two ends.
pub(crate) fn queue() -> (Proposer, Queue) {
    let (sender, receiver) = mpsc::channel(REQUESTS_QUEUED_MAX);
    (Proposer { queue: sender }, receiver)
}

impl QuorumLoop {
    /// Runs until nobody can ask any more.
    pub(crate) async fn run(self, mut queue: Queue) {
        let _needed = self.quorum.needs("the quorum loop");
        let mut drained = Vec::new();
        while queue.recv_many(&mut drained, REQUESTS_PER_PROPOSAL_MAX).await > 0 {
            let mut requests: Requests = drained.drain(..).collect();
            while !requests.is_empty() {
                self.round(&mut requests).await;
            }
        }
    }

    /// Decides as many requests as one entry holds, proposes it, answers them.
    async fn round(&self, requests: &mut Requests) {
        if self.quorum.active().is_none() {
            return answer(std::mem::take(requests), Err(ErrorCode::NotController));
        }
        let Decided { requests: mut decided, proposal, events } = self.decide(requests);
        if bug!(Q11) {
            answer(std::mem::take(&mut decided), Ok(()));
        }
        let outcome = self.propose(proposal).await;
        if outcome.is_ok() {
            for event in &events {
                self.decided.count(event);
                tell(event);
            }
        }
        answer(decided, outcome);
    }

    fn decide(&self, requests: &mut Requests) -> Decided {
        let applied = self.published.current();
        let mut draft = Draft::on(ClusterImage::clone(&applied.image));
        if draft.scratch.features().level(MetadataVersion::FEATURE) == 0 {
            draft.add(&self.bootstrap);
        }

        let mut context = DecideContext {
            applied: applied.index(),
            cluster_id: &self.cluster_id,
            settings: &self.settings,
            new_id: &mut || self.entropy.uuid(),
        };
        let mut decided = Requests::new();
        while draft.batch.records.len() < RECORDS_PER_PROPOSAL_MAX
            && let Some(mut request) = requests.pop_front()
        {
            draft.add(&request.decide(&draft.scratch, &mut context));
            decided.push_back(request);
        }
        let Draft { batch, events, .. } = draft;
        let stamp = Stamp { at: self.clock.now(), by: self.node };
        let proposal = Proposal { base: applied.changed, batch, stamp };
        Decided { requests: decided, proposal, events }
    }

    async fn propose(&self, proposal: Proposal) -> Result<(), ErrorCode> {
        if proposal.batch.records.is_empty() {
            return Ok(());
        }
        let outcome = tokio::select! {
            biased;
            outcome = self.quorum.propose(proposal) => outcome,
            // A leader that is cut off might wait for ever. Should the entry be committed after all,
            // its base decides what comes of it.
            () = self.quorum.deposed() => Err(Rejected::NotLeader),
        };
        match outcome {
            Ok(Outcome::Replayed) => Ok(()),
            Ok(Outcome::Stale) => {
                tracing::info!("a proposal met another image than it was decided on");
                Err(ErrorCode::NotController)
            }
            Ok(Outcome::Nothing) => unreachable!("a proposal has records"),
            Err(Rejected::NotLeader | Rejected::Stopped) => Err(ErrorCode::NotController),
        }
    }
}

fn answer(requests: Requests, outcome: Result<(), ErrorCode>) {
    for request in requests {
        request.answer(outcome);
    }
}

/// Says who leads now. An operator has to know of an election that may have lost records; which ones,
/// the brokers tell that truncate their logs.
fn tell(event: &Event) {
    let Event::LeaderChanged(change) = event else { return };
    let LeaderChange { topic, partition, from, to, leader_epoch, partition_epoch } = change;
    let from = from.map_or(-1, |leader| leader.0);
    match to {
        Some((leader, candidacy)) if candidacy.may_lose_records() => tracing::warn!(
            %topic, %partition, from, %leader, %candidacy, %leader_epoch, %partition_epoch,
            "a leader was elected that may lack acknowledged records"
        ),
        Some((leader, candidacy)) => tracing::debug!(
            %topic, %partition, from, %leader, %candidacy, %leader_epoch, %partition_epoch,
            "another leader"
        ),
        None => tracing::warn!(
            %topic, %partition, from, %leader_epoch, %partition_epoch,
            "partition is offline: nobody may lead it"
        ),
    }
}
