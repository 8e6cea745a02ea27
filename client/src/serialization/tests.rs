use super::*;
use crate::producer::ProducerRecord;

fn topic() -> TopicName {
    "orders".into()
}

/// There and back.
fn back<T, C: Serialize<T> + Deserialize<T>>(codec: &C, value: &T) -> T {
    let bytes = codec.serialize(&topic(), value).unwrap();
    codec.deserialize(&topic(), bytes.as_ref()).unwrap()
}

#[test]
fn what_a_codec_writes_it_reads() {
    for bytes in [&b""[..], b"\xff\x00"] {
        assert_eq!(back(&Raw, &Bytes::from_static(bytes)), bytes);
        assert_eq!(back(&Raw, &bytes.to_vec()), bytes);
    }
    assert_eq!(back(&Text, &"Gänse".to_owned()), "Gänse");
    assert_eq!(back(&Json, &(1, "two".to_owned())), (1, "two".to_owned()));
    assert_eq!(back(&Nullable(Text), &Some("there".to_owned())), Some("there".to_owned()));
    assert_eq!(back(&Nullable(Json), &None::<i32>), None);
}

#[test]
fn null_is_a_value_of_nullable_codecs_alone() {
    let null = None;
    assert!(Deserialize::<Bytes>::deserialize(&Raw, &topic(), null).is_err());
    assert!(Deserialize::<String>::deserialize(&Text, &topic(), null).is_err());
    assert!(Deserialize::<Option<i32>>::deserialize(&Json, &topic(), null).is_err());
    let nullable: Option<String> = Nullable(Text).deserialize(&topic(), null).unwrap();
    assert_eq!(nullable, None);
    // JSON has a null of its own.
    assert_eq!(Json.serialize(&topic(), &None::<i32>).unwrap().as_deref(), Some(&b"null"[..]));
}

#[test]
fn an_error_says_topic_and_part_and_why() {
    struct Moody;
    impl Serialize<str> for Moody {
        fn serialize(&self, _: &TopicName, _: &str) -> Result<Option<Bytes>, Reason> {
            Err("not today".into())
        }
    }
    let error = ProducerRecord::to("orders").value_as(&Moody, "x").unwrap_err();
    assert_eq!(error.to_string(), "topic orders: not a value of this codec: not today");
    assert!(!error.is_retriable());
    let error = ProducerRecord::to("orders").key_as(&Moody, "x").unwrap_err();
    assert!(matches!(error, Error::Serialization { part: Part::Key, .. }));
    let bad = Bytes::from_static(b"\xff");
    assert!(Deserialize::<String>::deserialize(&Text, &topic(), Some(&bad)).is_err());
    assert!(Deserialize::<i32>::deserialize(&Json, &topic(), Some(&bad)).is_err());
}
