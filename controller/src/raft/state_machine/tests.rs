use std::path::Path;

use metadata::{
    MetadataRecord, MetadataVersion, RecordBatch,
    record::{FeatureLevelRecord, ProducerIdsRecord, TopicRecord},
};
use openraft::{
    RaftLogReader, StorageError,
    storage::RaftLogStorage,
    testing::log::{StoreBuilder, Suite},
};
use protocol::{BrokerId, DecodeError, ProducerId, Stored, Uuid};
use store::{Batch, Durability, MemoryStores, RocksStores, Store, Stores};

use super::*;
use crate::{
    keys,
    raft::{
        stored::{RecordsEntry, encode_entry},
        type_config::{Payload, Stamp, Vote, VoterKey},
    },
};

/// openraft's suite numbers its voters.
impl From<u64> for VoterKey {
    fn from(number: u64) -> Self {
        let node_id = BrokerId(i32::try_from(number).unwrap());
        Self { node_id, directory_id: Uuid([9; 16]) }
    }
}

fn open(store: Arc<dyn Store>) -> Result<(LogStore, StateMachine), Error> {
    let log = LogStore::open(store.clone(), BrokerId(1), Arc::new(crate::Nobody))?;
    let snapshots = Arc::new(Snapshots::new(store));
    let shown = Shown {
        node: BrokerId(1),
        published: Arc::default(),
        events: Arc::default(),
        witness: Arc::new(crate::Nobody),
    };
    let machine = StateMachine::load(&log, snapshots, shown, Arc::default())?;
    Ok((log, machine))
}

fn memory() -> Arc<dyn Store> {
    MemoryStores::default().open(Path::new("metadata")).unwrap()
}

/// The twin conforms to the same suite as RocksDB does, and opens a thousand times faster.
struct InMemory;

impl StoreBuilder<TypeConfig, LogStore, StateMachine> for InMemory {
    async fn build(&self) -> Result<((), LogStore, StateMachine), StorageError<TypeConfig>> {
        let (log, machine) = open(memory()).unwrap();
        Ok(((), log, machine))
    }
}

#[tokio::test]
async fn log_and_state_machine_pass_openrafts_own_suite() {
    Suite::<TypeConfig, _, _, _, _>::test_all(InMemory).await.unwrap();
}

fn topic(name: &str, id: u8) -> MetadataRecord {
    TopicRecord { name: name.into(), topic_id: Uuid([id; 16]) }.into()
}

fn next_id(next: i64) -> MetadataRecord {
    ProducerIdsRecord { next_producer_id: ProducerId(next), ..Default::default() }.into()
}

fn entry(index: u64, base: Option<u64>, records: &[MetadataRecord]) -> Entry {
    let base = base.map(|index| Position { term: 1, index });
    let batch = RecordBatch::pack(records, MetadataVersion::LATEST);
    let payload = Payload::Normal(Proposal { base, batch, stamp: Stamp::default() });
    Entry { log_id: LogId::new_term_index(1, index), payload }
}

/// Puts entries into the log, and says how far they are committed.
fn write(store: &dyn Store, entries: &[Entry], committed: u64) {
    let mut batch = Batch::new();
    for entry in entries {
        batch.put(keys::log(entry.log_id.index), encode_entry(entry));
    }
    let position = Position { term: 1, index: committed };
    batch.put(keys::COMMITTED, crate::raft::stored::StoredPosition { position }.to_bytes());
    store.write(batch, Durability::Synced).unwrap();
}

#[test]
fn a_start_replays_what_is_committed_and_no_more() {
    let store = memory();
    let entries = [
        entry(0, None, &[topic("a", 1)]),
        entry(1, Some(0), &[topic("b", 2)]),
        entry(2, Some(1), &[topic("c", 3)]),
    ];
    write(&*store, &entries, 1);
    let (_, machine) = open(store).unwrap();
    let names: Vec<_> =
        machine.applied.image.topics().iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(machine.applied.index(), 1);
}

#[test]
fn an_entry_that_was_decided_on_another_image_changes_nothing() {
    let store = memory();
    let entries = [
        entry(0, None, &[next_id(1000)]),
        entry(1, None, &[next_id(1000)]),
        entry(2, Some(0), &[next_id(2000)]),
        entry(3, Some(1), &[next_id(9000)]),
    ];
    write(&*store, &entries, 3);
    let (_, machine) = open(store).unwrap();
    assert_eq!(machine.applied.image.next_producer_id(), ProducerId(2000));
    assert_eq!(machine.applied.changed, Some(Position { term: 1, index: 2 }));
    assert_eq!(machine.applied.index(), 3);
}

#[tokio::test]
async fn a_snapshot_and_the_entries_after_it_make_the_same_image() {
    let store = memory();
    let entries = [
        entry(0, None, &[topic("a", 1)]),
        entry(1, Some(0), &[topic("b", 2)]),
        entry(2, Some(1), &[topic("c", 3)]),
    ];
    write(&*store, &entries, 1);
    let (mut log, mut machine) = open(store.clone()).unwrap();
    machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
    log.purge(LogId::new_term_index(1, 1)).await.unwrap();
    write(&*store, &[], 2);

    let (mut log, machine) = open(store).unwrap();
    assert_eq!(log.try_get_log_entries(0..9).await.unwrap().len(), 1);
    let names: Vec<_> =
        machine.applied.image.topics().iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_late_snapshot_does_not_replace_a_later_one() {
    let store = memory();
    write(&*store, &[entry(0, None, &[topic("a", 1)])], 0);
    let (_, mut early) = open(store.clone()).unwrap();
    let mut builder = early.get_snapshot_builder().await;

    write(&*store, &[entry(1, Some(0), &[topic("b", 2)])], 1);
    let (_, mut late) = open(store.clone()).unwrap();
    late.get_snapshot_builder().await.build_snapshot().await.unwrap();
    builder.build_snapshot().await.unwrap();

    let current = Snapshots::new(store).load().unwrap().unwrap();
    assert_eq!(current.meta.last_log_id, Some(LogId::new_term_index(1, 1)));
}

#[test]
fn an_unknown_record_refuses_the_start_with_one_line_committed_or_not() {
    for committed in [0, 1] {
        let store = memory();
        write(&*store, &[entry(0, None, &[topic("a", 1)])], committed);
        let unknown = RecordBatch { records: vec![Bytes::from_static(&[0xff, 0x7f, 0, 0])] };
        let records = RecordsEntry {
            position: Position { term: 1, index: 1 },
            base: Some(Position { term: 1, index: 0 }),
            batch: unknown.to_bytes(),
            ..RecordsEntry::default()
        };
        let mut batch = Batch::new();
        batch.put(keys::log(1), records.to_bytes());
        store.write(batch, Durability::Synced).unwrap();

        let error = open(store).unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry 1 of the metadata log cannot be read: unknown record type 16383 \
             (a newer version of ottla wrote it: start that one)"
        );
    }
}

#[test]
fn a_metadata_version_of_a_later_build_refuses_the_start_with_one_line() {
    let store = memory();
    let level = MetadataVersion::LATEST.level() + 1;
    let record = FeatureLevelRecord { name: MetadataVersion::FEATURE.into(), level };
    write(&*store, &[entry(0, None, &[record.into()])], 0);
    let error = open(store).unwrap_err();
    let expected = format!(
        "the cluster's metadata.version is {level}, and this version of ottla knows none above {}",
        MetadataVersion::LATEST
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_hole_in_the_log_refuses_the_start() {
    for (entries, missing) in [
        (vec![entry(1, None, &[topic("a", 1)])], 0),
        (vec![entry(0, None, &[topic("a", 1)]), entry(2, Some(0), &[topic("b", 2)])], 1),
    ] {
        let store = memory();
        write(&*store, &entries, 2);
        let error = open(store).unwrap_err();
        assert!(matches!(error, Error::Hole { index } if index == missing), "{error}");
    }
}

#[test]
fn an_entry_under_another_ones_key_is_noticed() {
    let store = memory();
    let mut batch = Batch::new();
    batch.put(keys::log(0), encode_entry(&entry(5, None, &[])));
    store.write(batch, Durability::Synced).unwrap();
    let error = open(store).unwrap_err();
    assert!(matches!(error, Error::Entry { index: 0, source: DecodeError::Invalid(_) }), "{error}");
}

#[tokio::test]
async fn a_vote_is_there_after_the_process_died() {
    let dir = tempfile::tempdir().unwrap();
    let vote = Vote::new(7, VoterKey::from(3));
    let (mut log, _) = open(RocksStores::default().open(dir.path()).unwrap()).unwrap();
    log.save_vote(&vote).await.unwrap();
    drop(log);
    let (mut log, _) = open(RocksStores::default().open(dir.path()).unwrap()).unwrap();
    assert_eq!(log.read_vote().await.unwrap(), Some(vote));
}
