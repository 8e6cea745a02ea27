//! Round trips through every codec, the independent encoder and decoder, and hostile bytes.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, Uuid,
};

mod hostile;
mod oracle;

/// Enough for every batch that these tests make.
const LIMIT: usize = 1 << 20;

/// What a test appends.
#[derive(Clone, Debug)]
struct Input {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Input {
    fn of_value(value: &[u8]) -> Self {
        Self { timestamp: 1000, key: None, value: Some(value.to_vec()), headers: Vec::new() }
    }

    fn headers(&self) -> Vec<RecordHeader> {
        self.headers.iter().map(|(k, v)| (k.clone(), v.clone().map(Bytes::from))).collect()
    }

    /// The record that it must come back as.
    fn at(&self, offset: i64, timestamp: i64) -> Record {
        Record {
            offset: Offset(offset),
            timestamp: Timestamp(timestamp),
            key: self.key.clone().map(Bytes::from),
            value: self.value.clone().map(Bytes::from),
            headers: self.headers(),
        }
    }
}

fn build(inputs: &[Input], options: &BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for input in inputs {
        let headers = input.headers();
        let (key, value) = (input.key.as_deref(), input.value.as_deref());
        let most = builder.size_in_bytes() + BatchBuilder::size_in_bytes_max(key, value, &headers);
        builder.append(Timestamp(input.timestamp), key, value, &headers);
        assert!(builder.size_in_bytes() <= most);
    }
    let size = builder.size_in_bytes();
    let batch = builder.finish(options);
    assert!(options.compression != Compression::None || batch.len() == size);
    batch
}

#[test]
fn memory_taken_ahead_changes_nothing_of_a_batch() {
    for options in
        Compression::ALL.map(|compression| BatchOptions { compression, ..Default::default() })
    {
        let expected = build(&[Input::of_value(b"value")], &options);
        for capacity in [0, 1, HEADER_SIZE, 10_000] {
            let mut builder = BatchBuilder::with_capacity(capacity);
            assert_eq!(builder.size_in_bytes(), HEADER_SIZE);
            builder.append(Timestamp(1000), None, Some(b"value"), &[]);
            assert_eq!(builder.finish(&options), expected);
        }
    }
}

fn decode(batch: &Bytes) -> Vec<Record> {
    let batch = Batch::decode(batch, LIMIT).unwrap();
    batch.owned_records().collect::<Result<_, _>>().unwrap()
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::of(prop_oneof![vec(any::<u8>(), 0..20), vec(Just(b'a'), 0..2000)])
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let timestamp = prop_oneof![Just(-1), 1_700_000_000_000_i64..1_700_000_100_000, any::<i64>()];
    let input = (timestamp, bytes(), bytes(), vec(("[a-z]{0,5}", bytes()), 0..3))
        .prop_map(|(timestamp, key, value, headers)| Input { timestamp, key, value, headers });
    vec(input, 1..30)
}

fn compression() -> impl Strategy<Value = Compression> {
    proptest::sample::select(&Compression::ALL[..])
}

proptest! {
    #[test]
    fn records_come_back_as_they_were_appended(
        inputs in inputs(), compression in compression(), base_offset in 0_i64..1 << 60,
    ) {
        let options = BatchOptions {
            compression,
            base_offset: Offset(base_offset),
            partition_leader_epoch: LeaderEpoch(7),
            producer_id: ProducerId(11),
            producer_epoch: ProducerEpoch(3),
            base_sequence: Sequence(i32::MAX),
            transactional: true,
            ..BatchOptions::default()
        };
        let batch = build(&inputs, &options);

        let header = validate(&batch).unwrap();
        let count = i64::try_from(inputs.len()).unwrap();
        prop_assert_eq!(header.size_in_bytes(), batch.len());
        prop_assert_eq!(header.next_offset(), Offset(base_offset + count));
        prop_assert_eq!(header.partition_leader_epoch, LeaderEpoch(7));
        prop_assert_eq!(header.attributes.compression(), Ok(compression));
        prop_assert!(header.attributes.is_transactional() && !header.attributes.is_control());
        let max = inputs.iter().map(|input| input.timestamp).max().unwrap();
        prop_assert_eq!(header.max_timestamp, Timestamp(max));
        // After the greatest sequence comes 0.
        let last_sequence = if count == 1 { i64::from(i32::MAX) } else { count - 2 };
        prop_assert_eq!(i64::from(header.last_sequence().0), last_sequence);

        let expected: Vec<_> = (base_offset..)
            .zip(&inputs)
            .map(|(offset, input)| input.at(offset, input.timestamp))
            .collect();
        prop_assert_eq!(decode(&batch), expected);

        let decoded = Batch::decode(&batch, LIMIT).unwrap();
        let summary = check_records(&header, decoded.bytes()).unwrap();
        prop_assert_eq!(summary.max_timestamp.0, max.max(-1));
        let first_without_key = inputs.iter().position(|input| input.key.is_none());
        let delta = summary.first_without_key.map(|delta| usize::try_from(delta).unwrap());
        prop_assert_eq!(delta, first_without_key);
    }

    #[test]
    fn patching_offset_and_epoch_keeps_the_checksum_valid(
        inputs in inputs(), compression in compression(), offset in 0_i64..1 << 60, epoch: i32,
    ) {
        let batch = build(&inputs, &BatchOptions { compression, ..BatchOptions::default() });
        let mut patched = batch.to_vec();
        set_base_offset(&mut patched, Offset(offset));
        set_partition_leader_epoch(&mut patched, LeaderEpoch(epoch));
        let header = validate(&patched).unwrap();
        prop_assert_eq!(header.base_offset, Offset(offset));
        prop_assert_eq!(header.partition_leader_epoch, LeaderEpoch(epoch));
        prop_assert_eq!(&patched[16..], &batch[16..]);
    }

    #[test]
    fn the_time_of_appending_becomes_that_of_all_records(
        inputs in inputs(), compression in compression(), now in 0_i64..1 << 50,
    ) {
        let batch = build(&inputs, &BatchOptions { compression, ..BatchOptions::default() });
        let mut patched = batch.to_vec();
        set_log_append_time(&mut patched, Timestamp(now));
        let header = validate(&patched).unwrap();
        prop_assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
        prop_assert_eq!(header.attributes.compression(), Ok(compression));
        let expected: Vec<_> =
            (0..).zip(&inputs).map(|(offset, input)| input.at(offset, now)).collect();
        prop_assert_eq!(decode(&Bytes::from(patched)), expected);
    }

    #[test]
    fn a_batch_may_be_cut_short_only_at_the_end(
        counts in vec(1_usize..4, 1..5), cut in 0_usize..200,
    ) {
        let mut stream = BytesMut::new();
        let mut ends = Vec::new();
        for count in counts {
            let inputs = vec![Input::of_value(b"some value"); count];
            stream.extend_from_slice(&build(&inputs, &BatchOptions::default()));
            ends.push(stream.len());
        }
        let length = stream.len().saturating_sub(cut);
        let mut batches = Batches::new(&stream[..length]);
        let sizes: Vec<_> = batches.by_ref().map(|item| item.unwrap().1.len()).collect();
        let whole = ends.iter().filter(|end| **end <= length).count();
        prop_assert_eq!(sizes.len(), whole);
        prop_assert_eq!(batches.rest().len(), length - sizes.iter().sum::<usize>());
    }

    #[test]
    fn a_checksum_is_the_same_in_one_piece_or_in_many(
        pieces in vec(vec(any::<u8>(), 0..300), 0..10),
    ) {
        let mut crc = Crc32c::default();
        for piece in &pieces {
            crc.update(piece);
        }
        prop_assert_eq!(crc.value(), crc32c(&pieces.concat()));
    }
}

#[test]
fn the_checksum_is_castagnolis() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn snappy_is_read_plain_and_in_frames() {
    let records = b"the quick brown fox jumps over the lazy dog".repeat(3000);
    let plain = snap::raw::Encoder::new().compress_vec(&records).unwrap();
    let framed = compress(Compression::Snappy, None, &records);
    assert!(framed.starts_with(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"));
    for compressed in [plain, framed] {
        assert_eq!(decompress(Compression::Snappy, &compressed, LIMIT).unwrap(), records);
    }
}

#[test]
fn every_level_of_a_codec_is_read_back() {
    let records = b"the quick brown fox jumps over the lazy dog".repeat(300);
    for (compression, levels) in [(Compression::Gzip, -1..=9), (Compression::Zstd, -7..=22)] {
        for level in levels {
            let compressed = compress(compression, Some(level), &records);
            assert_eq!(decompress(compression, &compressed, LIMIT).unwrap(), records);
        }
    }
}

#[test]
fn a_codec_has_one_id_and_one_name() {
    for compression in Compression::ALL {
        assert_eq!(Compression::from_id(compression.id()), Some(compression));
        assert_eq!(Compression::from_name(compression.name()), Some(compression));
    }
    assert_eq!(Compression::from_id(5), None);
    assert_eq!(Compression::from_name("producer"), None);
}

#[test]
fn a_batch_that_compaction_emptied_has_no_records() {
    let batch = build(
        &[Input::of_value(b"x")],
        &BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() },
    );
    let mut header = BatchHeader::parse(&batch).unwrap();
    header.record_count = 0;
    header.batch_length = i32::try_from(HEADER_SIZE - LOG_OVERHEAD).unwrap();
    let mut emptied = Vec::new();
    header.write(&mut emptied);
    header::update_crc(&mut emptied);
    assert_eq!(validate(&emptied).unwrap().record_count, 0);
    assert_eq!(decode(&Bytes::from(emptied)), []);
}

#[test]
fn a_control_record_comes_back_from_its_batch() {
    let voter = Voter { voter_id: BrokerId(1), voter_directory_id: Uuid([7; 16]) };
    let change = LeaderChange {
        leader_id: BrokerId(1),
        voters: vec![voter.clone()],
        granting_voters: vec![voter],
    };
    let committed = EndTransactionMarker { committed: true, coordinator_epoch: 3 };
    let aborted = EndTransactionMarker { committed: false, coordinator_epoch: 4 };
    for record in [
        ControlRecord::EndTransaction(committed),
        ControlRecord::EndTransaction(aborted),
        ControlRecord::LeaderChange(change),
    ] {
        let bytes = record.to_batch(Timestamp(5), BatchOptions::default());
        let batch = Batch::decode(&bytes, LIMIT).unwrap();
        assert!(batch.header().attributes.is_control());
        assert_eq!(ControlRecord::from_batch(&batch), Ok(Some(record)));
        assert_eq!(validate_produced(&bytes), Err(BatchError::Control));
    }
}

#[test]
fn a_commit_marker_has_kafkas_bytes() {
    let marker = EndTransactionMarker { committed: true, coordinator_epoch: 0x0102_0304 };
    let batch = ControlRecord::EndTransaction(marker)
        .to_batch(Timestamp(5), BatchOptions { transactional: true, ..BatchOptions::default() });
    // Length 16, attributes, both deltas, key of 4, value of 6, no headers.
    assert_eq!(&batch[HEADER_SIZE..], b"\x20\0\0\0\x08\0\0\0\x01\x0c\0\0\x01\x02\x03\x04\0",);
    assert_eq!(&batch[21..23], b"\0\x30");
}
