//! Three replicas of a partition, their controller, and a network that delays, loses and repeats.
//!
//! Whatever the order of things, no acknowledged record is missing from an elected leader, and what
//! two replicas take for committed is the same. Logs are vectors here, the controller a few lines:
//! what is tested are the replicas' rules.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::Index};
use protocol::records::{BatchBuilder, BatchOptions};

use super::*;
use crate::IsrProposal;

const NODES: [BrokerId; 3] = [BrokerId(1), BrokerId(2), BrokerId(3)];
const MIN_ISR: usize = 2;
const LAG_TIME_MAX: Duration = Duration::from_millis(100);

/// A record: the epoch in which it was written, and a number of its own.
type Record = (LeaderEpoch, u32);

struct Node {
    replica: Replica,
    log: Vec<Record>,
    /// How much of the log a power failure leaves.
    synced: usize,
    /// How many of the controller's decisions it has heard of.
    heard: usize,
    broker_epoch: BrokerEpoch,
    alive: bool,
    waits: Vec<(ProduceWait, u32)>,
}

/// Where epochs start in a log.
fn epochs(log: &[Record]) -> BTreeMap<LeaderEpoch, usize> {
    let mut starts = BTreeMap::new();
    for (offset, (epoch, _)) in log.iter().enumerate() {
        starts.entry(*epoch).or_insert(offset);
    }
    starts
}

fn offset(len: usize) -> Offset {
    Offset(i64::try_from(len).unwrap())
}

fn len(offset: Offset) -> usize {
    usize::try_from(offset.0).unwrap()
}

impl Node {
    fn offsets(&self) -> LogOffsets {
        LogOffsets {
            log_start_offset: Offset(0),
            log_end_offset: offset(self.log.len()),
            synced_end: offset(self.synced),
        }
    }

    /// The largest epoch up to another, and where it ends here.
    fn epoch_end(&self, requested: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let mut starts = epochs(&self.log);
        if self.replica.leader().is_ok() {
            starts.entry(self.replica.leader_epoch()).or_insert(self.log.len());
        }
        let next = starts.range(requested..).find(|(epoch, _)| **epoch > requested);
        let end = next.map_or(self.log.len(), |(_, start)| *start);
        let epoch = starts.range(..=requested).next_back().map_or(requested, |(epoch, _)| *epoch);
        (!starts.is_empty()).then(|| (epoch, offset(end)))
    }

    fn append(&mut self, record: Record) -> Appended {
        let header = BatchHeader {
            base_offset: offset(self.log.len()),
            partition_leader_epoch: record.0,
            ..one_record()
        };
        self.log.push(record);
        self.replica.appended(&header, None)
    }

    fn truncate(&mut self, to: Offset) {
        self.log.truncate(len(to));
        self.synced = self.synced.min(self.log.len());
        self.replica.truncated(self.offsets(), ProducerStates::new());
    }
}

fn one_record() -> BatchHeader {
    let mut builder = BatchBuilder::new();
    builder.append(Timestamp(0), None, None, &[]);
    BatchHeader::parse(&builder.finish(&BatchOptions::default())).unwrap()
}

#[derive(Clone, Debug)]
enum Message {
    Fetch { from: usize, broker_epoch: BrokerEpoch, asked: FetchPosition, last: LeaderEpoch },
    Fetched { to: usize, asked: FetchPosition, answer: Answer },
    Alter { from: usize, proposal: IsrProposal },
    Altered { to: usize, proposal: IsrProposal, decision: Option<usize> },
}

#[derive(Clone, Debug)]
enum Answer {
    Records(Vec<Record>, Offset),
    Diverging(LeaderEpoch, Offset),
}

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Produce(usize, bool),
    Fetch(usize),
    Deliver(Index),
    Repeat(Index),
    Lose(Index),
    Hear(usize),
    Look(usize),
    Sync(usize),
    Crash(usize),
    LosePower(usize),
    Restart(usize),
    MoveLeader(usize),
    Wait(u64),
}

struct Cluster {
    nodes: Vec<Node>,
    network: Vec<Message>,
    /// What the controller decided, one after the other.
    decisions: Vec<Assignment>,
    elr: BTreeSet<BrokerId>,
    next_broker_epoch: i64,
    next_value: u32,
    acknowledged: Vec<(usize, u32)>,
    /// Who lost power, and hasn't told the controller yet.
    damaged: BTreeSet<BrokerId>,
    now: Duration,
}

impl Cluster {
    fn new() -> Self {
        let config = ReplicaConfig { min_insync_replicas: MIN_ISR, acknowledge_synced: false };
        let node = |id: &BrokerId| Node {
            replica: Replica::open(
                *id,
                config,
                LogOffsets::default(),
                Offset(0),
                ProducerStates::new(),
            ),
            log: Vec::new(),
            synced: 0,
            heard: 0,
            broker_epoch: BrokerEpoch(0),
            alive: true,
            waits: Vec::new(),
        };
        let first = Assignment {
            partition_epoch: PartitionEpoch(0),
            leader_epoch: LeaderEpoch(0),
            leader: NODES[0],
            replicas: NODES.to_vec(),
            isr: NODES.to_vec(),
        };
        Self {
            nodes: NODES.iter().map(node).collect(),
            network: Vec::new(),
            decisions: vec![first],
            elr: BTreeSet::new(),
            next_broker_epoch: 1,
            next_value: 0,
            acknowledged: Vec::new(),
            damaged: BTreeSet::new(),
            now: Duration::ZERO,
        }
    }

    fn decided(&self) -> &Assignment {
        self.decisions.last().unwrap()
    }

    fn node_of(&self, id: BrokerId) -> Option<&Node> {
        NODES.iter().position(|node| *node == id).map(|place| &self.nodes[place])
    }

    fn is_alive(&self, id: BrokerId) -> bool {
        self.node_of(id).is_some_and(|node| node.alive)
    }

    /// The controller decides who is in sync, and elects where the leader is none any more.
    fn decide(&mut self, isr: Vec<BrokerId>, prefers: Option<BrokerId>) {
        let before = self.decided().clone();
        // KIP-966: who leaves while too few are left has all that is committed.
        let left = before.isr.iter().filter(|broker| !isr.contains(broker));
        self.elr.extend(left);
        if isr.len() >= MIN_ISR {
            self.elr.clear();
        }
        self.elr.retain(|broker| !isr.contains(broker));
        let mut isr = isr;
        let stays = isr.contains(&before.leader) && self.is_alive(before.leader);
        let preferred = prefers.filter(|broker| isr.contains(broker) && self.is_alive(*broker));
        let leader = preferred.or_else(|| stays.then_some(before.leader)).or_else(|| {
            let mut candidates = isr.iter().chain(&self.elr).copied();
            candidates.find(|broker| self.is_alive(*broker) && !self.damaged.contains(broker))
        });
        if let Some(leader) = leader
            && self.elr.remove(&leader)
        {
            isr.push(leader);
        }
        let leader = leader.unwrap_or(BrokerId(-1));
        let elected = leader != before.leader;
        self.decisions.push(Assignment {
            partition_epoch: PartitionEpoch(before.partition_epoch.0 + 1),
            leader_epoch: LeaderEpoch(before.leader_epoch.0 + i32::from(elected)),
            leader,
            isr,
            ..before
        });
    }

    /// The controller hears that a broker is gone.
    fn fence(&mut self, id: BrokerId) {
        let isr = self.decided().isr.iter().copied().filter(|broker| *broker != id).collect();
        self.decide(isr, None);
    }

    fn send_fetch(&mut self, from: usize) {
        let node = &self.nodes[from];
        if let (true, Some(asked)) = (node.alive, node.replica.fetch_position()) {
            let last = node.log.last().map_or(LeaderEpoch(-1), |(epoch, _)| *epoch);
            let broker_epoch = node.broker_epoch;
            self.network.push(Message::Fetch { from, broker_epoch, asked, last });
        }
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Fetch { from, broker_epoch, asked, last } => {
                self.answer_fetch(from, broker_epoch, asked, last);
            }
            Message::Fetched { to, asked, answer } => self.take(to, &asked, answer),
            Message::Alter { from, proposal } => self.alter(from, proposal),
            Message::Altered { to, proposal, decision } => {
                let node = &mut self.nodes[to];
                if let Some(decision) = decision {
                    let _ = node.replica.assign(&self.decisions[decision], self.now);
                } else {
                    let (epoch, partition_epoch) =
                        (proposal.leader_epoch, proposal.partition_epoch);
                    let _ = node.replica.isr_refused(epoch, partition_epoch);
                }
            }
        }
    }

    /// A leader answers a fetch, in the order of the broker's `Partition::read`.
    fn answer_fetch(
        &mut self,
        from: usize,
        broker_epoch: BrokerEpoch,
        asked: FetchPosition,
        last: LeaderEpoch,
    ) {
        let Some(at) = NODES.iter().position(|id| *id == asked.leader) else { return };
        let node = &mut self.nodes[at];
        let current = node.replica.check_leader_epoch(asked.leader_epoch);
        if !node.alive || current.is_err() || node.replica.leader().is_err() {
            return;
        }
        let diverging = (last >= LeaderEpoch(0)).then(|| node.epoch_end(last).unwrap());
        let diverging = diverging.filter(|(epoch, end)| *epoch < last || *end < asked.offset);
        let answer = if let Some((epoch, end)) = diverging {
            Answer::Diverging(epoch, end)
        } else {
            let fetched =
                node.replica.follower_fetched(NODES[from], broker_epoch, asked.offset, self.now);
            if fetched.is_err() {
                return;
            }
            let records = node.log[len(asked.offset)..].to_vec();
            Answer::Records(records, node.replica.high_watermark())
        };
        self.network.push(Message::Fetched { to: from, asked, answer });
    }

    fn take(&mut self, to: usize, asked: &FetchPosition, answer: Answer) {
        let node = &mut self.nodes[to];
        if !node.alive || !node.replica.may_take(asked) {
            return;
        }
        match answer {
            Answer::Records(records, high_watermark) => {
                for record in records {
                    let _ = node.append(record);
                }
                let _ = node.replica.leader_high_watermark(high_watermark);
            }
            Answer::Diverging(epoch, end) => {
                let own = node.epoch_end(epoch).filter(|_| !node.log.is_empty());
                let cut = truncation_offset((epoch, end), own, asked.offset);
                assert!(cut < asked.offset, "every answer brings the logs nearer");
                node.truncate(cut);
            }
        }
    }

    /// The controller's rules for AlterPartition.
    fn alter(&mut self, from: usize, proposal: IsrProposal) {
        let decided = self.decided();
        if decided.leader != NODES[from]
            || decided.leader_epoch != proposal.leader_epoch
            || decided.partition_epoch != proposal.partition_epoch
        {
            return; // The sender will hear of the newer decision.
        }
        let is_eligible = |(broker, epoch): (&BrokerId, &BrokerEpoch)| {
            let known = self.node_of(*broker).unwrap();
            known.alive && (*epoch == known.broker_epoch || *epoch == BrokerEpoch(-1))
        };
        let decision = proposal.isr.iter().all(is_eligible).then_some(self.decisions.len());
        if decision.is_some() {
            self.decide(proposal.isr.keys().copied().collect(), None);
        }
        self.network.push(Message::Altered { to: from, proposal, decision });
    }

    fn take_step(&mut self, step: &Step) {
        match *step {
            Step::Produce(at, all) => self.produce(at, if all { Acks::All } else { Acks::Leader }),
            Step::Fetch(at) => self.send_fetch(at),
            Step::Deliver(which) if !self.network.is_empty() => {
                let message = self.network.swap_remove(which.index(self.network.len()));
                self.deliver(message);
            }
            Step::Repeat(which) if !self.network.is_empty() => {
                let message = which.get(&self.network).clone();
                // A controller is asked over one connection, which repeats nothing.
                if matches!(message, Message::Fetch { .. } | Message::Fetched { .. }) {
                    self.deliver(message);
                }
            }
            Step::Lose(which) if !self.network.is_empty() => {
                self.network.swap_remove(which.index(self.network.len()));
            }
            Step::Deliver(_) | Step::Repeat(_) | Step::Lose(_) => {}
            Step::Hear(at) => self.hear(at),
            Step::Look(at) => self.look(at),
            Step::Sync(at) => {
                let node = &mut self.nodes[at];
                node.synced = node.log.len();
                let _ = node.replica.synced(offset(node.synced));
            }
            Step::Crash(at) => self.crash(at),
            Step::LosePower(at) => self.lose_power(at),
            Step::Restart(at) => self.restart(at),
            Step::MoveLeader(at) => {
                if self.decided().isr.contains(&NODES[at]) && self.is_alive(NODES[at]) {
                    self.decide(self.decided().isr.clone(), Some(NODES[at]));
                }
            }
            Step::Wait(ms) => self.now += Duration::from_millis(ms),
        }
    }

    fn produce(&mut self, at: usize, acks: Acks) {
        let node = &mut self.nodes[at];
        let header = one_record();
        let Ok(append) = node.replica.append(&header, acks) else { return };
        if node.alive {
            self.next_value += 1;
            let value = self.next_value;
            let _ = node.append((node.replica.leader_epoch(), value));
            node.waits.push((append.wait(&header, acks), value));
        }
    }

    /// A broker hears of the controller's next decision, and of who is in service.
    fn hear(&mut self, at: usize) {
        let in_service = NODES.iter().zip(&self.nodes).filter(|(_, node)| node.alive);
        let active = Arc::new(in_service.map(|(id, node)| (*id, node.broker_epoch)).collect());
        let node = &mut self.nodes[at];
        let _ = node.replica.brokers_changed(active);
        if let (true, Some(decision)) = (node.alive, self.decisions.get(node.heard)) {
            let _ = node.replica.assign(decision, self.now);
            node.heard += 1;
        }
    }

    fn look(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let _ = node.replica.time_passed(self.now, LAG_TIME_MAX);
        if let (true, Some(proposal)) =
            (node.alive, node.replica.isr_change(self.now, LAG_TIME_MAX))
        {
            node.replica.isr_proposed(proposal.isr.keys().copied().collect()).unwrap();
            self.network.push(Message::Alter { from: at, proposal });
        }
    }

    fn crash(&mut self, at: usize) {
        if self.nodes[at].alive {
            self.nodes[at].alive = false;
            self.nodes[at].waits.clear();
            // Answers find nobody. What was asked may still arrive.
            self.network.retain(|message| match message {
                Message::Fetched { to, .. } | Message::Altered { to, .. } => *to != at,
                Message::Fetch { .. } | Message::Alter { .. } => true,
            });
            self.fence(NODES[at]);
        }
    }

    /// Of those that may be elected, one must be left that has lost nothing (KIP-966).
    fn lose_power(&mut self, at: usize) {
        let electable = self.decided().isr.iter().chain(&self.elr);
        let mut others = electable.filter(|id| **id != NODES[at] && !self.damaged.contains(id));
        if others.next().is_none() {
            return;
        }
        self.damaged.insert(NODES[at]);
        self.crash(at);
        let node = &mut self.nodes[at];
        node.log.truncate(node.synced);
    }

    fn restart(&mut self, at: usize) {
        if self.nodes[at].alive {
            return;
        }
        if self.damaged.remove(&NODES[at]) {
            self.elr.remove(&NODES[at]);
        }
        let node = &mut self.nodes[at];
        node.alive = true;
        // It hears of nothing that was decided before its registration.
        node.heard = self.decisions.len() - 1;
        node.broker_epoch = BrokerEpoch(self.next_broker_epoch);
        self.next_broker_epoch += 1;
        node.synced = node.log.len();
        let config = ReplicaConfig { min_insync_replicas: MIN_ISR, acknowledge_synced: false };
        let high_watermark = node.replica.high_watermark();
        let (offsets, producers) = (node.offsets(), ProducerStates::new());
        node.replica = Replica::open(NODES[at], config, offsets, high_watermark, producers);
        if self.decided().leader < BrokerId(0) {
            self.decide(self.decided().isr.clone(), None);
        }
    }

    /// Answers what can be answered.
    fn acknowledge(&mut self) {
        for node in &mut self.nodes {
            let (replica, acknowledged) = (&node.replica, &mut self.acknowledged);
            node.waits.retain(|(wait, value)| {
                let done = replica.completion(wait);
                if done == Some(Ok(())) && wait.acks == Acks::All {
                    acknowledged.push((len(wait.end) - 1, *value));
                }
                done.is_none()
            });
        }
    }

    fn check(&self) {
        // Nothing acknowledged is missing from an elected leader.
        if let Some(leader) = self.node_of(self.decided().leader) {
            for (place, value) in &self.acknowledged {
                let found = leader.log.get(*place).map(|(_, value)| value);
                assert_eq!(found, Some(value), "acknowledged at {place}");
            }
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let (a, b) = (&self.nodes[a], &self.nodes[b]);
            // The same epoch at the same offset: the same record, and the same before it.
            let shared = a.log.iter().zip(&b.log).rposition(|(a, b)| a.0 == b.0);
            let shared = shared.map_or(0, |last| last + 1);
            assert_eq!(a.log[..shared], b.log[..shared], "logs match");
            let both = a.replica.high_watermark().min(b.replica.high_watermark());
            let both = len(both).min(a.log.len()).min(b.log.len());
            assert_eq!(a.log[..both], b.log[..both], "what is committed is the same");
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || 0_usize..3;
    let step = prop_oneof![
        12 => (at(), any::<bool>()).prop_map(|(at, all)| Step::Produce(at, all)),
        30 => at().prop_map(Step::Fetch),
        60 => any::<Index>().prop_map(Step::Deliver),
        4 => any::<Index>().prop_map(Step::Repeat),
        4 => any::<Index>().prop_map(Step::Lose),
        30 => at().prop_map(Step::Hear),
        12 => at().prop_map(Step::Look),
        3 => at().prop_map(Step::Sync),
        2 => at().prop_map(Step::Crash),
        2 => at().prop_map(Step::LosePower),
        8 => at().prop_map(Step::Restart),
        2 => at().prop_map(Step::MoveLeader),
        6 => (1_u64..200).prop_map(Step::Wait),
    ];
    vec(step, 100..600)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_and_logs_agree(steps in steps()) {
        let mut cluster = Cluster::new();
        for step in &steps {
            cluster.take_step(step);
            cluster.acknowledge();
            cluster.check();
        }
    }
}

#[test]
fn the_model_gets_on() {
    let mut cluster = Cluster::new();
    for round in 0..200 {
        for at in 0..3 {
            cluster.take_step(&Step::Hear(at));
            cluster.take_step(&Step::Produce(at, true));
            cluster.take_step(&Step::Fetch(at));
            cluster.take_step(&Step::Look(at));
        }
        while let Some(message) = cluster.network.pop() {
            cluster.deliver(message);
        }
        cluster.acknowledge();
        cluster.check();
        match round % 40 {
            10 => cluster.crash(round / 40 % 3),
            20 => cluster.restart(round / 40 % 3),
            _ => {}
        }
    }
    assert!(cluster.acknowledged.len() > 150, "{}", cluster.acknowledged.len());
    assert_eq!(cluster.decided().isr.len(), 3);
}
