//! What is written is read back, and nothing that is read does harm.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn name() -> impl Strategy<Value = Name> {
    "[a-z*!_?<>=.][a-zA-Z0-9*!_?<>=.+/:#-]{0,8}"
        .prop_filter("has a meaning", |name| !["nil", "true", "false"].contains(&name.as_str()))
        .prop_map(|name| Name::new(&name).unwrap())
}

fn tag() -> impl Strategy<Value = Name> {
    name().prop_filter("discards what follows", |name| !name.as_str().starts_with('_'))
}

fn edn() -> impl Strategy<Value = Edn> {
    let leaf = prop_oneof![
        Just(Edn::Nil),
        any::<bool>().prop_map(Edn::Bool),
        any::<i64>().prop_map(Edn::Int),
        any::<f64>().prop_filter("equals itself", |float| !float.is_nan()).prop_map(Edn::Float),
        any::<char>().prop_map(Edn::Char),
        any::<String>().prop_map(Edn::String),
        name().prop_map(Edn::Keyword),
        name().prop_map(Edn::Symbol),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Edn::List),
            vec(inner.clone(), 0..6).prop_map(Edn::Vector),
            vec(inner.clone(), 0..6).prop_map(Edn::Set),
            vec((inner.clone(), inner.clone()), 0..4).prop_map(Edn::Map),
            (tag(), inner).prop_map(|(tag, value)| Edn::Tagged(tag, Box::new(value))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in edn()) {
        let text = value.to_string();
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(Edn::parse(&text), Ok(value));
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = Edn::parse(&text);
    }

    #[test]
    fn text_of_ednish_characters_is_answered(text in r#"[\[\](){}#_"\\:;,nu0-9a+. -]{0,60}"#) {
        if let Ok(value) = Edn::parse(&text) {
            prop_assert_eq!(Edn::parse(&value.to_string()), Ok(value));
        }
    }
}

#[test]
fn an_operation_of_jepsens_is_read() {
    let op = Edn::parse("#jepsen.history.Op{:index 1, :type :ok, :value [[:send 11 [537 nil]]]}");
    let Ok(Edn::Tagged(tag, op)) = op else { panic!("{op:?}") };
    assert_eq!(tag.as_str(), "jepsen.history.Op");
    assert_eq!(op.get("type").and_then(Edn::as_name), Some("ok"));
    assert_eq!(op.get("value").unwrap().to_string(), "[[:send 11 [537 nil]]]");
}

#[test]
fn comments_commas_and_discarded_values_are_spaces() {
    let value = Edn::parse("[1,,2 #_ (3 4) #_#_ 5 6 ; the rest\n +7 8N 1.5M]").unwrap();
    assert_eq!(value.to_string(), "[1 2 7 8 1.5]");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let told = |text| Edn::parse(text).unwrap_err().to_string();
    assert_eq!(told(""), "a value is missing at byte 0");
    assert_eq!(told("[1 2"), "a bracket is not closed at byte 4");
    assert_eq!(told("{:a}"), "a key without a value at byte 4");
    assert_eq!(told("1 2"), "more than one value at byte 2");
    assert_eq!(told("[9223372036854775808]"), "not a number that fits at byte 1");
    assert_eq!(told("\"\\u+123\""), "not four hexadecimal digits of a character at byte 3");
}

#[test]
fn depth_is_bounded() {
    for text in ["[", "#_", "#a ", "{1 "] {
        assert_eq!(Edn::parse(&text.repeat(1_000_000)).unwrap_err().what, "nested too deep");
    }
}
