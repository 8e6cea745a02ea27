use metadata::config::{Layers, Overrides};
use proptest::prelude::*;
use protocol::{
    Offset, ProducerEpoch, ProducerId, Sequence,
    records::{Batches, TimestampType as Stamped},
};

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn config(settings: &[(&str, &str)]) -> TopicConfig {
    let pairs = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let topic: Overrides = pairs.collect();
    TopicConfig::resolve(&Layers { topic: &topic, ..Layers::default() })
}

fn batch(timestamps: &[i64], options: &BatchOptions) -> BytesMut {
    let mut builder = BatchBuilder::new();
    for timestamp in timestamps {
        builder.append(Timestamp(*timestamp), Some(b"key"), Some(b"value"), &[]);
    }
    BytesMut::from(builder.finish(options))
}

fn check(batch: &BytesMut, settings: &[(&str, &str)]) -> Result<ProducedBatch, RefusedBatch> {
    ProducedBatch::check(batch.clone(), &config(settings), true, NOW)
}

fn error(checked: Result<ProducedBatch, RefusedBatch>) -> ErrorCode {
    let refused = checked.map(|_| ()).unwrap_err();
    assert!(refused.message.is_some_and(|message| !message.contains('\n')), "people read it");
    refused.error
}

#[test]
fn a_good_batch_passes_untouched() {
    for compression in Compression::ALL {
        let sent = batch(&[NOW.0, NOW.0 + 5], &BatchOptions { compression, ..Default::default() });
        let checked = check(&sent, &[]).unwrap();
        assert_eq!(checked.bytes, sent);
        assert_eq!(checked.log_append_time, None);
        assert_eq!(checked.header.record_count, 2);
    }
}

/// A producer that says less than the truth would hide its records from the time index.
#[test]
fn the_largest_timestamp_is_what_the_records_say_and_not_the_header() {
    let mut sent = batch(&[NOW.0, NOW.0 + 5], &BatchOptions::default());
    set_max_timestamp(&mut sent, Stamped::CreateTime, Timestamp(3));
    let checked = check(&sent, &[]).unwrap();
    assert_eq!(checked.header.max_timestamp, Timestamp(NOW.0 + 5));
    assert!(protocol::records::validate(&checked.bytes).is_ok(), "the checksum fits");
}

#[test]
fn under_log_append_time_the_producers_times_are_nobodys_business() {
    let sent = batch(&[0, i64::MAX], &BatchOptions::default());
    let checked = check(&sent, &[("message.timestamp.type", "LogAppendTime")]).unwrap();
    assert_eq!(checked.log_append_time, Some(NOW));
    assert_eq!(checked.header.max_timestamp, NOW);
    assert_eq!(checked.header.attributes.timestamp_type(), Stamped::LogAppendTime);
}

#[test]
fn the_bounds_of_timestamps_are_exact() {
    let bounds =
        [("message.timestamp.before.max.ms", "1000"), ("message.timestamp.after.max.ms", "500")];
    let at = |delta: i64| check(&batch(&[NOW.0, NOW.0 + delta], &BatchOptions::default()), &bounds);
    assert!(at(-1000).is_ok() && at(500).is_ok());
    assert_eq!(error(at(-1001)), ErrorCode::InvalidTimestamp);
    assert_eq!(error(at(501)), ErrorCode::InvalidTimestamp);
}

#[test]
fn the_limit_of_sizes_is_exact_and_counts_what_was_sent() {
    let sent = batch(&[NOW.0], &BatchOptions::default());
    let limit = |size: usize| check(&sent, &[("max.message.bytes", &size.to_string())]);
    assert!(limit(sent.len()).is_ok());
    assert_eq!(error(limit(sent.len() - 1)), ErrorCode::MessageTooLarge);
}

/// What fits compressed may not fit with the codec that the topic wants.
#[test]
fn a_batch_that_grows_beyond_the_limit_when_recompressed_is_refused() {
    let timestamps = [NOW.0; 100];
    let gzip = BatchOptions { compression: Compression::Gzip, ..Default::default() };
    let sent = batch(&timestamps, &gzip);
    let limit = (sent.len() + 10).to_string();
    let settings = [("max.message.bytes", limit.as_str()), ("compression.type", "uncompressed")];
    assert_eq!(error(check(&sent, &settings)), ErrorCode::MessageTooLarge);
}

#[test]
fn recompression_changes_the_codec_and_nothing_else() {
    let options = BatchOptions {
        compression: Compression::Gzip,
        producer_id: ProducerId(7),
        producer_epoch: ProducerEpoch(2),
        base_sequence: Sequence(40),
        transactional: true,
        ..Default::default()
    };
    let sent = batch(&[NOW.0, NOW.0 - 9, NOW.0 + 9], &options);
    let checked = check(&sent, &[("compression.type", "zstd")]).unwrap();
    let before = BatchHeader::parse(&sent).unwrap();
    let after = checked.header;
    assert_eq!(after.attributes.compression(), Ok(Compression::Zstd));
    let identity = |h: &BatchHeader| {
        (h.producer_id, h.producer_epoch, h.base_sequence, h.record_count, h.last_offset_delta)
    };
    assert_eq!(identity(&after), identity(&before));
    assert!(after.attributes.is_transactional());
    assert_eq!(
        (after.base_timestamp, after.max_timestamp),
        (before.base_timestamp, before.max_timestamp)
    );
    let records = |bytes: &BytesMut| {
        let batch = Batch::decode(&Bytes::copy_from_slice(bytes), 1 << 20).unwrap();
        batch.owned_records().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(records(&checked.bytes), records(&sent));
}

#[test]
fn zstd_is_refused_where_the_request_is_too_old_for_it() {
    let zstd = BatchOptions { compression: Compression::Zstd, ..Default::default() };
    let sent = batch(&[NOW.0], &zstd);
    let refused = ProducedBatch::check(sent, &config(&[]), false, NOW);
    assert_eq!(error(refused), ErrorCode::UnsupportedCompressionType);
}

#[test]
fn a_compressed_batch_of_a_plain_topic_is_not_opened() {
    let lz4 = BatchOptions { compression: Compression::Lz4, ..Default::default() };
    let mut sent = batch(&[NOW.0], &lz4);
    let last = sent.len() - 1;
    sent[last] ^= 0xff;
    let crc = protocol::records::crc32c(&sent[21..]);
    sent[17..21].copy_from_slice(&crc.to_be_bytes());
    assert!(check(&sent, &[]).is_ok(), "its checksum holds");
    assert_eq!(error(check(&sent, &[("cleanup.policy", "compact")])), ErrorCode::InvalidRecord);
    assert_eq!(error(check(&sent, &[("compression.type", "gzip")])), ErrorCode::InvalidRecord);
}

proptest! {
    /// Whatever a producer sends: refused, or one valid batch that starts at offset 0.
    #[test]
    fn what_passes_is_one_valid_batch(
        damage in proptest::collection::vec((0_usize..100, any::<u8>()), 0..4),
        repair in any::<bool>(),
        codec in 0..5_usize,
        compact in any::<bool>(),
    ) {
        let options = BatchOptions { compression: Compression::ALL[codec], ..Default::default() };
        let mut sent = batch(&[NOW.0, NOW.0 + 1], &options);
        for (at, byte) in damage {
            let length = sent.len();
            sent[at % length] = byte;
        }
        if repair {
            let crc = protocol::records::crc32c(&sent[21..]);
            sent[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        let settings: &[_] = if compact { &[("cleanup.policy", "compact")] } else { &[] };
        if let Ok(checked) = check(&sent, settings) {
            let header = protocol::records::validate(&checked.bytes).unwrap();
            prop_assert_eq!(header, checked.header);
            prop_assert_eq!(header.base_offset, Offset(0));
            prop_assert_eq!(Batches::new(&checked.bytes).count(), 1);
        }
    }
}

#[test]
fn a_batch_that_grows_beyond_measure_is_refused_where_it_has_to_be_decompressed() {
    let limit = 1024 * DECOMPRESSED_TIMES_MAX;
    for (size, refused) in [(limit / 2, false), (limit + 1, true)] {
        let mut builder = BatchBuilder::new();
        builder.append(NOW, Some(b"key"), Some(&vec![0; size]), &[]);
        let options = BatchOptions { compression: Compression::Gzip, ..Default::default() };
        let sent = BytesMut::from(builder.finish(&options));
        assert!(sent.len() <= 1024);
        let small = ("max.message.bytes", "1024");
        assert!(check(&sent, &[small]).is_ok(), "nobody needs its records");
        assert_eq!(check(&sent, &[small, ("cleanup.policy", "compact")]).is_err(), refused);
    }
}
