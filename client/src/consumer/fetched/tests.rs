use protocol::{
    PartitionIndex, ProducerEpoch, ProducerId, Timestamp,
    api::fetch::AbortedTransaction,
    records::{
        BatchBuilder, BatchOptions, Compression, ControlRecord, EndTransactionMarker, TimestampType,
    },
};

use super::*;
use crate::{consumer::read_ahead::ReadAhead, offsets::Isolation};

const LIMIT: usize = 1 << 20;

fn at() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(0) }
}

fn options(base_offset: i64) -> BatchOptions {
    BatchOptions { base_offset: Offset(base_offset), ..Default::default() }
}

/// Three records.
fn batch(options: BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for number in 0..3_u8 {
        builder.append(Timestamp(number.into()), Some(b"key"), Some(&[number]), &[]);
    }
    builder.finish(&options)
}

fn transactional(base_offset: i64, producer: i64) -> BatchOptions {
    BatchOptions {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(0),
        transactional: true,
        ..options(base_offset)
    }
}

fn abort(base_offset: i64, producer: i64) -> Bytes {
    let marker = EndTransactionMarker { committed: false, coordinator_epoch: 0 };
    let record = ControlRecord::EndTransaction(marker);
    record.to_batch(Timestamp(0), transactional(base_offset, producer))
}

/// What is read from an offset on: offsets of records, and where it ends.
fn read(offset: i64, bytes: Bytes, aborted: Aborted) -> Result<(Vec<i64>, i64), BatchError> {
    let mut next = Point::at(Offset(offset));
    let held = Arc::new(ReadAhead::default().hold(0));
    let mut fetched = Fetched::new(next, bytes, aborted, held)?;
    let mut records = Vec::new();
    // By twos, so that batches are left half read.
    while !fetched.is_used_up() {
        fetched.take(&at(), &mut next, records.len() + 2, LIMIT, &mut records)?;
    }
    assert_eq!(next, fetched.end());
    Ok((records.iter().map(|record| record.offset.0).collect(), next.offset.0))
}

fn uncommitted(offset: i64, batches: &[Bytes]) -> Result<(Vec<i64>, i64), BatchError> {
    let aborted = Aborted::new(Isolation::ReadUncommitted, Vec::new());
    read(offset, batches.concat().into(), aborted)
}

#[test]
fn records_before_the_offset_are_passed_over() {
    let batches = [batch(options(0)), batch(options(3)), batch(options(8))];
    assert_eq!(uncommitted(4, &batches).unwrap(), (vec![4, 5, 8, 9, 10], 11));
    assert!(uncommitted(11, &batches).is_err(), "no progress");
}

#[test]
fn a_batch_that_is_cut_short_comes_next_time() {
    let second = batch(options(3));
    let batches = [batch(options(0)), second.slice(..second.len() - 1)];
    assert_eq!(uncommitted(0, &batches).unwrap(), (vec![0, 1, 2], 3));
}

#[test]
fn bytes_that_are_no_batch_come_first_the_next_time() {
    let garbage = Bytes::from(vec![0; 100]);
    let batches = [batch(options(0)), garbage.clone()];
    assert_eq!(uncommitted(0, &batches).unwrap(), (vec![0, 1, 2], 3));
    assert!(uncommitted(3, &[garbage]).is_err());
}

#[test]
fn an_answer_without_one_whole_batch_is_corrupt() {
    let bytes = batch(options(0));
    let error = uncommitted(0, &[bytes.slice(..bytes.len() - 1)]).unwrap_err();
    assert!(matches!(error, BatchError::Truncated { .. }));
}

#[test]
fn any_flipped_bit_under_the_checksum_is_found() {
    for compression in [Compression::None, Compression::Zstd] {
        let bytes = batch(BatchOptions { compression, ..options(0) });
        // The checksum covers what follows it: it ends at byte 21.
        for bit in 21 * 8..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(uncommitted(0, &[flipped.into()]).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn records_are_handed_out_up_to_a_bad_batch() {
    let mut bad = batch(options(3)).to_vec();
    *bad.last_mut().unwrap() ^= 1;
    let bytes = [batch(options(0)), bad.into()].concat().into();
    let aborted = Aborted::new(Isolation::ReadUncommitted, Vec::new());
    let (mut next, mut records) = (Point::at(Offset(0)), Vec::new());
    let held = Arc::new(ReadAhead::default().hold(0));
    let mut fetched = Fetched::new(next, bytes, aborted, held).unwrap();
    assert!(fetched.take(&at(), &mut next, 10, LIMIT, &mut records).is_err());
    assert_eq!((records.len(), next.offset), (3, Offset(3)));
}

#[test]
fn a_record_knows_when_where_and_under_which_leader() {
    let mut builder = BatchBuilder::new();
    let headers = [("a".to_owned(), Some(Bytes::from("1"))), ("b".to_owned(), None)];
    builder.append(Timestamp(50), Some(b"key"), None, &headers);
    let mut bytes = builder.finish(&options(7)).to_vec();
    protocol::records::set_partition_leader_epoch(&mut bytes, LeaderEpoch(9));
    protocol::records::set_log_append_time(&mut bytes, Timestamp(60));
    let aborted = Aborted::new(Isolation::ReadUncommitted, Vec::new());
    let (mut next, mut records) = (Point::at(Offset(0)), Vec::new());
    let held = Arc::new(ReadAhead::default().hold(0));
    let mut fetched = Fetched::new(next, bytes.into(), aborted, held).unwrap();
    fetched.take(&at(), &mut next, 10, LIMIT, &mut records).unwrap();
    let expected = ConsumerRecord {
        partition: at(),
        offset: Offset(7),
        leader_epoch: LeaderEpoch(9),
        timestamp: Timestamp(60),
        timestamp_type: TimestampType::LogAppendTime,
        key: Some(Bytes::from("key")),
        value: None,
        headers: headers.into(),
    };
    assert_eq!(records, [expected]);
    assert_eq!(next, Point { offset: Offset(8), epoch: LeaderEpoch(9) });
}

#[test]
fn readers_of_committed_records_see_no_aborted_ones() {
    let batches = [
        batch(transactional(0, 7)),
        batch(options(3)),
        batch(transactional(6, 8)),
        abort(9, 7),
        batch(transactional(10, 7)),
        abort(13, 7),
    ];
    let bytes: Bytes = batches.concat().into();
    let aborted = |first, producer| AbortedTransaction {
        producer_id: ProducerId(producer),
        first_offset: Offset(first),
    };
    for (transactions, isolation, expected) in [
        (vec![], Isolation::ReadUncommitted, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]),
        (vec![aborted(0, 7)], Isolation::ReadCommitted, vec![3, 4, 5, 6, 7, 8, 10, 11, 12]),
        (vec![aborted(10, 7), aborted(0, 7)], Isolation::ReadCommitted, vec![3, 4, 5, 6, 7, 8]),
    ] {
        let aborted = Aborted::new(isolation, transactions);
        assert_eq!(read(0, bytes.clone(), aborted).unwrap(), (expected, 14));
    }
}

#[test]
fn an_answer_of_nothing_but_markers_moves_the_position() {
    assert_eq!(uncommitted(5, &[abort(5, 7), abort(6, 8)]).unwrap(), (vec![], 7));
}

#[test]
fn a_decompressed_batch_is_bounded() {
    let mut builder = BatchBuilder::new();
    builder.append(Timestamp(0), None, Some(&[0; 100_000]), &[]);
    let options = BatchOptions { compression: Compression::Zstd, ..options(0) };
    let bytes = builder.finish(&options);
    let take = |limit| {
        let aborted = Aborted::new(Isolation::ReadUncommitted, Vec::new());
        let mut next = Point::at(Offset(0));
        let held = Arc::new(ReadAhead::default().hold(0));
        let mut fetched = Fetched::new(next, bytes.clone(), aborted, held).unwrap();
        fetched.take(&at(), &mut next, 1, limit, &mut Vec::new())
    };
    assert!(take(50_000).is_err());
    assert!(take(200_000).is_ok());
}
