//! Agreement with the `kafka-protocol` crate, an encoder and decoder that others wrote.

use kafka_protocol::{indexmap::IndexMap, protocol::StrBytes, records as theirs};

use super::*;

fn their_compression(compression: Compression) -> theirs::Compression {
    match compression {
        Compression::None => theirs::Compression::None,
        Compression::Gzip => theirs::Compression::Gzip,
        Compression::Snappy => theirs::Compression::Snappy,
        Compression::Lz4 => theirs::Compression::Lz4,
        Compression::Zstd => theirs::Compression::Zstd,
    }
}

/// Their records keep headers in a map, so that a key can occur but once.
fn inputs_with_distinct_headers() -> impl Strategy<Value = Vec<Input>> {
    inputs().prop_map(|mut inputs| {
        for input in &mut inputs {
            // Their encoder subtracts timestamps and doesn't expect to overflow.
            input.timestamp = input.timestamp.clamp(0, 1 << 50);
            input.headers.sort();
            input.headers.dedup_by(|a, b| a.0 == b.0);
        }
        inputs
    })
}

fn their_record(input: &Input, offset: i64) -> theirs::Record {
    theirs::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 7,
        producer_id: 11,
        producer_epoch: 3,
        timestamp_type: theirs::TimestampType::Creation,
        offset,
        sequence: i32::try_from(offset).unwrap(),
        timestamp: input.timestamp,
        key: input.key.clone().map(Bytes::from),
        value: input.value.clone().map(Bytes::from),
        headers: input
            .headers()
            .into_iter()
            .map(|(key, value)| (StrBytes::from(key), value))
            .collect::<IndexMap<_, _>>(),
    }
}

fn options(compression: Compression) -> BatchOptions {
    BatchOptions {
        compression,
        partition_leader_epoch: LeaderEpoch(7),
        producer_id: ProducerId(11),
        producer_epoch: ProducerEpoch(3),
        base_sequence: Sequence(0),
        ..BatchOptions::default()
    }
}

proptest! {
    #[test]
    fn they_read_what_we_write(
        inputs in inputs_with_distinct_headers(), compression in compression(),
    ) {
        let mut batch = build(&inputs, &options(compression));
        let decoded = theirs::RecordBatchDecoder::decode(&mut batch).unwrap();
        let expected: Vec<_> =
            (0..).zip(&inputs).map(|(offset, input)| their_record(input, offset)).collect();
        prop_assert_eq!(decoded.records, expected);
    }

    #[test]
    fn we_read_what_they_write(
        inputs in inputs_with_distinct_headers(), compression in compression(),
    ) {
        let records: Vec<_> =
            (0..).zip(&inputs).map(|(offset, input)| their_record(input, offset)).collect();
        let mut batch = BytesMut::new();
        let their_options = theirs::RecordEncodeOptions {
            version: 2,
            compression: their_compression(compression),
        };
        theirs::RecordBatchEncoder::encode(&mut batch, &records, &their_options).unwrap();
        let batch = batch.freeze();
        let header = validate_produced(&batch).unwrap();
        prop_assert_eq!(header.producer_id, ProducerId(11));
        prop_assert_eq!(header.attributes.compression(), Ok(compression));
        let expected: Vec<_> =
            (0..).zip(&inputs).map(|(offset, input)| input.at(offset, input.timestamp)).collect();
        prop_assert_eq!(decode(&batch), expected);
        // They count from the earliest timestamp, we and Java's client from the first.
        let earliest = inputs.iter().map(|input| input.timestamp).min().unwrap();
        if compression == Compression::None && inputs[0].timestamp == earliest {
            prop_assert_eq!(build(&inputs, &options(compression)), batch);
        }
    }
}
