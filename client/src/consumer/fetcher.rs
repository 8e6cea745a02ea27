//! Which requests a consumer has under way: one fetch to each broker, and short questions beside
//! it. What the answers mean is [`super::answers`]'s business.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use protocol::{
    BrokerId, LeaderEpoch, TopicId, TopicName, TopicPartition, api::fetch::FetchRequest,
};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::{
    Consumer,
    answers::Event,
    assigned::Need,
    fetch_session::{FetchSession, Wanted},
    read_ahead::ReadAhead,
    requests::{self, Check, Terms},
};
use crate::{
    cluster::Cluster,
    metadata_cache::{Leader, Topic},
    offsets::{Place, Question},
};

/// A broker that leads something that is read.
#[derive(Debug)]
pub(super) struct Peer {
    /// None while a fetch is under way, which has it.
    pub(super) session: Option<FetchSession>,
    /// Whether to ask for another session the next time.
    pub(super) asks_anew: bool,
    /// What ends the session, as it was when the last answer came.
    pub(super) session_end: Option<FetchRequest>,
    pub(super) memory: ReadAhead,
    /// After a fetch that left partitions out, and brought nothing: when to try another.
    pub(super) partial_from: Option<Instant>,
    pub(super) is_locating: bool,
    pub(super) is_checking: bool,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            session: Some(FetchSession::default()),
            asks_anew: false,
            session_end: None,
            memory: ReadAhead::default(),
            partial_from: None,
            is_locating: false,
            is_checking: false,
        }
    }
}

/// What all partitions together need.
#[derive(Default)]
struct Plan {
    /// One for each leader, whether or not there is something to fetch.
    fetches: BTreeMap<BrokerId, PlannedFetch>,
    sought: BTreeMap<BrokerId, BTreeMap<TopicPartition, (Place, LeaderEpoch)>>,
    checks: BTreeMap<BrokerId, BTreeMap<TopicPartition, Check>>,
    unknown: BTreeSet<TopicName>,
    unset: Vec<TopicPartition>,
}

#[derive(Default)]
struct PlannedFetch {
    /// With the bytes that wait of each partition.
    wanted: Vec<(usize, (TopicPartition, Wanted))>,
    /// Whether partitions are left out as enough of them waits.
    is_partial: bool,
    /// Whether something that waits may be handed out.
    is_handing_out: bool,
}

impl Consumer {
    /// Starts what can be started, and waits for something to happen, until the deadline at most.
    pub(super) async fn step(&mut self, deadline: Instant) {
        self.start(Instant::now());
        if !self.errors.is_empty() {
            return;
        }
        let wake_at = self.wake_at.map_or(deadline, |at| at.min(deadline));
        select! {
            biased;
            Some(event) = self.events.next() => self.on(event),
            () = sleep_until(wake_at) => {}
        }
    }

    pub(super) fn take_in_what_is_there(&mut self) {
        while let Some(Some(event)) = self.events.next().now_or_never() {
            self.on(event);
        }
    }

    /// Starts requests if there is reason to: they are on their way while the application works.
    pub(super) fn start_what_is_due(&mut self) {
        if self.has_changed || self.wake_at.is_some_and(|at| at <= Instant::now()) {
            self.start(Instant::now());
            self.take_in_what_is_there();
        }
    }

    /// Starts requests for all partitions that have none under way.
    fn start(&mut self, now: Instant) {
        self.has_changed = false;
        self.wake_at = None;
        let mut plan = self.plan(now);
        let unset = std::mem::take(&mut plan.unset);
        if !unset.is_empty() {
            for partition in unset {
                self.reset_unset(&partition);
            }
            // They have a place to ask for now.
            plan = self.plan(now);
        }
        self.start_fetches(plan.fetches, now);
        for (broker, sought) in plan.sought {
            self.start_locating(broker, sought);
        }
        for (broker, checks) in plan.checks {
            self.start_checking(broker, checks);
        }
        if !plan.unknown.is_empty() {
            self.ask_metadata(plan.unknown, now);
        }
        let pace = self.metadata_pace.wake_at(now);
        self.wake_at = self.wake_at.into_iter().chain(pace).min();
    }

    fn plan(&mut self, now: Instant) -> Plan {
        let bytes_max = self.partition_bytes_max();
        let mut plan = Plan::default();
        let mut leaders = Leaders::new(&self.cluster);
        for (at, assigned) in &self.assigned {
            let Some((leader, topic_id)) = leaders.of(at) else {
                self.cluster.invalidate(&at.topic);
                plan.unknown.insert(at.topic.clone());
                continue;
            };
            let fetch = plan.fetches.entry(leader.id).or_default();
            fetch.is_handing_out |= assigned.is_ready();
            if let Some(until) = assigned.rests_until.filter(|until| *until > now) {
                self.wake_at = Some(self.wake_at.map_or(until, |at| at.min(until)));
                continue;
            }
            match assigned.need(leader.epoch, bytes_max) {
                Need::Reset => plan.unset.push(at.clone()),
                Need::Place(place) => {
                    let sought = plan.sought.entry(leader.id).or_default();
                    sought.insert(at.clone(), (place, leader.epoch));
                }
                Need::Check(point) => {
                    let check = Check { point, leader_epoch: leader.epoch };
                    plan.checks.entry(leader.id).or_default().insert(at.clone(), check);
                }
                Need::Records(point) => {
                    let wanted = Wanted {
                        offset: point.offset,
                        leader_epoch: leader.epoch,
                        last_epoch: point.epoch,
                        topic_id,
                        bytes_max: self.options.partition_max_bytes,
                    };
                    fetch.wanted.push((assigned.bytes(), (at.clone(), wanted)));
                }
                Need::Room => fetch.is_partial = true,
                Need::Nothing => {}
            }
        }
        plan
    }

    fn start_fetches(&mut self, fetches: BTreeMap<BrokerId, PlannedFetch>, now: Instant) {
        // Half of a broker's part is for what is handed out, half for what is on its way.
        let half = self.options.read_ahead_bytes / fetches.len().max(1) / 2;
        for (broker, PlannedFetch { mut wanted, is_partial, is_handing_out }) in fetches {
            if wanted.is_empty() {
                continue;
            }
            let peer = self.peers.entry(broker).or_default();
            if peer.memory.bytes() > half && !is_handing_out {
                // Nothing gets on unless those that are paused give way.
                for paused in self.assigned.values_mut().filter(|assigned| assigned.is_paused) {
                    paused.drop_read_ahead();
                }
            }
            if peer.memory.bytes() > half {
                continue;
            }
            if is_partial && let Some(from) = peer.partial_from.filter(|from| *from > now) {
                self.wake_at = Some(self.wake_at.map_or(from, |at| at.min(from)));
                continue;
            }
            let Some(mut session) = peer.session.take() else { continue };
            if std::mem::take(&mut peer.asks_anew) {
                session.lost();
            }
            // Those of which least waits come first.
            wanted.sort_by_key(|(bytes, _)| *bytes);
            let wanted = wanted.into_iter().map(|(_, wanted)| wanted).collect();
            let bytes_max = i32::try_from(half).unwrap_or(i32::MAX).min(self.options.max_bytes);
            // What is left out soon needs a fetch of its own, which mustn't wait behind this one.
            let max_wait = if is_partial { Duration::ZERO } else { self.options.max_wait };
            let terms = Terms { max_wait, bytes_max: bytes_max.max(1) };
            self.start_fetch(broker, session, wanted, terms, is_partial);
        }
    }

    fn start_fetch(
        &mut self,
        broker: BrokerId,
        mut session: FetchSession,
        wanted: Vec<(TopicPartition, Wanted)>,
        terms: Terms,
        is_partial: bool,
    ) {
        let (pool, options) = (self.fetches.clone(), self.options.clone());
        let fetching = async move {
            let result =
                requests::fetch(&pool, broker, &options, terms, &mut session, &wanted).await;
            let partitions = wanted.into_iter().map(|(at, _)| at).collect();
            Event::Fetched { broker, session, partitions, is_partial, result }
        };
        self.events.push(fetching.boxed());
    }

    fn start_locating(
        &mut self,
        broker: BrokerId,
        sought: BTreeMap<TopicPartition, (Place, LeaderEpoch)>,
    ) {
        let peer = self.peers.entry(broker).or_default();
        if std::mem::replace(&mut peer.is_locating, true) {
            return;
        }
        let question = |(at, (place, epoch)): (&TopicPartition, &(Place, LeaderEpoch))| {
            Some((at.clone(), Question::new(*place, *epoch)?))
        };
        let questions = sought.iter().filter_map(question).collect();
        let (pool, options) = (self.questions.clone(), self.options.clone());
        let locating = async move {
            let result = requests::locate(pool, broker, options, questions).await;
            Event::Located { broker, sought, result }
        };
        self.events.push(locating.boxed());
    }

    fn start_checking(&mut self, broker: BrokerId, checks: BTreeMap<TopicPartition, Check>) {
        let peer = self.peers.entry(broker).or_default();
        if std::mem::replace(&mut peer.is_checking, true) {
            return;
        }
        let pool = self.questions.clone();
        let checking = async move {
            let result = requests::epoch_ends(pool, broker, &checks).await;
            Event::Checked { broker, checks, result }
        };
        self.events.push(checking.boxed());
    }

    fn ask_metadata(&mut self, topics: BTreeSet<TopicName>, now: Instant) {
        if self.metadata_pace.may_begin(now) {
            let (cluster, topics) = (self.cluster.clone(), Vec::from_iter(topics));
            let asking = async move { Event::MetadataAsked(cluster.refresh(&topics).await) };
            self.events.push(asking.boxed());
        }
    }

    pub(super) fn has_room(&self, at: &TopicPartition) -> bool {
        let bytes_max = self.partition_bytes_max();
        self.assigned.get(at).is_some_and(|assigned| assigned.has_room(bytes_max))
    }

    /// What may wait of one partition before more is fetched: one answer's worth.
    fn partition_bytes_max(&self) -> usize {
        usize::try_from(self.options.partition_max_bytes).unwrap_or(0).max(1)
    }

    /// Ends all sessions, not waiting for fetches that are under way: hence on connections of
    /// their own.
    pub(super) async fn end_sessions(self) {
        for (broker, peer) in self.peers {
            if let Some(request) = peer.session_end
                && let Err(error) = requests::end_session(&self.questions, broker, request).await
            {
                tracing::debug!(%broker, %error, "a fetch session is left to the broker");
            }
        }
    }
}

/// Looks up leaders of partitions that come topic by topic.
struct Leaders<'a> {
    cluster: &'a Cluster,
    last: Option<(TopicName, Option<Arc<Topic>>)>,
}

impl<'a> Leaders<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, last: None }
    }

    fn of(&mut self, at: &TopicPartition) -> Option<(Leader, Option<TopicId>)> {
        if self.last.as_ref().is_none_or(|(name, _)| *name != at.topic) {
            self.last = Some((at.topic.clone(), self.cluster.known_topic(&at.topic)));
        }
        let topic = self.last.as_ref()?.1.as_ref()?;
        Some((topic.leader(at.partition)?, topic.id))
    }
}
