//! Bytes that no honest client sends: found out, never a panic, never more memory than allowed.

use super::*;

/// A valid batch whose header was changed, with a checksum that fits.
fn with_header(change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let batch = build(&[Input::of_value(b"x"), Input::of_value(b"y")], &BatchOptions::default());
    let mut header = BatchHeader::parse(&batch).unwrap();
    change(&mut header);
    let mut changed = Vec::new();
    header.write(&mut changed);
    changed.extend_from_slice(&batch[HEADER_SIZE..]);
    header::update_crc(&mut changed);
    changed
}

/// A valid batch with these bytes for its records.
fn with_records(record_count: i32, compression: Compression, records: &[u8]) -> Bytes {
    let length = i32::try_from(HEADER_SIZE - LOG_OVERHEAD + records.len()).unwrap();
    let mut batch = with_header(|header| {
        header.batch_length = length;
        header.record_count = record_count;
        header.last_offset_delta = (record_count - 1).max(0);
        header.attributes = header.attributes.with_compression(compression);
    });
    batch.truncate(HEADER_SIZE);
    batch.extend_from_slice(records);
    header::update_crc(&mut batch);
    Bytes::from(batch)
}

/// Everything that reads a batch reads it; whatever comes out, nothing panics.
fn read(bytes: &Bytes) {
    let _ = BatchHeader::parse(bytes);
    let _ = validate_produced(bytes);
    for (header, batch) in Batches::new(bytes).flatten() {
        let batch = bytes.slice_ref(batch);
        if let Ok(batch) = Batch::decode_validated(header, &batch, LIMIT) {
            let _ = check_records(&header, batch.bytes());
            let _ = batch.owned_records().count();
            let _ = ControlRecord::from_batch(&batch);
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        read(&Bytes::from(bytes));
    }

    #[test]
    fn a_header_before_arbitrary_bytes_is_read_without_a_panic(
        records in vec(any::<u8>(), 0..300), compression in compression(), count in 0..1000,
    ) {
        let batch = with_records(count, compression, &records);
        prop_assert!(validate(&batch).is_ok());
        read(&batch);
    }

    #[test]
    fn a_damaged_batch_is_read_without_a_panic(
        inputs in inputs(), compression in compression(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let options = BatchOptions { compression, ..BatchOptions::default() };
        let mut batch = build(&inputs, &options).to_vec();
        for (index, byte) in damage {
            let index = index.index(batch.len());
            batch[index] = byte;
        }
        read(&Bytes::from(batch));
    }

    #[test]
    fn a_flipped_bit_under_the_checksum_is_found(
        inputs in inputs(), compression in compression(), at: prop::sample::Index, bit in 0..8,
    ) {
        let options = BatchOptions { compression, ..BatchOptions::default() };
        let mut batch = build(&inputs, &options).to_vec();
        // The checksum itself, and all that it covers.
        let index = 17 + at.index(batch.len() - 17);
        batch[index] ^= 1_u8 << bit;
        let error = validate(&batch).unwrap_err();
        let is_crc = matches!(error, BatchError::Crc { .. });
        prop_assert!(is_crc, "{error}");
        prop_assert_eq!(error.error_code(), ErrorCode::CorruptMessage);
    }

    #[test]
    fn the_decompressed_size_is_bounded(
        compression in compression(), size in 0_usize..100_000, limit in 0_usize..100_000,
    ) {
        let records = vec![b'a'; size];
        let compressed = compress(compression, None, &records);
        let expected = if size <= limit { Ok(records) } else { Err(BatchError::TooLarge { limit }) };
        prop_assert_eq!(decompress(compression, &compressed, limit), expected);
    }
}

#[test]
fn a_bomb_is_refused() {
    let bomb = vec![0; 64 << 20];
    for compression in Compression::ALL {
        let compressed = compress(compression, None, &bomb);
        let refused = decompress(compression, &compressed, LIMIT);
        assert_eq!(refused, Err(BatchError::TooLarge { limit: LIMIT }));
    }
}

#[test]
fn a_length_that_snappy_only_claims_is_refused() {
    // A plain block of 4 GiB - 1, by its first bytes.
    let claimed = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0];
    let refused = decompress(Compression::Snappy, &claimed, LIMIT);
    assert_eq!(refused, Err(BatchError::TooLarge { limit: LIMIT }));
}

#[test]
fn a_header_is_checked_as_kafka_checks_it() {
    type Change = fn(&mut BatchHeader);
    let cases: [(Change, ErrorCode); 12] = [
        (|header| header.batch_length = 48, ErrorCode::CorruptMessage),
        (|header| header.batch_length = -1, ErrorCode::CorruptMessage),
        (|header| header.batch_length += 1, ErrorCode::InvalidRecord),
        (|header| header.batch_length -= 1, ErrorCode::InvalidRecord),
        (|header| header.base_offset = Offset(1), ErrorCode::InvalidRecord),
        (|header| header.base_offset = Offset(i64::MAX), ErrorCode::InvalidRecord),
        (|header| header.last_offset_delta = -1, ErrorCode::InvalidRecord),
        (|header| header.last_offset_delta = 2, ErrorCode::InvalidRecord),
        (|header| header.record_count = 0, ErrorCode::InvalidRecord),
        (|header| header.record_count = 3, ErrorCode::InvalidRecord),
        (|header| header.producer_id = ProducerId(1), ErrorCode::InvalidRecord),
        (|header| header.attributes.0 = 5, ErrorCode::UnsupportedCompressionType),
    ];
    for (case, (change, expected)) in cases.into_iter().enumerate() {
        let error = validate_produced(&with_header(change)).unwrap_err();
        assert_eq!(error.error_code(), expected, "case {case}: {error}");
    }
    assert!(validate_produced(&with_header(|_| ())).is_ok());
}

#[test]
fn the_time_of_appending_is_not_for_producers_to_set() {
    let batch = with_header(|header| {
        header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
    });
    let error = validate_produced(&batch).unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::InvalidTimestamp);
}

#[test]
fn the_older_formats_are_refused_and_unknown_ones_are_corrupt() {
    for (magic, expected) in [
        (0, ErrorCode::InvalidRecord),
        (1, ErrorCode::InvalidRecord),
        (3, ErrorCode::CorruptMessage),
        (255, ErrorCode::CorruptMessage),
    ] {
        let mut batch = with_header(|_| ());
        batch[16] = magic;
        assert_eq!(validate(&batch).unwrap_err().error_code(), expected);
    }
}

#[test]
fn a_broken_length_ends_the_iteration_with_an_error() {
    let mut bytes = with_header(|_| ());
    bytes.extend(with_header(|header| header.batch_length = 7));
    bytes.extend(with_header(|_| ()));
    let outcomes: Vec<_> = Batches::new(&bytes).map(|item| item.is_ok()).collect();
    assert_eq!(outcomes, [true, false]);
}

#[test]
fn records_that_do_not_fill_the_batch_are_refused() {
    let whole = build(&[Input::of_value(b"x")], &BatchOptions::default()).slice(HEADER_SIZE..);
    let too_long = [&whole[..], b"\0"].concat();
    let twice = [&whole[..], &whole[..]].concat();
    let cases: [(i32, &[u8]); 7] = [
        (1, &[]),
        (1, &whole[..whole.len() - 1]),
        (1, &too_long),
        (2, &whole),
        // The second record's offset is the first one's.
        (2, &twice),
        // A length of -1, and one of 2^31 - 1.
        (1, b"\x01"),
        (1, b"\xfe\xff\xff\xff\x0f"),
    ];
    for (count, records) in cases {
        let batch = with_records(count, Compression::None, records);
        let header = validate(&batch).unwrap();
        let error = check_records(&header, &batch[HEADER_SIZE..]).unwrap_err();
        assert_eq!(error.error_code(), ErrorCode::InvalidRecord);
    }
}

#[test]
fn a_hostile_number_of_headers_costs_no_memory() {
    // Attributes, deltas, null key, null value, 2^31 - 1 headers.
    let record = b"\x14\0\0\0\x01\x01\xfe\xff\xff\xff\x0f";
    let batch = with_records(1, Compression::None, record);
    let error = Batch::decode(&batch, LIMIT).unwrap().owned_records().next().unwrap();
    assert_eq!(error, Err(BatchError::Record("it ends too early")));
}
