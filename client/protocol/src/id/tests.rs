//! How ids print, parse and count.

use proptest::prelude::*;

use super::*;

/// Ids as Kafka prints them.
const KNOWN: &[(u128, &str)] = &[
    (0, "AAAAAAAAAAAAAAAAAAAAAA"),
    (1, "AAAAAAAAAAAAAAAAAAAAAQ"),
    (u128::MAX, "_____________________w"),
    (0x0011_2233_4455_6677_8899_aabb_ccdd_eeff, "ABEiM0RVZneImaq7zN3u_w"),
    (0xfbff_bffb_ffbf_fbff_bffb_ffbf_fbff_bf01, "-_-_-_-_-_-_-_-_-_-_AQ"),
];

#[test]
fn an_id_prints_as_kafka_prints_it() {
    for (bits, text) in KNOWN {
        let id = Uuid(bits.to_be_bytes());
        assert_eq!(id.to_string(), *text);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(format!("{text}==").parse(), Ok(id));
    }
}

#[test]
fn what_is_no_id_does_not_parse() {
    let twenty_three = "A".repeat(23);
    for text in ["", "A", "AAAAAAAAAAAAAAAAAAAAA", &twenty_three, "AAAAAAAAAAAAAAAAAAAAA+", "ß"] {
        assert!(text.parse::<Uuid>().is_err(), "{text}");
    }
    assert!("A".repeat(10_000).parse::<Uuid>().is_err());
}

#[test]
fn a_random_id_is_of_version_4_and_never_looks_like_an_option() {
    assert_eq!(Uuid::from_random([0xf8; 16]), None);
    assert_eq!(Uuid::from_random([0xfb; 16]), None);
    let id = Uuid::from_random([0xff; 16]).unwrap();
    assert_eq!((id.0[6], id.0[8]), (0x4f, 0xbf));
}

#[test]
fn a_sequence_wraps_to_zero() {
    let last = Sequence(i32::MAX);
    assert_eq!(last.plus(0), last);
    assert_eq!(last.plus(1), Sequence(0));
    assert_eq!(last.plus(i32::MAX), Sequence(i32::MAX - 1));
    assert_eq!(Sequence(0).plus(5), Sequence(5));
    assert_eq!(Sequence(-1).plus(1), Sequence(0));
}

#[test]
fn a_partition_prints_as_its_directory_is_named() {
    let partition = TopicPartition { topic: "a-b".into(), partition: PartitionIndex(7) };
    assert_eq!(partition.to_string(), "a-b-7");
    assert_eq!(format!("{:?}", partition.partition), "PartitionIndex(7)");
}

proptest! {
    #[test]
    fn an_id_comes_back_from_its_text(bytes: [u8; 16]) {
        let id = Uuid(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn no_text_panics_the_parser(text: String) {
        let _ = text.parse::<Uuid>();
    }
}
