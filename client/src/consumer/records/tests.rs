use protocol::{
    PartitionIndex, ProducerEpoch,
    records::{BatchBuilder, BatchOptions, Compression, ControlRecord, EndTransactionMarker},
};

use super::*;

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

fn offsets(decoded: &Decoded) -> Vec<i64> {
    decoded.records.iter().map(|record| record.offset.0).collect()
}

fn decoded(offset: i64, batches: &[Bytes]) -> Result<Decoded, Error> {
    let bytes = batches.concat().into();
    decode(&at(), Offset(offset), &bytes, Isolation::ReadUncommitted, Vec::new(), LIMIT)
}

#[test]
fn records_before_the_offset_are_passed_over() {
    let batches = [batch(options(0)), batch(options(3)), batch(options(8))];
    let decoded = decoded(4, &batches).unwrap();
    assert_eq!(offsets(&decoded), [4, 5, 8, 9, 10]);
    assert_eq!(decoded.next_offset, Offset(11));
}

#[test]
fn a_batch_that_is_cut_short_comes_next_time() {
    let second = batch(options(3));
    let decoded = decoded(0, &[batch(options(0)), second.slice(..second.len() - 1)]).unwrap();
    assert_eq!(offsets(&decoded), [0, 1, 2]);
    assert_eq!(decoded.next_offset, Offset(3));
}

#[test]
fn an_answer_without_one_whole_batch_is_corrupt() {
    let bytes = batch(options(0));
    let error = decoded(0, &[bytes.slice(..bytes.len() - 1)]).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }));
}

#[test]
fn any_flipped_bit_under_the_checksum_is_found() {
    for compression in [Compression::None, Compression::Zstd] {
        let bytes = batch(BatchOptions { compression, ..options(0) });
        // The checksum covers what follows it: it ends at byte 21.
        for bit in 21 * 8..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = decoded(0, &[flipped.into()]).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "bit {bit}");
            assert!(!error.is_retriable());
        }
    }
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
    for (aborted_transactions, isolation, expected) in [
        (vec![], Isolation::ReadUncommitted, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]),
        (vec![aborted(0, 7)], Isolation::ReadCommitted, vec![3, 4, 5, 6, 7, 8, 10, 11, 12]),
        (vec![aborted(10, 7), aborted(0, 7)], Isolation::ReadCommitted, vec![3, 4, 5, 6, 7, 8]),
    ] {
        let decoded =
            decode(&at(), Offset(0), &bytes, isolation, aborted_transactions, LIMIT).unwrap();
        assert_eq!(offsets(&decoded), expected);
        assert_eq!(decoded.next_offset, Offset(14));
    }
}

#[test]
fn a_decompressed_batch_is_bounded() {
    let mut builder = BatchBuilder::new();
    builder.append(Timestamp(0), None, Some(&[0; 100_000]), &[]);
    let options = BatchOptions { compression: Compression::Zstd, ..options(0) };
    let bytes = builder.finish(&options);
    let decode =
        |limit| decode(&at(), Offset(0), &bytes, Isolation::ReadUncommitted, Vec::new(), limit);
    assert!(decode(50_000).is_err());
    assert!(decode(200_000).is_ok());
}
