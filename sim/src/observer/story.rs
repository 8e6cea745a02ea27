//! Stories for the tests of properties: events by hand, in a model without a world. One topic with
//! one partition on brokers 1, 2 and 3, of which two must be in sync; broker 1 leads epoch 0.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use broker::witness::{Event, ReplicaId};
use controller::Vow;
use metadata::{
    ClusterImage, MetadataRecord,
    config::Overrides,
    record::{
        BrokerRegistrationChangeRecord, FeatureLevelRecord, PartitionChangeRecord, PartitionRecord,
        ProducerIdsRecord, RegisterBrokerRecord, RemoveTopicRecord, TopicRecord,
    },
};
use protocol::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, ProducerEpoch,
    ProducerId, Sequence, TopicId, TopicName, Uuid, records::BatchHeader,
};
use replica::{Acks, Assignment};

use super::{
    Ending,
    disk::Found,
    log::{Log, header},
    model::{Judged, Model},
    partition::{Partition, PartitionId},
    replica::{Replica, Role},
};

/// A story, and what came of it.
pub(crate) struct Story {
    model: Model,
    image: ClusterImage,
    first_image: ClusterImage,
    topic: TopicId,
    index: u64,
    last_broker_epoch: i64,
    now: Duration,
    headers: BTreeMap<(Offset, LeaderEpoch), BatchHeader>,
    /// What is on disks that lost something.
    disks: BTreeMap<i32, Log>,
    violated: Option<&'static str>,
}

const PARTITION: PartitionIndex = PartitionIndex(0);
const TERM: u64 = 1;

impl Story {
    pub(crate) fn new() -> Self {
        Self::with(&[("min.insync.replicas", "2")])
    }

    pub(crate) fn unclean_allowed() -> Self {
        Self::with(&[("unclean.leader.election.enable", "true")])
    }

    pub(crate) fn synced_first() -> Self {
        Self::with(&[("min.insync.replicas", "2"), ("log.flush.interval.messages", "1")])
    }

    fn with(config: &[(&str, &str)]) -> Self {
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut story = Self {
            model: Model::new(config.collect::<Overrides>(), Duration::from_secs(1)),
            image: ClusterImage::default(),
            first_image: ClusterImage::default(),
            topic: Uuid([1; 16]),
            index: 0,
            last_broker_epoch: 0,
            now: Duration::ZERO,
            headers: BTreeMap::new(),
            disks: BTreeMap::new(),
            violated: None,
        };
        let level = metadata::MetadataVersion::LATEST.level();
        story.commit(vec![FeatureLevelRecord { name: "metadata.version".into(), level }.into()]);
        for broker in 1..=3 {
            story.model.process_started(BrokerId(broker));
            story.register(broker);
        }
        story.create_topic(1);
        story.first_image = story.image.clone();
        for broker in 1..=3 {
            story.opens(broker).assign(broker);
        }
        assert_eq!(story.violated, None, "a story begins well");
        story
    }

    /// The property that was violated first.
    pub(crate) fn violated(&self) -> Option<&'static str> {
        self.violated
    }

    pub(crate) fn reached(&self, place: &str) -> u64 {
        self.model.coverage.reached().get(place).copied().unwrap_or_default()
    }

    fn note(&mut self, judged: Judged) -> &mut Self {
        if let Err(violation) = judged {
            self.violated = self.violated.or(Some(violation.property));
        }
        self
    }

    fn of(&self) -> PartitionId {
        PartitionId { topic: self.topic, partition: PARTITION }
    }

    fn partition(&self) -> &Partition {
        &self.model.partitions[&self.of()]
    }

    fn replica(&self, broker: i32) -> &Replica {
        &self.partition().replicas[&BrokerId(broker)]
    }

    fn epoch(&self, broker: i32) -> LeaderEpoch {
        match &self.replica(broker).role {
            Role::None => LeaderEpoch(-1),
            Role::Follower { leader_epoch, .. } => *leader_epoch,
            Role::Leader(leading) => leading.leader_epoch,
        }
    }

    // What the controllers do.

    fn commit(&mut self, records: Vec<MetadataRecord>) -> &mut Self {
        records.iter().for_each(|record| self.image.replay(record));
        self.apply(1, TERM, records)
    }

    fn apply(&mut self, node: i32, term: u64, records: Vec<MetadataRecord>) -> &mut Self {
        self.index += 1;
        let image = self.image.clone();
        let judged = self.model.applied(BrokerId(node), term, self.index, &records, &image);
        self.note(judged)
    }

    fn change(&self, isr: &[i32]) -> PartitionChangeRecord {
        PartitionChangeRecord {
            topic_id: self.topic,
            partition: PARTITION,
            isr: Some(brokers(isr)),
            ..PartitionChangeRecord::default()
        }
    }

    /// The controllers decide who is in sync, and may name a leader.
    pub(crate) fn decide(&mut self, isr: &[i32], leader: Option<i32>) -> &mut Self {
        let leader = leader.map(BrokerId);
        self.commit(vec![PartitionChangeRecord { leader, ..self.change(isr) }.into()])
    }

    /// Nobody is in sync any more, and that broker led last.
    pub(crate) fn decide_last_known(&mut self, last: i32) -> &mut Self {
        self.decide_eligible(&[], last)
    }

    /// Nobody is in sync any more, those are eligible, and that broker led last.
    pub(crate) fn decide_eligible(&mut self, eligible: &[i32], last: i32) -> &mut Self {
        let change = PartitionChangeRecord {
            leader: Some(BrokerId(-1)),
            elr: Some(brokers(eligible)),
            last_known_elr: Some(brokers(&[last])),
            ..self.change(&[])
        };
        self.commit(vec![change.into()])
    }

    pub(crate) fn decide_twice(&mut self, isr: &[i32]) -> &mut Self {
        let record = MetadataRecord::from(self.change(isr));
        self.image.replay(&record);
        self.commit(vec![record])
    }

    pub(crate) fn register(&mut self, broker: i32) -> &mut Self {
        self.last_broker_epoch += 1;
        self.register_with(broker, self.last_broker_epoch)
    }

    pub(crate) fn register_with(&mut self, broker: i32, epoch: i64) -> &mut Self {
        let record = RegisterBrokerRecord {
            broker_id: BrokerId(broker),
            broker_epoch: BrokerEpoch(epoch),
            ..RegisterBrokerRecord::default()
        };
        self.commit(vec![record.into()])
    }

    pub(crate) fn fence(&mut self, broker: i32) -> &mut Self {
        let record = BrokerRegistrationChangeRecord {
            broker_id: BrokerId(broker),
            broker_epoch: BrokerEpoch(broker.into()),
            fenced: Some(true),
            ..BrokerRegistrationChangeRecord::default()
        };
        self.commit(vec![record.into()])
    }

    pub(crate) fn take_producer_ids(&mut self, next: i64) -> &mut Self {
        let next_producer_id = ProducerId(next);
        self.commit(vec![ProducerIdsRecord { next_producer_id, ..Default::default() }.into()])
    }

    pub(crate) fn create_topic(&mut self, id: u8) -> &mut Self {
        self.topic = Uuid([id; 16]);
        let partition = PartitionRecord {
            topic_id: self.topic,
            partition: PARTITION,
            replicas: brokers(&[1, 2, 3]),
            directories: vec![Uuid::ZERO; 3],
            isr: brokers(&[1, 2, 3]),
            leader: BrokerId(1),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            ..PartitionRecord::default()
        };
        let topic = TopicRecord { name: TopicName::from("orders"), topic_id: self.topic };
        self.commit(vec![topic.into(), partition.into()])
    }

    pub(crate) fn delete_topic(&mut self) -> &mut Self {
        self.commit(vec![RemoveTopicRecord { topic_id: self.topic }.into()])
    }

    pub(crate) fn request_unclean(&mut self) -> &mut Self {
        self.model.unclean_election_requested(&TopicName::from("orders"));
        self
    }

    pub(crate) fn active(&mut self, node: i32, term: u64) -> &mut Self {
        let judged = self.model.active(BrokerId(node), term, self.now);
        self.note(judged)
    }

    /// Time goes by, in milliseconds.
    pub(crate) fn passes(&mut self, millis: u64) -> &mut Self {
        self.now += Duration::from_millis(millis);
        self
    }

    pub(crate) fn vow(&mut self, node: i32, vow: Vow) -> &mut Self {
        self.model.quorum.vowed(BrokerId(node), vow);
        self
    }

    /// A controller starts, and has this in its store.
    pub(crate) fn remembers(&mut self, node: i32, vows: &[Vow]) -> &mut Self {
        let judged = self.model.remembered(BrokerId(node), vows);
        self.note(judged)
    }

    pub(crate) fn serves(&mut self, broker: i32) -> &mut Self {
        let judged = self.model.serves(BrokerId(broker));
        self.note(judged)
    }

    /// Another controller applies the last entry.
    pub(crate) fn follow(&mut self, node: i32) -> &mut Self {
        self.index -= 1;
        self.apply(node, TERM, Vec::new())
    }

    pub(crate) fn follow_in_another_term(&mut self, node: i32) -> &mut Self {
        self.index -= 1;
        self.apply(node, TERM + 1, Vec::new())
    }

    pub(crate) fn follow_with_an_empty_image(&mut self, node: i32) -> &mut Self {
        self.image = ClusterImage::default();
        self.follow(node)
    }

    pub(crate) fn restore(&mut self, node: i32) -> &mut Self {
        let image = self.image.clone();
        let judged = self.model.restored(BrokerId(node), self.index, &image);
        self.note(judged)
    }

    pub(crate) fn restore_an_empty_image(&mut self, node: i32) -> &mut Self {
        self.image = ClusterImage::default();
        self.restore(node)
    }

    // What brokers show.

    fn publish_at(&mut self, broker: i32, index: u64, image: &ClusterImage) -> &mut Self {
        let index = i64::try_from(index).unwrap();
        let judged = self.model.published(BrokerId(broker), index, image);
        self.note(judged)
    }

    pub(crate) fn publish(&mut self, broker: i32) -> &mut Self {
        let image = self.image.clone();
        self.publish_at(broker, self.index, &image)
    }

    pub(crate) fn publish_ahead(&mut self, broker: i32) -> &mut Self {
        let image = self.image.clone();
        self.publish_at(broker, self.index + 1, &image)
    }

    pub(crate) fn publish_the_first(&mut self, broker: i32) -> &mut Self {
        let image = self.first_image.clone();
        self.publish_at(broker, 5, &image)
    }

    pub(crate) fn publish_an_empty_image(&mut self, broker: i32) -> &mut Self {
        self.publish_at(broker, self.index, &ClusterImage::default())
    }

    // What machines go through.

    pub(crate) fn kill(&mut self, broker: i32) -> &mut Self {
        self.model.process_ended(BrokerId(broker), Ending::Killed);
        self
    }

    /// The power goes, and the log up to an offset is left.
    pub(crate) fn lose_power(&mut self, broker: i32, left: i64) -> &mut Self {
        self.model.process_ended(BrokerId(broker), Ending::PowerLost);
        self.forget(broker, left)
    }

    /// The disk loses what is behind an offset, for no reason at all.
    pub(crate) fn forget(&mut self, broker: i32, left: i64) -> &mut Self {
        let mut log = self.replica(broker).log.clone();
        log.truncate(Offset(left));
        self.disks.insert(broker, log);
        self
    }

    pub(crate) fn wipe(&mut self, broker: i32) -> &mut Self {
        self.model.process_ended(BrokerId(broker), Ending::PowerLost);
        self.model.wiped(BrokerId(broker));
        self.disks.remove(&broker);
        self
    }

    pub(crate) fn damage(&mut self, broker: i32) -> &mut Self {
        self.model.disk_damaged(BrokerId(broker));
        self
    }

    // What replicas do.

    fn saw(&mut self, broker: i32, event: &Event<'_>) -> &mut Self {
        self.saw_and_found(broker, event, None)
    }

    fn saw_and_found(&mut self, broker: i32, event: &Event<'_>, found: Option<Found>) -> &mut Self {
        let broker = BrokerId(broker);
        let replica = ReplicaId { topic: self.topic, partition: PARTITION, broker };
        let judged = self.model.saw(replica, event, found);
        self.note(judged)
    }

    fn opens_and_finds(&mut self, broker: i32, end: Offset, found: Found) -> &mut Self {
        self.model.process_started(BrokerId(broker));
        let event = Event::Opened {
            log_start_offset: Offset(0),
            log_end_offset: end,
            high_watermark: Offset(0),
        };
        self.saw_and_found(broker, &event, Some(found))
    }

    fn on_disk(&self, broker: i32) -> Log {
        let known = self.partition().replicas.get(&BrokerId(broker));
        let left = self.disks.get(&broker).cloned();
        left.or_else(|| known.map(|replica| replica.log.clone())).unwrap_or_default()
    }

    /// A process starts, and finds what is there.
    pub(crate) fn opens(&mut self, broker: i32) -> &mut Self {
        let log = self.on_disk(broker);
        let end = log.end();
        self.opens_and_finds(broker, end, Found::of(Some(self.topic), Ok(log)))
    }

    /// A process starts, and believes in an end that need not be there.
    pub(crate) fn opens_with(&mut self, broker: i32, end: i64) -> &mut Self {
        let log = self.on_disk(broker);
        self.opens_and_finds(broker, Offset(end), Found::of(None, Ok(log)))
    }

    pub(crate) fn opens_torn(&mut self, broker: i32) -> &mut Self {
        let end = self.on_disk(broker).end();
        self.opens_and_finds(broker, end, Found::of(None, Err("torn".into())))
    }

    pub(crate) fn opens_as_another_topics(&mut self, broker: i32) -> &mut Self {
        let log = self.on_disk(broker);
        let end = log.end();
        self.opens_and_finds(broker, end, Found::of(Some(Uuid([9; 16])), Ok(log)))
    }

    /// A replica learns what was decided last.
    pub(crate) fn assign(&mut self, broker: i32) -> &mut Self {
        let decided = self.partition().decided.clone().unwrap();
        let assignment = Assignment {
            partition_epoch: decided.partition_epoch,
            leader_epoch: decided.leader_epoch,
            leader: decided.leader.unwrap_or_default(),
            replicas: decided.replicas,
            isr: decided.isr,
        };
        self.saw(broker, &Event::Assigned(&assignment))
    }

    /// A replica learns what nobody decided.
    pub(crate) fn assign_as(&mut self, broker: i32, leader: i32, epoch: i32) -> &mut Self {
        let assignment = Assignment {
            partition_epoch: PartitionEpoch(9),
            leader_epoch: LeaderEpoch(epoch),
            leader: BrokerId(leader),
            replicas: brokers(&[1, 2, 3]),
            isr: brokers(&[1, 2, 3]),
        };
        self.saw(broker, &Event::Assigned(&assignment))
    }

    fn appends(&mut self, broker: i32, header: &BatchHeader, as_leader: bool) -> &mut Self {
        let place = (header.base_offset, header.partition_leader_epoch);
        self.headers.entry(place).or_insert(*header);
        let leader_epoch =
            if as_leader { header.partition_leader_epoch } else { self.epoch(broker) };
        self.saw(broker, &Event::Appended { header, as_leader, leader_epoch })
    }

    /// A leader appends a batch of so many records.
    pub(crate) fn append(&mut self, leader: i32, records: i64) -> &mut Self {
        let base = self.replica(leader).log.end().0;
        let header = header(base, base + records, self.epoch(leader).0);
        self.appends(leader, &header, true)
    }

    pub(crate) fn append_of_producer(
        &mut self,
        leader: i32,
        producer: i64,
        producer_epoch: i16,
        sequence: i32,
        records: i64,
    ) -> &mut Self {
        let base = self.replica(leader).log.end().0;
        let header = BatchHeader {
            producer_id: ProducerId(producer),
            producer_epoch: ProducerEpoch(producer_epoch),
            base_sequence: Sequence(sequence),
            ..header(base, base + records, self.epoch(leader).0)
        };
        self.appends(leader, &header, true)
    }

    pub(crate) fn appends_as_leader(
        &mut self,
        broker: i32,
        base: i64,
        end: i64,
        epoch: i32,
    ) -> &mut Self {
        self.appends(broker, &header(base, end, epoch), true)
    }

    pub(crate) fn appends_as_follower(
        &mut self,
        broker: i32,
        base: i64,
        end: i64,
        epoch: i32,
        crc: u32,
    ) -> &mut Self {
        self.appends(broker, &BatchHeader { crc, ..header(base, end, epoch) }, false)
    }

    /// A follower appends the batch that has that place in another one's log.
    pub(crate) fn copies(&mut self, follower: i32, from: i32, place: usize) -> &mut Self {
        let mark = *self.replica(from).log.marks().nth(place).unwrap();
        let header = self.headers[&(mark.base, mark.epoch)];
        self.appends(follower, &header, false)
    }

    /// A follower appends what the leader has and it hasn't.
    pub(crate) fn replicate(&mut self, follower: i32) -> &mut Self {
        let leader = self.partition().decided.as_ref().unwrap().leader.unwrap();
        let end = self.replica(follower).log.end();
        let missing: Vec<_> = self.replica(leader.0).log.beyond(end).copied().collect();
        for mark in missing {
            let header = self.headers[&(mark.base, mark.epoch)];
            self.appends(follower, &header, false);
        }
        self
    }

    /// All followers append what the leader has, the leader hears of it and commits.
    pub(crate) fn replicate_to_all(&mut self) -> &mut Self {
        let leader = self.partition().decided.as_ref().unwrap().leader.unwrap().0;
        for follower in (1..=3).filter(|broker| *broker != leader) {
            self.replicate(follower).fetched(leader, follower);
        }
        let end = self.replica(leader).log.end().0;
        self.claim_high_watermark(leader, end)
    }

    /// The leader hears that a follower fetches from its end.
    pub(crate) fn fetched(&mut self, leader: i32, follower: i32) -> &mut Self {
        let fetch_offset = self.replica(follower).log.end();
        let follower = BrokerId(follower);
        let broker_epoch = self.image.brokers().get(follower).unwrap().epoch;
        self.saw(leader, &Event::FollowerFetched { follower, broker_epoch, fetch_offset })
    }

    pub(crate) fn claim_high_watermark(&mut self, leader: i32, offset: i64) -> &mut Self {
        let leader_epoch = self.epoch(leader);
        let high_watermark = Offset(offset);
        let event = Event::HighWatermark { high_watermark, as_leader: true, leader_epoch };
        self.saw(leader, &event)
    }

    pub(crate) fn follower_high_watermark(&mut self, follower: i32, offset: i64) -> &mut Self {
        let leader_epoch = self.epoch(follower);
        let high_watermark = Offset(offset);
        let event = Event::HighWatermark { high_watermark, as_leader: false, leader_epoch };
        self.saw(follower, &event)
    }

    pub(crate) fn propose(&mut self, leader: i32, isr: &[i32]) -> &mut Self {
        let isr = isr.iter().copied().map(BrokerId).collect();
        let leader_epoch = self.epoch(leader);
        self.saw(leader, &Event::IsrProposed { isr: &isr, leader_epoch })
    }

    pub(crate) fn acknowledge(&mut self, leader: i32, end: i64) -> &mut Self {
        let isr: Vec<_> = self.replica(leader).leading().unwrap().isr.iter().map(|b| b.0).collect();
        self.acknowledge_with(leader, end, &isr)
    }

    pub(crate) fn acknowledge_with(&mut self, leader: i32, end: i64, isr: &[i32]) -> &mut Self {
        let isr: BTreeSet<_> = isr.iter().copied().map(BrokerId).collect();
        let event = Event::Acknowledged {
            end: Offset(end),
            acks: Acks::All,
            leader_epoch: self.epoch(leader),
            isr: &isr,
            min_insync_replicas: 2,
        };
        self.saw(leader, &event)
    }

    pub(crate) fn serve(&mut self, broker: i32, from: i64, up_to: i64) -> &mut Self {
        let leader_epoch = self.epoch(broker);
        let (from, up_to) = (Offset(from), Offset(up_to));
        self.saw(broker, &Event::Served { from, up_to, leader_epoch })
    }

    /// A replica is about to cut its log, and may not live to say that it has.
    pub(crate) fn begin_truncation(&mut self, broker: i32, from: i64) -> &mut Self {
        self.saw(broker, &Event::Truncating { from: Offset(from) })
    }

    pub(crate) fn truncate(&mut self, broker: i32, end: i64) -> &mut Self {
        self.saw(broker, &Event::Truncated { log_end_offset: Offset(end) })
    }

    pub(crate) fn sync(&mut self, broker: i32, end: i64) -> &mut Self {
        self.saw(broker, &Event::Synced { synced_end: Offset(end) })
    }

    /// It says that it has synced so far, and its device has the log up to there.
    pub(crate) fn sync_with(&mut self, broker: i32, end: i64, on_device: i64) -> &mut Self {
        let mut log = self.replica(broker).log.clone();
        log.truncate(Offset(on_device));
        let event = Event::Synced { synced_end: Offset(end) };
        self.saw_and_found(broker, &event, Some(Found::of(Some(self.topic), Ok(log))))
    }

    /// The same, and the index of a segment is wrong.
    pub(crate) fn sync_misled(&mut self, broker: i32, end: i64) -> &mut Self {
        let log = self.replica(broker).log.clone();
        let misleading = Some("an index is wrong".to_owned());
        let found = Found { misleading, ..Found::of(Some(self.topic), Ok(log)) };
        let event = Event::Synced { synced_end: Offset(end) };
        self.saw_and_found(broker, &event, Some(found))
    }
}

fn brokers(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}
