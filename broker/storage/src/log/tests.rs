//! A log on a real file system: the files, their names and bytes, and the rules of rolling and
//! retention. What survives crashes is tested with the simulated disk.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use protocol::{
    BrokerEpoch, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicPartition, Uuid,
    records::{BatchBuilder, BatchHeader, BatchOptions},
};

use super::{FirstBatch, Log};
use crate::{Error, LogConfig, LogDir, Replay, disk::OsDisk};

const TOPIC_ID: Uuid = Uuid([9; 16]);

fn partition() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(3) }
}

struct Fixture {
    root: tempfile::TempDir,
    log: Log,
}

impl Fixture {
    fn new(config: LogConfig) -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = LogDir::open(Arc::new(OsDisk), root.path()).unwrap();
        let log = dir.create_log(&partition(), Some(TOPIC_ID), config, Timestamp(0)).unwrap();
        Self { root, log }
    }

    fn append(&mut self, timestamp: i64, value_len: usize) -> Result<(), Error> {
        let batch = batch(self.log.log_end_offset(), 0, timestamp, value_len);
        let header = BatchHeader::parse(&batch).unwrap();
        self.log.append(&batch, &header, Timestamp(timestamp), Vec::new)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("orders-3").join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        crate::disk::read_file(&OsDisk, &self.path(name)).unwrap().unwrap()
    }

    fn names(&self) -> Vec<String> {
        use crate::disk::Disk as _;
        let names = OsDisk.list(&self.path("")).unwrap();
        names.into_iter().map(|entry| entry.name).collect()
    }

    fn segments(&self) -> Vec<i64> {
        self.log.segment_base_offsets().map(|base| base.0).collect()
    }

    fn reopen(self, config: LogConfig, replay: &mut dyn Replay) -> Self {
        let Self { root, log } = self;
        drop(log);
        let dir = LogDir::open(Arc::new(OsDisk), root.path()).unwrap();
        let topic_id = dir.topic_id(&partition()).unwrap();
        let log = dir.open_log(&partition(), topic_id, config, Timestamp(0), replay).unwrap();
        Self { root, log }
    }
}

fn batch(base_offset: Offset, epoch: i32, timestamp: i64, value_len: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.append(Timestamp(timestamp), None, Some(&vec![b'v'; value_len]), &[]);
    builder.append(Timestamp(timestamp + 1), None, Some(b"second"), &[]);
    builder.finish(&BatchOptions {
        base_offset,
        partition_leader_epoch: LeaderEpoch(epoch),
        ..BatchOptions::default()
    })
}

fn small(segment_bytes: u32) -> LogConfig {
    LogConfig { segment_bytes, index_interval_bytes: 100, ..LogConfig::default() }
}

#[test]
fn a_new_log_is_a_directory_with_the_topic_id_and_nothing_else() {
    let fixture = Fixture::new(LogConfig::default());
    assert_eq!(fixture.names(), ["partition.metadata"]);
    let text = format!("version: 0\ntopic_id: {TOPIC_ID}");
    assert_eq!(fixture.bytes("partition.metadata"), text.as_bytes());
}

#[test]
fn the_log_file_is_the_batches_as_they_were_appended() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.append(1000, 10).unwrap();
    fixture.append(2000, 10).unwrap();
    let expected = [batch(Offset(0), 0, 1000, 10), batch(Offset(2), 0, 2000, 10)].concat();
    assert_eq!(fixture.bytes("00000000000000000000.log"), expected);
}

#[test]
fn a_closed_log_has_kafkas_files() {
    let mut fixture = Fixture::new(small(600));
    for at in 0..6 {
        fixture.append(1000 + at * 10, 100).unwrap();
    }
    let size = batch(Offset(0), 0, 0, 100).len();
    assert_eq!(fixture.segments(), [0, 6], "three batches of {size} bytes fit in 600");
    fixture.log.close(&[]).unwrap();
    fixture.log.log_dir().close(BrokerEpoch(5)).unwrap();
    assert_eq!(
        fixture.names(),
        [
            "00000000000000000000.index",
            "00000000000000000000.log",
            "00000000000000000000.timeindex",
            "00000000000000000006.index",
            "00000000000000000006.log",
            "00000000000000000006.snapshot",
            "00000000000000000006.timeindex",
            "00000000000000000012.snapshot",
            "leader-epoch-checkpoint",
            "partition.metadata",
        ]
    );
    // An entry: the batch's last offset, and where it starts.
    let size = u32::try_from(size).unwrap();
    let index = [[0, 0, 0, 3], size.to_be_bytes(), [0, 0, 0, 5], (2 * size).to_be_bytes()];
    assert_eq!(fixture.bytes("00000000000000000000.index"), index.concat());
    // An entry: the largest timestamp, and the last offset of its batch.
    let time_index =
        [[0, 0, 0, 0, 0, 0, 3, 0xf3, 0, 0, 0, 3], [0, 0, 0, 0, 0, 0, 3, 0xfd, 0, 0, 0, 5]];
    assert_eq!(fixture.bytes("00000000000000000000.timeindex"), time_index.concat());
    assert_eq!(fixture.bytes("leader-epoch-checkpoint"), b"0\n1\n0 0\n");
    let marker = crate::disk::read_file(&OsDisk, &fixture.root.path().join(".kafka_cleanshutdown"));
    assert_eq!(marker.unwrap().unwrap(), br#"{"version":0,"brokerEpoch":5}"#);
    let path = fixture.root.path().join("recovery-point-offset-checkpoint");
    let text = crate::disk::read_file(&OsDisk, &path).unwrap().unwrap();
    assert_eq!(text, b"0\n1\norders 3 12\n");
}

#[test]
fn segments_are_rolled_by_the_time_in_the_records() {
    let config = LogConfig { segment_ms: 1000, ..LogConfig::default() };
    let mut fixture = Fixture::new(config);
    for timestamp in [5000, 5999, 6000, 6003] {
        fixture.append(timestamp, 10).unwrap();
    }
    // Kafka compares the batches' largest timestamps, here one more than the first record's.
    assert_eq!(fixture.segments(), [0, 6]);
}

#[test]
fn a_segment_whose_index_is_full_is_rolled() {
    let config = LogConfig { segment_index_bytes: 24, index_interval_bytes: 1, ..small(1 << 20) };
    let mut fixture = Fixture::new(config);
    for at in 0..4 {
        fixture.append(at * 10, 10).unwrap();
    }
    assert!(fixture.segments().len() > 1);
}

#[test]
fn retention_deletes_old_segments_below_the_high_watermark() {
    let config = LogConfig { retention_ms: Some(100), ..small(300) };
    let mut fixture = Fixture::new(config);
    for at in 0..6 {
        fixture.append(at * 50, 100).unwrap();
    }
    assert_eq!(fixture.segments(), [0, 2, 4, 6, 8, 10]);
    let mut delete = |now, high_watermark| {
        fixture.log.delete_old_segments(Timestamp(now), Offset(high_watermark), Vec::new).unwrap()
    };
    assert_eq!(delete(1000, 3), 1, "not beyond the high watermark");
    assert_eq!(delete(200, 12), 1, "not what is young enough");
    assert_eq!(delete(200, 12), 0);
    assert_eq!(delete(1000, 12), 4, "all of them: there is a new one");
    assert_eq!(fixture.segments(), [12]);
    assert_eq!(fixture.log.log_start_offset(), Offset(12));
    let fixture = fixture.reopen(small(300), &mut ());
    assert_eq!(fixture.log.log_end_offset(), Offset(12), "not forgotten with the records");
}

#[test]
fn retention_by_size_keeps_at_least_so_much() {
    let mut fixture = Fixture::new(LogConfig { retention_ms: None, ..small(300) });
    for at in 0..6 {
        fixture.append(at, 100).unwrap();
    }
    let size = fixture.log.size_in_bytes() / 6;
    let config = LogConfig { retention_bytes: Some(size * 3 + 1), ..fixture.log.config().clone() };
    fixture.log.set_config(config);
    let now = Timestamp(0);
    assert_eq!(fixture.log.delete_old_segments(now, Offset(12), Vec::new).unwrap(), 2);
    assert_eq!(fixture.segments(), [4, 6, 8, 10]);
}

#[test]
fn the_log_start_offset_is_advanced_and_its_segments_go() {
    let mut fixture = Fixture::new(LogConfig { retention_ms: None, ..small(300) });
    for at in 0..3 {
        fixture.append(at, 100).unwrap();
    }
    fixture.log.advance_log_start_offset(Offset(3)).unwrap();
    assert!(fixture.log.locate(Offset(2), 1, Offset(6), FirstBatch::Whole).is_err());
    assert_eq!(fixture.log.delete_old_segments(Timestamp(0), Offset(6), Vec::new).unwrap(), 1);
    assert_eq!(fixture.segments(), [2, 4]);
    assert_eq!(fixture.log.log_start_offset(), Offset(3));
    assert!(fixture.log.advance_log_start_offset(Offset(7)).is_err(), "behind the end");
    fixture.log.log_dir().checkpoint().unwrap();
    let fixture = fixture.reopen(small(300), &mut ());
    assert_eq!(fixture.log.log_start_offset(), Offset(3));
}

#[test]
fn reads_obey_their_limits() {
    let mut fixture = Fixture::new(LogConfig::default());
    for at in 0..3 {
        fixture.append(at, 100).unwrap();
    }
    let size = batch(Offset(0), 0, 0, 100).len();
    let len = |from, max_bytes, up_to, first| {
        let slice = fixture.log.locate(Offset(from), max_bytes, Offset(up_to), first).unwrap();
        assert_eq!(slice.read_hot().unwrap().unwrap(), slice.read().unwrap());
        slice.read().unwrap().len()
    };
    assert_eq!(len(0, usize::MAX, 6, FirstBatch::Limited), 3 * size);
    assert_eq!(len(1, 2 * size, 6, FirstBatch::Limited), 2 * size);
    assert_eq!(len(1, 2 * size - 1, 6, FirstBatch::Limited), size);
    assert_eq!(len(1, 1, 6, FirstBatch::Limited), 0);
    assert_eq!(len(1, 1, 6, FirstBatch::Whole), size);
    assert_eq!(len(2, usize::MAX, 4, FirstBatch::Whole), size, "up to");
    assert_eq!(len(6, usize::MAX, 6, FirstBatch::Whole), 0, "the end");
}

#[test]
fn a_slice_that_was_located_before_a_truncation_reads_nothing() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.append(0, 10).unwrap();
    let slice = fixture.log.locate(Offset(0), 1, Offset(2), FirstBatch::Whole).unwrap();
    fixture.log.truncate_to(Offset(0), Timestamp(0)).unwrap();
    fixture.append(7, 10).unwrap();
    assert!(slice.read().unwrap().is_empty());
}

#[test]
fn batches_of_followers_may_have_gaps_between_them() {
    let mut fixture = Fixture::new(LogConfig { compact: true, ..small(300) });
    let batches = [batch(Offset(5), 1, 10, 10), batch(Offset(20), 2, 20, 10)];
    let headers = batches.each_ref().map(|batch| BatchHeader::parse(batch).unwrap());
    let log = &mut fixture.log;
    log.append_fetched(&batches.concat(), &headers, Timestamp(0), Vec::new).unwrap();
    let far = batch(Offset(1 << 33), 2, 20, 300);
    let header = BatchHeader::parse(&far).unwrap();
    log.append_fetched(&far, &[header], Timestamp(0), Vec::new).unwrap();
    let fixture = fixture.reopen(LogConfig { compact: true, ..small(300) }, &mut ());
    let read = |from: i64| {
        let end = fixture.log.log_end_offset();
        fixture.log.locate(Offset(from), 1, end, FirstBatch::Whole).unwrap().read().unwrap()
    };
    assert_eq!(read(0), batches[0]);
    assert_eq!(read(7), batches[1]);
    assert_eq!(read(22), far, "in the next segment");
    assert_eq!(fixture.log.epoch_end_offset(LeaderEpoch(1)), Some((LeaderEpoch(1), Offset(20))));
}

#[test]
fn a_log_without_its_indexes_and_epochs_gets_them_again() {
    let mut fixture = Fixture::new(small(600));
    for at in 0..9 {
        fixture.append(1000 + at * 10, 100).unwrap();
    }
    fixture.log.close(&[]).unwrap();
    fixture.log.log_dir().close(BrokerEpoch(5)).unwrap();
    let derived: Vec<String> = fixture
        .names()
        .into_iter()
        .filter(|name| name.ends_with("index") || name.starts_with("leader"))
        .collect();
    let before: Vec<Vec<u8>> = derived.iter().map(|name| fixture.bytes(name)).collect();
    for name in &derived {
        use crate::disk::Disk as _;
        OsDisk.remove_file(&fixture.path(name)).unwrap();
    }
    let mut fixture = fixture.reopen(small(600), &mut ());
    assert_eq!(fixture.log.latest_epoch(), Some(LeaderEpoch(0)));
    assert_eq!(fixture.log.log_end_offset(), Offset(18));
    fixture.log.close(&[]).unwrap();
    for (name, bytes) in derived.iter().zip(before) {
        assert_eq!(fixture.bytes(name), bytes, "{name}");
    }
}

#[test]
fn a_log_that_nobody_wrote_to_is_closed_without_a_trace() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.log.assign_epoch(LeaderEpoch(3), Offset(0));
    fixture.log.close(&[]).unwrap();
    assert_eq!(fixture.names(), ["partition.metadata"]);

    fixture.append(0, 10).unwrap();
    fixture.log.close(&[]).unwrap();
    fixture.log.log_dir().close(BrokerEpoch(5)).unwrap();
    let names = fixture.names();
    let epochs = fixture.bytes("leader-epoch-checkpoint");
    let mut fixture = fixture.reopen(LogConfig::default(), &mut ());
    fixture.log.assign_epoch(LeaderEpoch(4), fixture.log.log_end_offset());
    fixture.log.close(&[]).unwrap();
    assert_eq!(fixture.names(), names);
    assert_eq!(fixture.bytes("leader-epoch-checkpoint"), epochs);
    assert!(fixture.log.log_dir().is_marked_clean(), "nothing was written");
}

#[test]
fn a_deleted_log_is_renamed_as_in_kafka_and_then_removed() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.append(0, 10).unwrap();
    let dir = Arc::clone(fixture.log.log_dir());
    let removal = dir.delete_log(&fixture.log, Uuid([0xab; 16])).unwrap();
    assert_eq!(dir.partitions().unwrap(), []);
    let renamed = fixture.root.path().join(format!("orders-3.{}-delete", "ab".repeat(16)));
    assert!(renamed.exists());
    removal.run().unwrap();
    assert!(!renamed.exists());
    dir.create_log(&partition(), None, LogConfig::default(), Timestamp(0)).unwrap();
}
