use bytes::Bytes;
use proptest::prelude::*;
use protocol::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicPartition};

use super::*;

const NULLS: Nulls<'static> = Nulls { text: b"", header_text: b"NULL" };

fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> ConsumerRecord {
    ConsumerRecord {
        partition: TopicPartition { topic: "orders".into(), partition: PartitionIndex(3) },
        offset: Offset(42),
        leader_epoch: LeaderEpoch(7),
        timestamp: Timestamp(1_700_000_000_000),
        timestamp_type: TimestampType::CreateTime,
        key: key.map(Bytes::from_static),
        value: value.map(Bytes::from_static),
        headers: vec![("a".to_owned(), Some("1".into())), ("b".to_owned(), None)],
    }
}

fn printed(format: &str, record: &ConsumerRecord) -> Vec<u8> {
    let mut out = Vec::new();
    format.parse::<Template>().unwrap().print(record, NULLS, &mut out).unwrap();
    out
}

#[test]
fn every_field_is_printed() {
    let record = record(Some(b"k1"), Some(b"value"));
    let all = printed(r"%t %p %o %e %T|%k %K|%s %v %S %V|%h|%%\n", &record);
    let expected = "orders 3 42 7 1700000000000|k1 2|value value 5 5|a=1,b=NULL|%\n";
    assert_eq!(String::from_utf8(all).unwrap(), expected);
    assert_eq!(printed("%R%s", &record), b"\0\0\0\x05value");
}

#[test]
fn null_has_no_text_and_the_length_minus_one() {
    let record = record(None, None);
    assert_eq!(printed("[%k %K %s %S]", &record), b"[ -1  -1]");
    assert_eq!(printed("%R", &record), [0xff; 4]);
}

#[test]
fn null_is_printed_as_asked() {
    let template: Template = "%k=%s %h".parse().unwrap();
    let (mut out, nulls) = (Vec::new(), Nulls { text: b"-", header_text: b"?" });
    template.print(&record(None, None), nulls, &mut out).unwrap();
    assert_eq!(out, b"-=- a=1,b=?");
}

#[test]
fn headers_are_printed_as_the_console_consumer_does() {
    let template = Template::new([Piece::Field(Field::Headers(Headers::Colon))]);
    let print = |record: &ConsumerRecord| {
        let mut out = Vec::new();
        template.print(record, NULLS, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let mut record = record(None, None);
    assert_eq!(print(&record), "a:1,b:NULL");
    record.headers.clear();
    assert_eq!(print(&record), "NO_HEADERS");
    assert_eq!(printed("%h", &record), b"");
}

#[test]
fn a_mistake_is_pointed_at() {
    let refusal = |text: &str| text.parse::<Template>().unwrap_err().to_string();
    assert!(refusal("%t %q\\n").ends_with("\n  %t %q\\n\n     ^^"), "{}", refusal("%t %q\\n"));
    assert!(refusal("ü %").ends_with("\n  ü %\n    ^"), "{}", refusal("ü %"));
    assert!(refusal("%ü").contains("%ü is no field"));
    assert!(refusal(r"%s\z").contains(r"\z is no escape"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r"[%\\tpokKsSRThnx01ü]*|.*") {
        match text.parse::<Template>() {
            Ok(template) => {
                let record = record(Some(b"key"), None);
                template.print(&record, NULLS, &mut Vec::new()).unwrap();
            }
            Err(mistake) => prop_assert!(mistake.to_string().ends_with('^')),
        }
    }

    #[test]
    fn text_without_fields_is_itself(text in r"[^%\\]*") {
        prop_assert_eq!(printed(&text, &record(None, None)), text.into_bytes());
    }

    #[test]
    fn what_a_format_prints_is_the_sum_of_its_parts(parts in prop::collection::vec(
        prop::sample::select(vec!["%t", "%p", "%k", "%s", "%K", "%h", "%%", r"\n", r"\x41", "ü", " "]),
        0..8,
    )) {
        let record = record(Some(b"key"), Some(b"value"));
        let sum: Vec<u8> = parts.iter().flat_map(|part| printed(part, &record)).collect();
        prop_assert_eq!(printed(&parts.concat(), &record), sum);
    }
}
