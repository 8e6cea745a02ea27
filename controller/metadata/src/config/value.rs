//! A value: read from text by its key's type, checked, and written back as Kafka writes it.

use std::{fmt, str::FromStr};

use super::{ConfigDef, ConfigType, Valid};

/// A value of a key's type.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number: a short, an int or a long.
    Number(i64),
    /// A fraction.
    Double(f64),
    /// A text, a class or a password.
    Text(String),
    /// Texts between commas.
    List(Vec<String>),
}

/// Why a configuration is refused. The sentences are Kafka's: people search for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// A value that its key doesn't accept.
    #[error("Invalid value {value} for configuration {name}: {reason}")]
    Value {
        /// The key.
        name: String,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A list with nothing between two commas.
    #[error("Configuration '{0}' values must not be empty.")]
    EmptyItem(String),
    /// A topic has no such key.
    #[error("Unknown topic config name: {0}")]
    UnknownTopicConfig(String),
    /// Two keys of one topic contradict each other.
    #[error(
        "conflict topic config setting min.compaction.lag.ms ({min_ms}) > max.compaction.lag.ms ({max_ms})"
    )]
    CompactionLag {
        /// `min.compaction.lag.ms`.
        min_ms: i64,
        /// `max.compaction.lag.ms`.
        max_ms: i64,
    },
    /// Tiered storage was asked for.
    #[error(
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
    )]
    TieredStorage,
}

impl ConfigValue {
    pub(super) fn parse(def: &ConfigDef, text: &str) -> Result<Self, InvalidConfig> {
        let text = text.trim();
        let refuse = |reason: &str| InvalidConfig::Value {
            name: def.name.to_owned(),
            value: text.to_owned(),
            reason: reason.to_owned(),
        };
        let value = match def.kind {
            ConfigType::Boolean => match text {
                _ if text.eq_ignore_ascii_case("true") => Self::Boolean(true),
                _ if text.eq_ignore_ascii_case("false") => Self::Boolean(false),
                _ => return Err(refuse("Expected value to be either true or false")),
            },
            ConfigType::Int => number::<i32>(text)
                .map(i64::from)
                .map(Self::Number)
                .ok_or_else(|| refuse("Not a number of type INT"))?,
            ConfigType::Short => number::<i16>(text)
                .map(i64::from)
                .map(Self::Number)
                .ok_or_else(|| refuse("Not a number of type SHORT"))?,
            ConfigType::Long => number::<i64>(text)
                .map(Self::Number)
                .ok_or_else(|| refuse("Not a number of type LONG"))?,
            ConfigType::Double => number::<f64>(text)
                .map(Self::Double)
                .ok_or_else(|| refuse("Not a number of type DOUBLE"))?,
            ConfigType::String | ConfigType::Class | ConfigType::Password => {
                Self::Text(text.to_owned())
            }
            ConfigType::List => Self::List(list(text)),
        };
        if let Self::List(items) = &value
            && items.iter().any(String::is_empty)
        {
            return Err(InvalidConfig::EmptyItem(def.name.to_owned()));
        }
        match complaint(def, &value) {
            None => Ok(value),
            Some(reason) => Err(refuse(&reason)),
        }
    }

    /// The value of a boolean key.
    ///
    /// # Panics
    /// When the key's type is another: a bug at the caller, as in the other accessors.
    #[must_use]
    pub fn boolean(&self) -> bool {
        match self {
            Self::Boolean(value) => *value,
            other => panic!("{other:?} is no boolean"),
        }
    }

    /// The value of a short, int or long key.
    ///
    /// # Panics
    /// When the key's type is another.
    #[must_use]
    pub fn number(&self) -> i64 {
        match self {
            Self::Number(value) => *value,
            other => panic!("{other:?} is no whole number"),
        }
    }

    /// The value of a double key.
    ///
    /// # Panics
    /// When the key's type is another.
    #[must_use]
    pub fn double(&self) -> f64 {
        match self {
            Self::Double(value) => *value,
            other => panic!("{other:?} is no double"),
        }
    }

    /// The value of a string, class or password key.
    ///
    /// # Panics
    /// When the key's type is another.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(value) => value,
            other => panic!("{other:?} is no text"),
        }
    }

    /// The value of a list key.
    ///
    /// # Panics
    /// When the key's type is another.
    #[must_use]
    pub fn list(&self) -> &[String] {
        match self {
            Self::List(value) => value,
            other => panic!("{other:?} is no list"),
        }
    }
}

fn number<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok()
}

fn list(text: &str) -> Vec<String> {
    match text {
        "" => Vec::new(),
        _ => text.split(',').map(|item| item.trim().to_owned()).collect(),
    }
}

/// What is wrong with a value of the right type, if anything.
fn complaint(def: &ConfigDef, value: &ConfigValue) -> Option<String> {
    match (def.valid, value) {
        (Valid::AtLeast(min), ConfigValue::Number(number)) if *number < min => {
            Some(format!("Value must be at least {min}"))
        }
        (Valid::Between(min, _), ConfigValue::Number(number)) if *number < min => {
            Some(format!("Value must be at least {min}"))
        }
        (Valid::Between(_, max), ConfigValue::Number(number)) if *number > max => {
            Some(format!("Value must be no more than {max}"))
        }
        // A range of doubles has whole ends in every table.
        (Valid::Between(min, max), ConfigValue::Double(number)) => {
            #[expect(clippy::cast_precision_loss, reason = "the ends are small")]
            let (min_double, max_double) = (min as f64, max as f64);
            if number.is_nan() || *number < min_double {
                Some(format!("Value must be at least {min}"))
            } else if *number > max_double {
                Some(format!("Value must be no more than {max}"))
            } else {
                None
            }
        }
        (Valid::OneOf(words), ConfigValue::Text(text)) if !words.contains(&text.as_str()) => {
            Some(format!("String must be one of: {}", words.join(", ")))
        }
        (Valid::OneOfAnyCase(words), ConfigValue::Text(text))
            if !words.iter().any(|word| word.eq_ignore_ascii_case(text)) =>
        {
            Some(format!("String must be one of (case insensitive): {}", words.join(", ")))
        }
        (Valid::SubsetOf(words), ConfigValue::List(items))
            if !items.iter().all(|item| words.contains(&item.as_str())) =>
        {
            Some(format!("String must be one of: {}", words.join(", ")))
        }
        (Valid::NonEmpty, ConfigValue::Text(text)) if text.is_empty() => {
            Some("String must be non-empty".to_owned())
        }
        (Valid::GzipLevel, ConfigValue::Number(level))
            if *level != -1 && !(1..=9).contains(level) =>
        {
            Some("Value must be between 1 and 9 or equal to -1".to_owned())
        }
        (Valid::ThrottledReplicas, ConfigValue::List(items)) if !throttled_replicas(items) => {
            Some(format!(
                "{} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                def.name
            ))
        }
        _ => None,
    }
}

fn throttled_replicas(items: &[String]) -> bool {
    let is_pair = |item: &String| {
        item.split_once(':').is_some_and(|(partition, broker)| {
            partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
        })
    };
    matches!(items, [all] if all == "*") || items.iter().all(is_pair)
}

/// Writes a value as DescribeConfigs shows it, which is as Java prints it.
impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Double(value) if *value == 0.0 || (1e-3..1e7).contains(&value.abs()) => {
                write!(f, "{value:?}")
            }
            Self::Double(value) => write!(f, "{value:E}"),
            Self::Text(value) => f.write_str(value),
            Self::List(items) => f.write_str(&items.join(",")),
        }
    }
}
