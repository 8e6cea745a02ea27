//! All that the observer knows, and how each event changes it. Every event is judged first, by what
//! is known before it; some things are judged again when it's known.

use std::{collections::BTreeMap, time::Duration};

use broker::witness::{Event, ReplicaId};
use controller::Vow;
use metadata::{
    ClusterImage, MetadataRecord, Partition as Decided,
    config::{Overrides, TopicConfig},
};
use protocol::{BrokerEpoch, BrokerId, Offset, TopicId, TopicName, TopicPartition};
use replica::{Acks, Assignment};

use super::{
    Ending,
    coverage::{self as place, Coverage},
    disk::Found,
    log::{Log, Mark},
    losses::Election,
    partition::{Appender, Partition, PartitionId, changed},
    quorum::{Outcome, Quorum, Reign},
    replica::Replica,
};
use crate::invariant::{self, Entry, Finding, Scene, Step, Violation};

/// What one event or another has led to.
pub(crate) type Judged = Result<(), Violation>;

/// All that is known.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// What is set in the files of all nodes alike.
    static_config: Overrides,
    pub(crate) quorum: Quorum,
    pub(crate) machines: BTreeMap<BrokerId, Machine>,
    /// Topics that there are or were.
    pub(crate) topics: BTreeMap<TopicId, Topic>,
    pub(crate) partitions: BTreeMap<PartitionId, Partition>,
    pub(crate) coverage: Coverage,
}

/// A machine that runs a node.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    /// How often a process was started.
    pub(crate) life: u32,
    pub(crate) is_up: bool,
    /// The broker's registration when its last process ended: it isn't that broker any more.
    pub(crate) epoch_at_end: BrokerEpoch,
    /// What is on its disk may be damaged, and not by its node.
    is_damaged: bool,
    /// The index of the image that its broker shows.
    pub(crate) published: Option<i64>,
}

/// A topic, and what its configuration was at its loosest: brokers learn of changes late.
#[derive(Debug)]
pub(crate) struct Topic {
    name: TopicName,
    pub(crate) min_insync_replicas: usize,
    /// Whether every batch was to be synced before it is acknowledged, at all times.
    pub(crate) is_synced: bool,
    /// Whether compaction may take records out of the middle.
    pub(crate) is_compacted: bool,
    /// Whether an unclean election is allowed, now.
    pub(crate) is_unclean_allowed: bool,
    /// Whether an operator asked for one.
    is_unclean_requested: bool,
}

impl Model {
    pub(crate) fn new(static_config: Overrides, election_timeout: Duration) -> Self {
        Self { static_config, quorum: Quorum::new(election_timeout), ..Self::default() }
    }

    /// A name for people.
    pub(crate) fn name(&self, id: PartitionId) -> Option<TopicPartition> {
        let topic = self.topics.get(&id.topic)?.name.clone();
        Some(TopicPartition { topic, partition: id.partition })
    }

    /// Up to where a replica has said that it's synced.
    pub(crate) fn synced_end(&self, id: PartitionId, broker: BrokerId) -> Offset {
        let replica = self.partitions.get(&id).and_then(|known| known.replicas.get(&broker));
        replica.map_or(Offset(0), |replica| replica.synced_end)
    }

    /// How many replicas must be in sync, at the least, by any configuration there was.
    pub(crate) fn min_insync_replicas(&self, id: PartitionId) -> usize {
        let configured = self.topics.get(&id.topic).map_or(1, |topic| topic.min_insync_replicas);
        let decided = self.partitions.get(&id).and_then(|partition| partition.decided.as_ref());
        protocol::effective_min_insync_replicas(
            configured,
            decided.map_or(1, |decided| decided.replicas.len()),
        )
    }

    /// The replicas that may come to lead, as far as they are open. Nobody knows which, while an
    /// election is open that may have lost something.
    pub(crate) fn candidates<'a>(
        &'a self,
        partition: &'a Partition,
    ) -> impl Iterator<Item = (BrokerId, &'a Replica)> {
        let decided = partition.decided.iter().filter(|_| !partition.losses.is_open());
        decided
            .flat_map(|decided| decided.isr.iter().chain(&decided.elr))
            .filter(|broker| self.is_itself(**broker))
            .filter_map(|broker| Some((*broker, partition.replicas.get(broker)?)))
            .filter(|(_, replica)| replica.is_open)
    }

    /// Whether the broker runs, as the controller has it registered: neither a process that hasn't
    /// come so far, nor one that is gone and that the controller hasn't noticed yet.
    pub(crate) fn is_itself(&self, broker: BrokerId) -> bool {
        let registered = self.quorum.image.brokers().get(broker);
        let machine = self.machines.get(&broker);
        machine.is_some_and(|machine| {
            machine.is_up && registered.is_some_and(|broker| broker.epoch > machine.epoch_at_end)
        })
    }

    pub(crate) fn process_started(&mut self, broker: BrokerId) -> u32 {
        let machine = self.machines.entry(broker).or_default();
        machine.life += 1;
        machine.is_up = true;
        machine.life
    }

    /// Whether that process of the broker is alive.
    pub(crate) fn lives(&self, broker: BrokerId, life: u32) -> bool {
        let machine = self.machines.get(&broker);
        machine.is_some_and(|machine| machine.is_up && machine.life == life)
    }

    pub(crate) fn process_ended(&mut self, broker: BrokerId, ending: Ending) {
        let epoch = self.quorum.image.brokers().get(broker).map(|broker| broker.epoch);
        let machine = self.machines.entry(broker).or_default();
        machine.is_up = false;
        machine.published = None;
        machine.epoch_at_end = epoch.unwrap_or(machine.epoch_at_end);
        self.quorum.applied.remove(&broker);
        for (losses, replica) in replicas_on(&mut self.partitions, broker) {
            if ending != Ending::Clean {
                losses.stopped_uncleanly(broker);
            }
            replica.closed();
            replica.power_lost |= ending == Ending::PowerLost;
        }
    }

    pub(crate) fn wiped(&mut self, broker: BrokerId) {
        self.machines.entry(broker).or_default().is_damaged = false;
        for partition in self.partitions.values_mut() {
            if partition.replicas.remove(&broker).is_some() {
                partition.losses.stopped_uncleanly(broker);
            }
        }
    }

    pub(crate) fn disk_damaged(&mut self, broker: BrokerId) {
        self.machines.entry(broker).or_default().is_damaged = true;
        for (losses, _) in replicas_on(&mut self.partitions, broker) {
            losses.stopped_uncleanly(broker);
        }
    }

    /// Whether its disk is as its node left it.
    pub(crate) fn is_sound(&self, broker: BrokerId) -> bool {
        self.machines.get(&broker).is_none_or(|machine| !machine.is_damaged)
    }

    pub(crate) fn unclean_election_requested(&mut self, name: &TopicName) {
        for topic in self.topics.values_mut().filter(|topic| topic.name == *name) {
            topic.is_unclean_requested = true;
        }
    }

    /// Something happened to a replica. `found` is what is on its disk, of one that was opened, or on
    /// its device, of one that was synced.
    pub(crate) fn saw(&mut self, id: ReplicaId, event: &Event<'_>, found: Option<Found>) -> Judged {
        let of = PartitionId { topic: id.topic, partition: id.partition };
        let nothing = (Partition::default(), Replica::default());
        let partition = self.partitions.get(&of).unwrap_or(&nothing.0);
        let replica = partition.replicas.get(&id.broker).unwrap_or(&nothing.1);
        let found = found.as_ref();
        let scene = Scene { model: self, of, broker: id.broker, partition, replica, event, found };
        for property in invariant::OF_EVENTS {
            property(&scene).map_err(|finding| self.violation(finding, Some(of)))?;
        }
        self.take(of, id.broker, event, found);
        match event {
            Event::Opened { .. }
            | Event::Truncated { .. }
            | Event::HighWatermark { as_leader: true, .. } => self.judge(of),
            _ => Ok(()),
        }
    }

    /// Judges a partition as it is.
    fn judge(&self, of: PartitionId) -> Judged {
        let Some(partition) = self.partitions.get(&of) else { return Ok(()) };
        for property in invariant::OF_PARTITIONS {
            property(self, of, partition).map_err(|finding| self.violation(finding, Some(of)))?;
        }
        Ok(())
    }

    /// An entry of the metadata log was applied.
    pub(crate) fn applied(
        &mut self,
        node: BrokerId,
        term: u64,
        index: u64,
        records: &[MetadataRecord],
        image: &ClusterImage,
    ) -> Judged {
        let digest = image.digest();
        invariant::same_applied::check_order(&self.quorum, node, index)
            .and_then(|()| {
                invariant::same_applied::check(&self.quorum, node, Some(term), index, digest)
            })
            .map_err(|finding| self.violation(finding, None))?;
        self.quorum.applied.insert(node, index);
        if self.quorum.reaches(index) {
            return Ok(());
        }
        let steps = self.steps(records, image);
        self.configure(image);
        let entry = Entry { model: self, records, steps: &steps, image };
        for property in invariant::OF_ENTRIES {
            let judged = property(&entry);
            judged.map_err(|(finding, of)| self.violation(finding, of))?;
        }
        self.note_records(records);
        self.quorum.note(index, Outcome { term: Some(term), digest }, image);
        for step in &steps {
            self.decided(step);
        }
        steps.iter().try_for_each(|step| self.judge(step.of))?;
        // Who registers is itself again, and may come to lead.
        let registers = |record: &_| matches!(record, MetadataRecord::RegisterBroker(_));
        if records.iter().any(registers) {
            self.partitions.keys().try_for_each(|of| self.judge(*of))?;
        }
        Ok(())
    }

    /// A controller has an image that isn't an entry's.
    pub(crate) fn restored(&mut self, node: BrokerId, index: u64, image: &ClusterImage) -> Judged {
        let digest = image.digest();
        invariant::same_applied::check(&self.quorum, node, None, index, digest)
            .map_err(|finding| self.violation(finding, None))?;
        self.quorum.applied.insert(node, index);
        self.coverage.reach_if(index > 0, place::CONTROLLER_RESTORED);
        if !self.quorum.reaches(index) {
            self.configure(image);
            self.quorum.note(index, Outcome { term: None, digest }, image);
            self.adopt(image);
        }
        Ok(())
    }

    pub(crate) fn active(&mut self, node: BrokerId, term: u64, now: Duration) -> Judged {
        invariant::election_safety::check(&self.quorum, node, term, now)
            .map_err(|finding| self.violation(finding, None))?;
        let before = self.quorum.active.last_key_value().map(|(_, reign)| reign.node);
        self.coverage
            .reach_if(before.is_some_and(|before| before != node), place::CONTROLLER_FAILOVER);
        self.quorum.active.entry(term).or_insert(Reign { node, since: now });
        Ok(())
    }

    /// A controller has started.
    pub(crate) fn remembered(&mut self, node: BrokerId, vows: &[Vow]) -> Judged {
        invariant::voter_memory::check(&self.quorum, node, vows)
            .map_err(|finding| self.violation(finding, None))
    }

    /// A broker takes requests.
    pub(crate) fn serves(&mut self, broker: BrokerId) -> Judged {
        invariant::epochs::check_serving(self, broker)
            .map_err(|finding| self.violation(finding, None))
    }

    pub(crate) fn published(
        &mut self,
        broker: BrokerId,
        index: i64,
        image: &ClusterImage,
    ) -> Judged {
        let machine = self.machines.entry(broker).or_default();
        let before = machine.published.replace(index);
        invariant::published_prefix::check(&self.quorum, broker, before, index, image.digest())
            .map_err(|finding| self.violation(finding, None))
    }

    fn violation(&self, finding: Finding, of: Option<PartitionId>) -> Violation {
        let Finding { property, details } = finding;
        Violation { property, partition: of.and_then(|of| self.name(of)), details }
    }

    /// What each record changes in a partition, by the records alone.
    fn steps(&self, records: &[MetadataRecord], image: &ClusterImage) -> Vec<Step> {
        let mut now: BTreeMap<PartitionId, Option<Decided>> = BTreeMap::new();
        let mut steps = Vec::new();
        let comes_back = |broker| {
            records.iter().any(|record| {
                matches!(record, MetadataRecord::RegisterBroker(record) if record.broker_id == broker)
            })
        };
        let mut step = |of: PartitionId, change: &dyn Fn(Option<&Decided>) -> Option<Decided>| {
            let known = || self.partitions.get(&of).and_then(|known| known.decided.clone());
            let state = now.entry(of).or_insert_with(known);
            let after = change(state.as_ref());
            let before = std::mem::replace(state, after.clone());
            steps.push(Step::new(of, before, after, image, comes_back));
        };
        for record in records {
            match record {
                MetadataRecord::Partition(record) => {
                    let of = PartitionId { topic: record.topic_id, partition: record.partition };
                    step(of, &|_| Some(record.into()));
                }
                MetadataRecord::PartitionChange(record) => {
                    let of = PartitionId { topic: record.topic_id, partition: record.partition };
                    step(of, &|before| before.map(|before| changed(before, record)));
                }
                MetadataRecord::RemoveTopic(record) => {
                    let removed = self.partitions.keys().copied();
                    for of in removed.filter(|of| of.topic == record.topic_id) {
                        step(of, &|_| None);
                    }
                }
                _ => {}
            }
        }
        steps
    }

    /// Takes over an image whose last entries nobody was seen to apply: whoever did so first has
    /// died over it.
    fn adopt(&mut self, image: &ClusterImage) {
        let mut steps = Vec::new();
        let may_have_come_back = |broker: BrokerId| !image.brokers().is_active(broker);
        for topic in image.topics().iter() {
            for (index, decided) in topic.partitions() {
                let of = PartitionId { topic: topic.id, partition: index };
                let known = self.partitions.get(&of).and_then(|known| known.decided.clone());
                let after = Some(decided.clone());
                steps.push(Step::new(of, known, after, image, may_have_come_back));
            }
        }
        let is_gone =
            |of: &&PartitionId| image.topics().partition(of.topic, of.partition).is_none();
        for of in self.partitions.keys().filter(is_gone) {
            let known = self.partitions[of].decided.clone();
            steps.push(Step::new(*of, known, None, image, may_have_come_back));
        }
        steps.iter().filter(|step| step.before != step.after).for_each(|step| self.decided(step));
    }

    /// What the configuration of each topic is.
    fn configure(&mut self, image: &ClusterImage) {
        for topic in image.topics().iter() {
            let layers = image.configs().layers(topic.name.as_str(), &self.static_config);
            let config = TopicConfig::resolve(&layers);
            let known = self.topics.entry(topic.id).or_insert_with(|| Topic {
                name: topic.name.clone(),
                min_insync_replicas: usize::MAX,
                is_synced: true,
                is_compacted: false,
                is_unclean_allowed: false,
                is_unclean_requested: false,
            });
            known.min_insync_replicas = known.min_insync_replicas.min(config.min_insync_replicas);
            known.is_synced &= config.flush_messages == Some(1);
            known.is_compacted |= config.cleanup_policy.compact;
            known.is_unclean_allowed =
                config.unclean_leader_election_enable || known.is_unclean_requested;
        }
    }

    fn note_records(&mut self, records: &[MetadataRecord]) {
        for record in records {
            match record {
                MetadataRecord::BrokerRegistrationChange(change) => {
                    self.coverage.reach_if(change.fenced == Some(true), place::BROKER_FENCED);
                }
                MetadataRecord::RegisterBroker(record) => {
                    let known = self.quorum.image.brokers().get(record.broker_id);
                    self.coverage.reach_if(known.is_some(), place::BROKER_RETURNED);
                }
                MetadataRecord::Topic(record) => {
                    let mut others = self.topics.iter().filter(|(id, _)| **id != record.topic_id);
                    let known = others.any(|(_, topic)| topic.name == record.name);
                    self.coverage.reach_if(known, place::TOPIC_RECREATED);
                }
                _ => {}
            }
        }
    }

    /// The controller has decided about a partition.
    fn decided(&mut self, step: &Step) {
        let Step { of, before, after, .. } = step;
        let partition = self.partitions.entry(*of).or_default();
        partition.decided.clone_from(after);
        let Some(after) = after else {
            let is_down = partition
                .replicas
                .keys()
                .any(|broker| !self.machines.get(broker).is_some_and(|machine| machine.is_up));
            self.coverage.reach_if(is_down, place::TOPIC_DELETED_BEHIND_A_BROKER);
            return;
        };
        partition.elected.insert(after.leader_epoch, after.leader);
        self.coverage.reach_if(after.leader.is_none(), place::LEADERLESS);
        let Some(before) = before else { return };
        let (was, is) = (before.isr.len(), after.isr.len());
        self.coverage.reach_if(is < was, place::ISR_SHRUNK);
        self.coverage.reach_if(is < was && is == 1, place::ISR_SHRUNK_TO_ONE);
        self.coverage.reach_if(is > was, place::ISR_EXPANDED);
        if after.leader_epoch == before.leader_epoch {
            let joined = after.isr.iter().filter(|broker| !before.isr.contains(broker));
            joined.for_each(|broker| partition.losses.is_in_sync_again(*broker));
        } else if let Some(election) = step.election() {
            partition.losses.elected(after.leader_epoch, election);
            match election {
                Election::InSync => {}
                Election::Eligible => self.coverage.reach(place::ELIGIBLE_ELECTED),
                Election::LastKnown => self.coverage.reach(place::LAST_KNOWN_ELECTED),
                Election::Unclean => self.coverage.reach(place::UNCLEAN_ELECTED),
            }
        }
    }

    /// Takes over what happened to a replica.
    fn take(&mut self, of: PartitionId, id: BrokerId, event: &Event<'_>, found: Option<&Found>) {
        let life = self.machines.get(&id).map_or(0, |machine| machine.life);
        let coverage = &mut self.coverage;
        let partition = self.partitions.entry(of).or_default();
        let decided_epoch = partition.leader_epoch();
        let replica = partition.replicas.entry(id).or_default();
        match *event {
            Event::Opened { log_start_offset, log_end_offset, high_watermark } => {
                let mut log = log_of(replica, found, log_end_offset);
                log.move_start(log_start_offset);
                let died_in_an_append = register_unseen(partition, &log);
                coverage.reach_if(died_in_an_append, place::DIED_IN_AN_APPEND);
                let replica = partition.replicas.entry(id).or_default();
                let lost = replica.power_lost && log.end() < replica.log.end();
                coverage.reach_if(lost, place::POWER_LOSS_TOOK_RECORDS);
                let before = std::mem::take(&mut replica.log);
                replica.opened(log, high_watermark);
                partition.forget_acks_by_leader(&before, id, coverage);
            }
            Event::Closed => {
                replica.closed();
                // Unless it's on its way out, its disk has failed.
                let registered = self.quorum.image.brokers().get(id);
                if !registered.is_some_and(|broker| broker.in_controlled_shutdown) {
                    partition.losses.stopped_uncleanly(id);
                }
            }
            Event::Assigned(assignment) => {
                self.assigned(of, id, assignment);
            }
            Event::Appended { header, as_leader, leader_epoch } => {
                let mark = Mark::from(header);
                partition.batches.add(mark, replica.log.last());
                replica.append(mark);
                if as_leader {
                    let appender = Appender { broker: id, life };
                    partition.appenders.entry(leader_epoch).or_insert(appender);
                    coverage.reach_if(leader_epoch < decided_epoch, place::ZOMBIE_APPENDS);
                }
            }
            Event::Truncating { from } => replica.unsync(from),
            Event::Truncated { log_end_offset } => {
                let before = replica.log.clone();
                replica.truncate(log_end_offset);
                let mut epochs: Vec<_> =
                    before.beyond(log_end_offset).map(|mark| mark.epoch).collect();
                epochs.dedup();
                coverage.reach_if(!epochs.is_empty(), place::TRUNCATION);
                coverage.reach_if(epochs.len() > 1, place::TRUNCATION_OVER_EPOCHS);
                partition.forget_acks_by_leader(&before, id, coverage);
            }
            Event::LogStartMoved { log_start_offset } => replica.move_start(log_start_offset),
            Event::Synced { synced_end } => {
                replica.synced_end = replica.synced_end.max(synced_end);
            }
            Event::HighWatermark { high_watermark, as_leader, leader_epoch } => {
                replica.high_watermark = high_watermark;
                if as_leader {
                    coverage.reach_if(leader_epoch < decided_epoch, place::ZOMBIE_COMMITS);
                    if partition.counts(leader_epoch) {
                        partition.commit(id, high_watermark);
                    }
                }
            }
            Event::IsrProposed { isr, .. } => {
                coverage.reach(place::ISR_PROPOSED);
                if let Some(leading) = replica.leading_mut() {
                    leading.proposed.extend(isr);
                }
            }
            Event::FollowerFetched { follower, broker_epoch, fetch_offset } => {
                if let Some(leading) = replica.leading_mut() {
                    leading.fetched.insert(follower, fetch_offset);
                    leading.fetched_in.insert(follower, broker_epoch);
                }
            }
            Event::Acknowledged { end, acks, leader_epoch, .. } => match acks {
                Acks::All if partition.counts(leader_epoch) => {
                    partition.acked_end = partition.acked_end.max(end);
                }
                Acks::Leader => {
                    partition.acked_by_leader.insert(end, leader_epoch);
                }
                _ => {}
            },
            Event::Served { .. } => {}
        }
    }

    fn assigned(&mut self, of: PartitionId, id: BrokerId, assignment: &Assignment) {
        let coverage = &mut self.coverage;
        let partition = self.partitions.entry(of).or_default();
        let decided_epoch = partition.leader_epoch();
        let replica = partition.replicas.entry(id).or_default();
        let (led, lags) = (replica.leading().is_some(), replica.high_watermark < replica.log.end());
        replica.assign(id, assignment);
        let leads = replica.leading().is_some();
        coverage.reach_if(led && !leads && lags, place::LEADER_DEPOSED_WITH_UNCOMMITTED);
        coverage.reach_if(!led && leads && lags, place::NEW_LEADER_LAGS_HIGH_WATERMARK);
        if leads && assignment.leader_epoch >= decided_epoch {
            let lost = partition.settle(id, assignment.leader_epoch);
            coverage.reach_if(lost > 0, place::COMMITTED_LOST);
        }
    }
}

impl Partition {
    /// What a leader alone had acknowledged is gone with its batches.
    fn forget_acks_by_leader(&mut self, before: &Log, broker: BrokerId, coverage: &mut Coverage) {
        let Some(replica) = self.replicas.get(&broker) else { return };
        let gone = before.beyond(replica.log.end());
        for mark in gone.filter(|mark| mark.end > self.committed.end()) {
            if self.acked_by_leader.get(&mark.end) == Some(&mark.epoch) {
                self.acked_by_leader.remove(&mark.end);
                coverage.reach(place::ACKS_ONE_LOST);
            }
        }
    }
}

/// The partitions that have a replica on a broker, with it.
fn replicas_on(
    partitions: &mut BTreeMap<PartitionId, Partition>,
    broker: BrokerId,
) -> impl Iterator<Item = (&mut super::losses::Losses, &mut Replica)> {
    partitions.values_mut().filter_map(move |partition| {
        let Partition { replicas, losses, .. } = partition;
        Some((losses, replicas.get_mut(&broker)?))
    })
}

/// The log of a replica that was opened: as it is on the disk, if anybody looked.
fn log_of(replica: &Replica, found: Option<&Found>, end: Offset) -> Log {
    match found.map(|found| found.log.clone()) {
        Some(Ok(log)) => log,
        _ => {
            let mut log = replica.log.clone();
            log.truncate(end);
            log
        }
    }
}

/// Takes note of batches that nobody was told of. Returns whether there are any.
fn register_unseen(partition: &mut Partition, log: &Log) -> bool {
    let (mut unseen, mut previous) = (false, None);
    for mark in log.marks() {
        unseen |= partition.batches.get(mark).is_none();
        partition.batches.add(*mark, previous);
        previous = Some(mark);
    }
    unseen
}
