//! What of ours outlives a process comes back, and what can't be read is refused.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};

use super::generate::{Choices, Generate};
use crate::{BrokerId, DecodeError, Offset, PartitionIndex, Reader, Stored, TopicName, Wire};

crate::stored! {
    /// A record with one of each.
    type 300, versions 0..=2;
    Sample {
        topic: TopicName { 0.. },
        partition: PartitionIndex { 0.. },
        replicas: Vec<BrokerId> { 0..=1 },
        nested: Vec<Nested> { 2.. },
        comment: Option<String> { 0.., null 1.. },
        high_watermark: Offset { 1.., tag 0, default -7 },
        racks: Vec<String> { 1.., tag 3 },
    }

    /// Another one, older.
    type 301, versions 1..=1;
    Other {
        topic: TopicName { 0.. },
    }
}

crate::wire_struct! {
    Nested {
        id: BrokerId { 0.. },
        note: Option<String> { 2.., tag 1 },
    }
}

/// What version 3 of the sample might look like: a tag more.
mod newer {
    use crate::{BrokerId, Offset, PartitionIndex, TopicName};

    crate::stored! {
        type 300, versions 0..=2;
        Sample {
            topic: TopicName { 0.. },
            partition: PartitionIndex { 0.. },
            replicas: Vec<BrokerId> { 0..=1 },
            comment: Option<String> { 0.., null 1.. },
            high_watermark: Offset { 1.., tag 0, default -7 },
            shape: String { 1.., tag 1 },
            racks: Vec<String> { 1.., tag 3 },
        }
    }
}

fn sample() -> Sample {
    Sample { topic: "orders".into(), comment: Some("c".to_owned()), ..Sample::default() }
}

proptest! {
    #[test]
    fn a_stored_record_comes_back(bytes in vec(any::<u8>(), 0..300), version in 0_i16..=2) {
        let record = Sample::generate(&mut Choices::drawn(bytes), version);
        let mut out = BytesMut::new();
        record.store(version, &mut out);
        prop_assert_eq!(Sample::from_bytes(out.freeze()), Ok(record));
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
        let mut stored = vec![0xac, 0x02, 2];
        stored.extend(bytes);
        let _ = Sample::from_bytes(stored.into());
    }
}

#[test]
fn a_record_is_type_version_fields_tags() {
    let record = Other { topic: "t".into() };
    assert_eq!(record.to_bytes(), [0xad, 0x02, 1, 2, b't', 0].as_slice());
}

#[test]
fn another_type_is_refused() {
    let error = Other::from_bytes(sample().to_bytes());
    assert_eq!(error, Err(DecodeError::UnknownType(300)));
}

#[test]
fn an_unknown_version_is_refused() {
    for version in [0, 2, 0x7fff, 0x8000, u32::MAX] {
        let mut bytes = BytesMut::new();
        crate::Sink::put_uvarint(&mut bytes, 301);
        crate::Sink::put_uvarint(&mut bytes, version);
        bytes.extend_from_slice(&[2, b't', 0]);
        let version = i16::try_from(version).unwrap_or(i16::MAX);
        assert_eq!(
            Other::from_bytes(bytes.freeze()),
            Err(DecodeError::UnknownVersion { record_type: 301, version })
        );
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut bytes = BytesMut::from(&sample().to_bytes()[..]);
    bytes.extend_from_slice(b"??");
    assert_eq!(Sample::from_bytes(bytes.freeze()), Err(DecodeError::TrailingBytes(2)));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = Sample::generate(&mut Choices::most(), 2).to_bytes();
    for end in 0..bytes.len() {
        assert!(Sample::from_bytes(bytes.slice(..end)).is_err(), "{end} of {} bytes", bytes.len());
    }
}

#[test]
fn a_tag_of_a_newer_version_is_skipped() {
    let newer = newer::Sample {
        topic: "orders".into(),
        comment: Some("c".to_owned()),
        shape: "round".to_owned(),
        racks: vec!["r1".to_owned()],
        ..newer::Sample::default()
    };
    let mut bytes = BytesMut::new();
    newer.store(1, &mut bytes);
    let older = Sample::from_bytes(bytes.freeze()).unwrap();
    assert_eq!(older, Sample { racks: vec!["r1".to_owned()], ..sample() });
}

#[test]
fn tags_are_written_in_order_and_only_where_set() {
    let mut record = sample();
    let untagged = record.to_bytes();
    assert_eq!(untagged.last(), Some(&0));
    record.racks = vec!["r".to_owned()];
    record.high_watermark = Offset(1);
    let tagged = record.to_bytes();
    let expected = [2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 2, 2, b'r'];
    assert_eq!(tagged[untagged.len() - 1..], expected);
}

#[test]
fn tags_out_of_order_are_refused() {
    for (tags, error) in
        [([2, 5, 0, 5, 0], DecodeError::TagOrder(5)), ([2, 5, 0, 4, 0], DecodeError::TagOrder(4))]
    {
        let mut bytes = vec![0xad, 0x02, 1, 2, b't'];
        bytes.extend(tags);
        assert_eq!(Other::from_bytes(bytes.into()), Err(error));
    }
}

#[test]
fn a_null_is_refused_before_its_version_and_never_written_there() {
    let mut record = sample();
    record.comment = None;
    let mut bytes = BytesMut::new();
    record.store(0, &mut bytes);
    let read = Sample::from_bytes(bytes.freeze()).unwrap();
    assert_eq!(read.comment, Some(String::new()));

    // Version 0 of the sample: an empty topic, partition 0, no replicas, a null comment, no tags.
    let bytes = [0xac, 0x02, 0, 1, 0, 0, 0, 0, 1, 0, 0];
    assert_eq!(
        Sample::from_bytes(Bytes::copy_from_slice(&bytes)),
        Err(DecodeError::UnexpectedNull)
    );
}

#[test]
fn a_struct_may_be_null() {
    let cx = crate::Context { version: 2, flexible: true };
    for nested in [None, Some(Nested { id: BrokerId(3), note: Some("n".to_owned()) })] {
        let mut bytes = BytesMut::new();
        nested.encode(&mut bytes, cx);
        assert_eq!(bytes[0], if nested.is_some() { 1 } else { 0xff });
        assert_eq!(Option::decode(&mut Reader::new(bytes.freeze()), cx), Ok(nested));
    }
}
