//! A log beside a plain list of what was appended to it, and the comparison of the two.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use protocol::{
    LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, ProducerStateEntry, Sequence,
    Timestamp, TopicPartition,
    records::{Batch, BatchBuilder, BatchHeader, BatchOptions, Compression},
};
use simdisk::{Rng, SimDisk};
use storage::{Error, FirstBatch, Log, LogConfig, LogDir, Replay, TimestampOffset};

pub(crate) const DIR: &str = "/data";

pub(crate) fn partition() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(0) }
}

/// Small enough for many segments and index entries in a short run.
pub(crate) fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 3000,
        segment_index_bytes: 120,
        index_interval_bytes: 200,
        retention_ms: None,
        ..LogConfig::default()
    }
}

/// Everything that was ever appended and not truncated since, by base offset.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) batches: BTreeMap<Offset, Bytes>,
    /// Everything below must survive whatever happens.
    pub(crate) promised: Offset,
    pub(crate) epoch: LeaderEpoch,
}

/// What a broker would know of a producer: its epoch, and the last sequence and offset.
pub(crate) type Producers = BTreeMap<ProducerId, (ProducerEpoch, Sequence, Offset)>;

#[derive(Debug, Default)]
pub(crate) struct Replayed(pub(crate) Producers);

impl Replay for Replayed {
    fn snapshot(&mut self, entries: Vec<ProducerStateEntry>) {
        assert!(self.0.is_empty(), "the snapshot comes first, and once");
        for entry in entries {
            let state = (entry.producer_epoch, entry.last_sequence, entry.last_offset);
            self.0.insert(entry.producer_id, state);
        }
    }

    fn batch(&mut self, header: &BatchHeader) {
        note_producer(&mut self.0, header);
    }
}

fn note_producer(producers: &mut Producers, header: &BatchHeader) {
    if header.has_producer_id() {
        let state = (header.producer_epoch, header.last_sequence(), header.last_offset());
        producers.insert(header.producer_id, state);
    }
}

impl Model {
    pub(crate) fn headers(&self) -> impl DoubleEndedIterator<Item = BatchHeader> {
        self.batches.values().map(|batch| BatchHeader::parse(batch).unwrap())
    }

    pub(crate) fn end(&self) -> Offset {
        self.headers().next_back().map_or(Offset(0), |header| header.next_offset())
    }

    pub(crate) fn producers(&self) -> Producers {
        let mut producers = Producers::new();
        self.headers().for_each(|header| note_producer(&mut producers, &header));
        producers
    }

    pub(crate) fn snapshot(&self) -> Vec<ProducerStateEntry> {
        let entry = |(id, (epoch, sequence, offset)): (ProducerId, _)| ProducerStateEntry {
            producer_id: id,
            producer_epoch: epoch,
            last_sequence: sequence,
            last_offset: offset,
            offset_delta: 0,
            timestamp: Timestamp(0),
            coordinator_epoch: -1,
            current_txn_first_offset: None,
        };
        self.producers().into_iter().map(entry).collect()
    }

    /// A batch to append next.
    pub(crate) fn new_batch(&self, base_offset: Offset, rng: &mut Rng) -> Bytes {
        let mut builder = BatchBuilder::new();
        let len = if rng.percent(10) { 1500 } else { rng.below(120) };
        let value = vec![u8::try_from(rng.below(256)).unwrap(); usize::try_from(len).unwrap()];
        for _ in 0..=rng.below(4) {
            // Mostly ascending, sometimes not.
            let jitter = i64::try_from(rng.below(60)).unwrap();
            builder.append(Timestamp(base_offset.0 * 10 + jitter), None, Some(&value), &[]);
        }
        let idempotent = rng.percent(50);
        let codecs = [Compression::None, Compression::None, Compression::Zstd, Compression::Gzip];
        builder.finish(&BatchOptions {
            base_offset,
            partition_leader_epoch: self.epoch,
            compression: codecs[usize::try_from(rng.below(4)).unwrap()],
            producer_id: if idempotent {
                ProducerId(i64::try_from(rng.below(5)).unwrap())
            } else {
                ProducerId::default()
            },
            producer_epoch: ProducerEpoch(if idempotent { 1 } else { -1 }),
            base_sequence: Sequence(if idempotent {
                i32::try_from(base_offset.0).unwrap()
            } else {
                -1
            }),
            ..BatchOptions::default()
        })
    }

    pub(crate) fn insert(&mut self, batches: &[u8]) {
        for batch in split(batches) {
            let header = BatchHeader::parse(&batch).unwrap();
            self.batches.insert(header.base_offset, batch);
        }
    }

    /// Takes note of where the log ends now.
    pub(crate) fn truncate(&mut self, end: Offset) {
        self.batches.retain(|_, batch| BatchHeader::parse(batch).unwrap().next_offset() <= end);
        self.promised = self.promised.min(end);
    }

    /// The end of the log after a truncation to an offset.
    pub(crate) fn truncated_end(&self, offset: Offset) -> Offset {
        let header = self.headers().rfind(|header| header.base_offset <= offset);
        header.map_or(offset, |h| if h.last_offset() >= offset { h.base_offset } else { offset })
    }

    /// The log holds just these batches, from its start on, and finds each.
    pub(crate) fn check(&self, log: &Log, rng: &mut Rng) {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        assert_eq!(end, self.end().max(start), "the log ends where the model does");
        let max_bytes = [1, 100, 1000, 100_000][usize::try_from(rng.below(4)).unwrap()];
        let mut at = start;
        while at < end {
            let batch = self.batch_of(at);
            let bytes = read(log, at, max_bytes, end).unwrap();
            assert!(!bytes.is_empty(), "offset {at} of {start}..{end} is not there");
            let mut expected = self.batches.range(BatchHeader::parse(batch).unwrap().base_offset..);
            for found in split(&bytes) {
                assert_eq!(found, *expected.next().unwrap().1, "at offset {at}");
                at = BatchHeader::parse(&found).unwrap().next_offset();
            }
        }
        assert!(read(log, end, max_bytes, end).unwrap().is_empty());
        for _ in 0..5 {
            self.check_offset(log, rng);
            self.check_timestamp(log, rng);
        }
        for header in self.headers().filter(|header| header.base_offset >= start) {
            assert_eq!(log.epoch_of(header.base_offset), Some(header.partition_leader_epoch));
        }
    }

    fn batch_of(&self, offset: Offset) -> &Bytes {
        self.batches.range(..=offset).next_back().unwrap().1
    }

    /// An index lookup finds what a walk over everything finds.
    fn check_offset(&self, log: &Log, rng: &mut Rng) {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        if start == end {
            return;
        }
        let len = u64::try_from(end.0 - start.0).unwrap();
        let offset = start.plus(i64::try_from(rng.below(len)).unwrap());
        let up_to = start.plus(i64::try_from(rng.below(len + 1)).unwrap());
        let slice = log.locate(offset, 1, up_to, FirstBatch::Whole).unwrap();
        let batch = self.batch_of(offset);
        let visible = BatchHeader::parse(batch).unwrap().next_offset() <= up_to;
        let expected = if visible { batch.clone() } else { Bytes::new() };
        if let Some(hot) = slice.read_hot().unwrap() {
            assert_eq!(hot, expected);
        }
        assert_eq!(slice.read().unwrap(), expected, "offset {offset} up to {up_to}");
    }

    fn check_timestamp(&self, log: &Log, rng: &mut Rng) {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        let target = u64::try_from(end.0 * 10 + 100).unwrap();
        let target = Timestamp(i64::try_from(rng.below(target)).unwrap());
        let records: Vec<TimestampOffset> = self.records(start).collect();
        let found = log.find_timestamp(target).run().unwrap();
        let expected = records.iter().find(|record| record.timestamp >= target);
        assert_eq!(found.as_ref(), expected, "first at or after {target}");

        // Of a segment whose beginning was deleted by request, the largest may be among the deleted.
        let max = records.iter().map(|record| record.timestamp).max();
        if log.segment_base_offsets().next() == Some(start) {
            let expected = records.iter().find(|record| Some(record.timestamp) == max);
            assert_eq!(log.find_max_timestamp().run().unwrap().as_ref(), expected);
        }
    }

    fn records(&self, start: Offset) -> impl Iterator<Item = TimestampOffset> {
        let records = self.batches.values().flat_map(|bytes| {
            let batch = Batch::decode(bytes, 1 << 20).unwrap();
            let leader_epoch = Some(batch.header().partition_leader_epoch);
            let records: Vec<_> = batch.owned_records().map(Result::unwrap).collect();
            records.into_iter().map(move |record| TimestampOffset {
                timestamp: record.timestamp,
                offset: record.offset,
                leader_epoch,
            })
        });
        records.filter(move |record| record.offset >= start)
    }

    /// Replay knows every producer that has a batch in the log, and nothing that isn't so.
    pub(crate) fn check_producers(&self, log: &Log, replayed: &Producers) {
        let all = self.producers();
        for (id, state) in replayed {
            assert_eq!(all.get(id), Some(state), "producer {id}");
        }
        for header in self.headers().filter(|h| h.base_offset >= log.log_start_offset()) {
            if header.has_producer_id() {
                assert!(replayed.contains_key(&header.producer_id), "{header:?}");
            }
        }
    }
}

pub(crate) fn split(bytes: &[u8]) -> Vec<Bytes> {
    let mut at = 0;
    let mut batches = Vec::new();
    while at < bytes.len() {
        let len = BatchHeader::parse(&bytes[at..]).unwrap().size_in_bytes();
        batches.push(Bytes::copy_from_slice(&bytes[at..at + len]));
        at += len;
    }
    batches
}

pub(crate) fn read(
    log: &Log,
    from: Offset,
    max_bytes: usize,
    up_to: Offset,
) -> Result<Bytes, Error> {
    log.locate(from, max_bytes, up_to, FirstBatch::Whole)?.read()
}

pub(crate) fn open_dir(disk: &SimDisk) -> Result<Arc<LogDir>, Error> {
    LogDir::open(Arc::new(disk.clone()), Path::new(DIR))
}

pub(crate) fn open_log(disk: &SimDisk, config: LogConfig) -> Result<(Log, Producers), Error> {
    let dir = open_dir(disk)?;
    let mut replayed = Replayed::default();
    let log = if dir.partitions()?.is_empty() {
        dir.create_log(&partition(), None, config, Timestamp(0))?
    } else {
        let topic_id = dir.topic_id(&partition())?;
        dir.open_log(&partition(), topic_id, config, Timestamp(0), &mut replayed)?
    };
    Ok((log, replayed.0))
}

/// Appends a batch to a log and its model.
pub(crate) fn append(log: &mut Log, model: &mut Model, rng: &mut Rng) -> Result<(), Error> {
    let batch = model.new_batch(log.log_end_offset(), rng);
    let header = BatchHeader::parse(&batch).unwrap();
    let snapshot = || model.snapshot();
    let result = log.append(&batch, &header, Timestamp(0), snapshot);
    // Even an append that failed may be there after a crash.
    model.insert(&batch);
    result
}
