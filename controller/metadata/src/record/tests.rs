use std::collections::BTreeSet;

use proptest::prelude::*;
use protocol::{BrokerEpoch, BrokerId, PartitionIndex, ProducerId, TopicId, Uuid};

use super::*;

const ID: TopicId = Uuid([7; 16]);

/// One record of each kind, with every field set.
fn samples() -> Vec<MetadataRecord> {
    let partition = PartitionRecord {
        topic_id: ID,
        partition: PartitionIndex(3),
        replicas: vec![BrokerId(1), BrokerId(2)],
        directories: vec![Uuid([1; 16]), Uuid([2; 16])],
        isr: vec![BrokerId(1)],
        leader: BrokerId(1),
        elr: vec![BrokerId(2)],
        last_known_elr: vec![BrokerId(1)],
        leader_recovery_state: LeaderRecoveryState::Recovering,
        ..PartitionRecord::default()
    };
    let change = PartitionChangeRecord {
        topic_id: ID,
        partition: PartitionIndex(3),
        isr: Some(Vec::new()),
        leader: Some(BrokerId(-1)),
        replicas: Some(partition.replicas.clone()),
        leader_recovery_state: Some(LeaderRecoveryState::Recovered),
        elr: Some(vec![BrokerId(1)]),
        last_known_elr: Some(Vec::new()),
        directories: Some(partition.directories.clone()),
    };
    let broker = RegisterBrokerRecord {
        broker_id: BrokerId(1),
        incarnation_id: ID,
        broker_epoch: BrokerEpoch(5),
        registered_after: 9,
        endpoints: vec![BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 65_535,
            security_protocol: 0,
        }],
        features: vec![BrokerFeature {
            name: "metadata.version".to_owned(),
            min_level: 1,
            max_level: 2,
        }],
        rack: Some("r".to_owned()),
        fenced: true,
        fence_reason: FenceReason::Silent,
        in_controlled_shutdown: true,
        log_dirs: vec![ID],
    };
    let broker_change = BrokerRegistrationChangeRecord {
        broker_id: BrokerId(1),
        broker_epoch: BrokerEpoch(5),
        fenced: Some(false),
        in_controlled_shutdown: Some(true),
        log_dirs: Some(Vec::new()),
        fence_reason: FenceReason::ShutDown,
    };
    let config = ConfigRecord {
        resource_type: 2,
        resource_name: "t".to_owned(),
        name: "retention.ms".to_owned(),
        value: None,
    };
    vec![
        broker.into(),
        UnregisterBrokerRecord { broker_id: BrokerId(1), broker_epoch: BrokerEpoch(5) }.into(),
        broker_change.into(),
        LastBrokerEpochRecord { broker_epoch: BrokerEpoch(5) }.into(),
        TopicRecord { name: "t".into(), topic_id: ID }.into(),
        partition.into(),
        change.into(),
        PartitionChangeRecord { topic_id: ID, ..PartitionChangeRecord::default() }.into(),
        RemoveTopicRecord { topic_id: ID }.into(),
        config.into(),
        FeatureLevelRecord { name: "f".to_owned(), level: 2 }.into(),
        ProducerIdsRecord { next_producer_id: ProducerId(1000), ..ProducerIdsRecord::default() }
            .into(),
        NoOpRecord {}.into(),
    ]
}

fn bytes_of(record: &MetadataRecord) -> Bytes {
    let mut bytes = BytesMut::new();
    record.write(MetadataVersion::LATEST, &mut bytes);
    bytes.freeze()
}

#[test]
fn every_record_reads_as_it_was_written() {
    let records = samples();
    let batch = RecordBatch::pack(&records, MetadataVersion::LATEST);
    let batch = RecordBatch::from_bytes(batch.to_bytes()).unwrap();
    assert_eq!(batch.unpack().unwrap(), records);
}

#[test]
fn no_two_records_share_a_type() {
    let types: BTreeSet<u32> = MetadataRecord::TYPES.iter().copied().collect();
    assert_eq!(types.len(), MetadataRecord::TYPES.len());
    assert!(!types.contains(&RecordBatch::TYPE));
}

#[test]
fn every_record_can_be_written_at_every_level() {
    for level in MetadataVersion::MIN.level()..=MetadataVersion::LATEST.level() {
        let level = MetadataVersion::from_level(level).unwrap();
        for record in samples() {
            record.write(level, &mut BytesMut::new());
        }
    }
}

#[test]
fn a_record_is_written_at_the_version_of_the_last_step_at_or_below_the_level() {
    const STEPS: &[(i16, i16)] = &[(1, 0), (4, 1), (6, 2)];
    let versions = [1, 3, 4, 5, 6, 9].map(|level| version_at(level_of(level), STEPS));
    assert_eq!(versions, [0, 0, 1, 1, 2, 2]);
}

/// A level that this build need not know.
fn level_of(level: i16) -> MetadataVersion {
    MetadataVersion::for_tests(level)
}

#[test]
fn an_unknown_type_is_refused_by_its_number() {
    let error = MetadataRecord::read(Bytes::from_static(&[99, 0])).unwrap_err();
    assert_eq!(error.to_string(), "unknown record type 99");
}

#[test]
fn an_unknown_version_is_refused_by_its_number() {
    let mut bytes = bytes_of(&TopicRecord { name: "t".into(), topic_id: ID }.into()).to_vec();
    bytes[1] = 9;
    let error = MetadataRecord::read(bytes.into()).unwrap_err();
    assert_eq!(error.to_string(), "record type 10 has unknown version 9");
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut bytes = bytes_of(&NoOpRecord {}.into()).to_vec();
    bytes.push(0);
    let error = MetadataRecord::read(bytes.into()).unwrap_err();
    assert_eq!(error, DecodeError::TrailingBytes(1));
}

#[test]
fn a_recovery_state_that_nobody_writes_is_refused() {
    assert!(LeaderRecoveryState::try_from(2).is_err());
}

#[test]
fn a_tagged_field_of_a_later_build_is_skipped() {
    let mut bytes = bytes_of(&NoOpRecord {}.into()).to_vec();
    assert_eq!(bytes.pop(), Some(0), "no tagged fields");
    bytes.extend([1, 40, 2, 0xab, 0xcd]);
    assert_eq!(MetadataRecord::read(bytes.into()), Ok(NoOpRecord {}.into()));
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = MetadataRecord::read(bytes.clone().into());
        let _ = RecordBatch::from_bytes(bytes.into()).map(|batch| batch.unpack());
    }

    #[test]
    fn a_truncated_record_is_refused(which in 0_usize..12, cut in 1_usize..20) {
        let bytes = bytes_of(&samples()[which]);
        let kept = bytes.len().saturating_sub(cut);
        prop_assert!(MetadataRecord::read(bytes.slice(..kept)).is_err());
    }
}
