//! Which names a topic may have.

/// The longest name: with a partition's number and a suffix it must fit a directory's name.
const LENGTH_MAX: usize = 249;

/// Why a topic can't have that name. Prints as Kafka says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicName {
    /// No name at all.
    #[error("Topic name is invalid: the empty string is not allowed")]
    Empty,
    /// `.` or `..`, which mean something else to a file system.
    #[error("Topic name is invalid: '{0}' is not allowed")]
    Dots(String),
    /// Too long for a directory.
    #[error(
        "Topic name is invalid: the length of '{0}' is longer than the max allowed length \
         {LENGTH_MAX}"
    )]
    TooLong(String),
    /// A character that isn't safe in a directory's name.
    #[error(
        "Topic name is invalid: '{0}' contains one or more characters other than ASCII \
         alphanumerics, '.', '_' and '-'"
    )]
    Character(String),
}

/// Checks a topic's name.
///
/// # Errors
/// The first rule that it breaks.
pub fn validate_topic_name(name: &str) -> Result<(), InvalidTopicName> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match name {
        "" => Err(InvalidTopicName::Empty),
        "." | ".." => Err(InvalidTopicName::Dots(name.to_owned())),
        _ if name.len() > LENGTH_MAX => Err(InvalidTopicName::TooLong(name.to_owned())),
        _ if !name.bytes().all(is_legal) => Err(InvalidTopicName::Character(name.to_owned())),
        _ => Ok(()),
    }
}

/// What two names share when they'd become one name of a metric, where a dot is an underscore;
/// `None` for a name that has neither.
pub(crate) fn collision_key(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_letters_digits_dots_underscores_and_dashes_are_valid() {
        for name in ["a", "Orders-2.eu_west", "...", "-", "__consumer_offsets", &"x".repeat(249)] {
            assert_eq!(validate_topic_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn other_names_are_refused_in_kafkas_words() {
        let long = "x".repeat(250);
        let cases = [
            ("", "the empty string is not allowed".to_owned()),
            (".", "'.' is not allowed".to_owned()),
            ("..", "'..' is not allowed".to_owned()),
            (&long, format!("the length of '{long}' is longer than the max allowed length 249")),
            (
                "a/b",
                "'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' \
                 and '-'"
                    .to_owned(),
            ),
        ];
        for (name, reason) in cases {
            let error = validate_topic_name(name).unwrap_err();
            assert_eq!(error.to_string(), format!("Topic name is invalid: {reason}"));
        }
        assert!(validate_topic_name("straße").is_err());
    }

    #[test]
    fn names_collide_where_only_dots_and_underscores_differ() {
        assert_eq!(collision_key("a.b_c"), collision_key("a_b.c"));
        assert_ne!(collision_key("a.b"), collision_key("a.c"));
        assert_eq!(collision_key("plain-1"), None);
    }
}
