//! The oracle is the `kafka-protocol` crate, written from Kafka's own descriptions. Every message,
//! at every version that it knows, must be the same bytes there and here, under the same names.

use std::any::type_name;

use bytes::{Bytes, BytesMut};
use kafka_protocol::{error::ResponseError, protocol as their};
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, TestRunner},
};

use super::{
    every_message::{Visitor, visit_every_message},
    generate::{Choices, Generate},
};
use crate::{Chunks, ErrorCode, Message, Reader, api::list_offsets::*};

/// Random values of each message at each version, beyond the ones with everything and nothing.
const CASES: u32 = 24;

struct Agree {
    /// Messages at versions that the oracle doesn't know yet.
    unknown: Vec<(&'static str, i16)>,
}

impl Visitor for Agree {
    fn visit<Ours, Theirs>(&mut self)
    where
        Ours: Message + Generate,
        Theirs: their::Message + their::Encodable + their::Decodable + std::fmt::Debug,
    {
        assert_eq!(*Ours::VERSIONS.start(), Theirs::VERSIONS.min, "{}", Ours::NAME);
        for version in Ours::VERSIONS {
            if version > Theirs::VERSIONS.max {
                self.unknown.push((Ours::NAME, version));
                continue;
            }
            agree::<Ours, Theirs>(Choices::least(), version);
            agree::<Ours, Theirs>(Choices::most(), version);
            for depth in 0..4 {
                agree::<Ours, Theirs>(Choices::wide(depth, 200), version);
            }
            let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
            TestRunner::new(config)
                .run(&vec(any::<u8>(), 0..500), |bytes| {
                    agree::<Ours, Theirs>(Choices::drawn(bytes), version);
                    Ok(())
                })
                .unwrap_or_else(|failure| panic!("{} v{version}: {failure}", Ours::NAME));
        }
    }
}

/// Checks one value: from us to them, from them to us, and what it's called.
fn agree<Ours, Theirs>(mut choices: Choices, version: i16)
where
    Ours: Message + Generate,
    Theirs: their::Message + their::Encodable + their::Decodable + std::fmt::Debug,
{
    let name = format!("{} v{version}", Ours::NAME);
    let ours = Ours::generate(&mut choices, version);
    let mut chunks = Chunks::default();
    ours.write(version, &mut chunks);
    let bytes = Bytes::from(chunks.finish().concat());
    assert_eq!(bytes.len(), ours.size(Ours::context(version)), "{name}: the size");

    let mut left = bytes.clone();
    let theirs = Theirs::decode(&mut left, version)
        .unwrap_or_else(|error| panic!("{name}: they can't read {ours:?}: {error}"));
    assert_eq!(left.len(), 0, "{name}: what they leave of {ours:?}");
    assert_eq!(field_names(&theirs), field_names(&ours), "{name}: the fields");

    let mut again = BytesMut::new();
    theirs.encode(&mut again, version).unwrap();
    assert_eq!(again, bytes, "{name}: what they write of {theirs:?}");
    let mut reader = Reader::new(again.freeze());
    assert_eq!(Ours::read(&mut reader, version), Ok(ours), "{name}: what we read");
    assert_eq!(reader.remaining(), 0, "{name}: what we leave");
}

/// The names of all fields as they are printed. With the bytes equal, equal names in equal order
/// show that no two fields of one type have changed places.
///
/// Whether a null is allowed at a version is not among what the oracle knows.
fn field_names(value: &impl std::fmt::Debug) -> Vec<String> {
    format!("{value:#?}")
        .lines()
        .filter_map(|line| line.trim_start().split_once(": "))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .filter(|name| !FIELDS_UNKNOWN.contains(&name.as_str()))
        .collect()
}

/// Fields that only the oracle has: what it skipped, and those of InitProducerId 6 (KIP-939), which
/// Kafka 4.2 doesn't advertise.
const FIELDS_UNKNOWN: &[&str] = &[
    "unknown_tagged_fields",
    "keep_prepared_txn",
    "ongoing_txn_producer_id",
    "ongoing_txn_producer_epoch",
];

#[test]
fn every_message_agrees_with_the_oracle_byte_for_byte() {
    let mut agree = Agree { unknown: Vec::new() };
    visit_every_message(&mut agree);
    // Version 11 gave ListOffsets another sentinel, and no field (KIP-1023).
    assert_eq!(agree.unknown, [("ListOffsetsRequest", 11), ("ListOffsetsResponse", 11)]);
}

#[test]
fn list_offsets_11_is_written_as_10() {
    fn same<M: Message + Generate>() {
        let message = M::generate(&mut Choices::most(), 11);
        let (mut ten, mut eleven) = (Vec::new(), Vec::new());
        message.write(10, &mut ten);
        message.write(11, &mut eleven);
        assert_eq!(ten, eleven, "{}", type_name::<M>());
    }
    same::<ListOffsetsRequest>();
    same::<ListOffsetsResponse>();
}

#[test]
fn error_codes_agree_with_the_oracle() {
    for code in -10..1000 {
        let ours = ErrorCode::from(code);
        assert_eq!(ours.code(), code);
        match ResponseError::try_from_code(code) {
            None => assert_eq!(ours, ErrorCode::None),
            Some(ResponseError::Unknown(_)) => {
                assert_eq!(ours, ErrorCode::Other(code));
            }
            Some(theirs) => {
                assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{code}");
                assert_eq!(ours.is_retriable(), theirs.is_retriable(), "{ours}");
            }
        }
    }
}
