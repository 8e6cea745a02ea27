//! One configuration key: its name, type, default, valid values and documentation.

use super::{ConfigValue, InvalidConfig};

/// Declares a table of configuration keys.
///
/// An entry is a documented name, its type and its default as a user would write it (`null` = no
/// value), followed by whatever else holds for it: the builder methods of
/// [`ConfigDef`](crate::config::ConfigDef), parentheses left out where there's no argument.
///
/// ```ignore
/// config_keys! {
///     /// Sockets and requests.
///     pub(crate) NETWORK;
///
///     /// The largest request that is read. A larger one closes its connection.
///     "socket.request.max.bytes": Int = "104857600", at_least(1), high;
/// }
/// ```
#[macro_export]
macro_rules! config_keys {
    (
        $(#[$table_doc:meta])* $visibility:vis $table:ident;
        $(
            $(#[doc = $doc:literal])+
            $name:literal: $kind:ident = $default:tt
            $(, $attribute:ident $(($($argument:expr),+ $(,)?))?)*;
        )+
    ) => {
        $(#[$table_doc])*
        $visibility const $table: &[$crate::config::ConfigDef] = &[$(
            $crate::config::ConfigDef::new(
                $name,
                $crate::config::ConfigType::$kind,
                $crate::config_keys!(@default $default),
                concat!($($doc),+),
            )
            $(.$attribute($($($argument),+)?))*
        ),+];
    };
    (@default null) => { None };
    (@default $default:tt) => { Some($default) };
}

/// A configuration key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfigDef {
    /// Kafka's dotted name.
    pub name: &'static str,
    /// What its value is.
    pub kind: ConfigType,
    /// The value where nobody sets one, as a user would write it. `None` = no value.
    pub default: Option<&'static str>,
    /// Which values of the type are accepted.
    pub valid: Valid,
    /// How much it matters to most users.
    pub importance: Importance,
    /// Whether a running broker accepts a new value.
    pub update: Update,
    /// Whether setting it changes anything.
    pub effect: Effect,
    /// Not shown by DescribeConfigs: a knob for tests.
    pub internal: bool,
    /// For a topic's key: the broker's keys that give its default, the strongest first.
    pub synonyms: &'static [BrokerSynonym],
    doc: &'static str,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Free text.
    String,
    /// 32 bits, signed.
    Int,
    /// 16 bits, signed.
    Short,
    /// 64 bits, signed.
    Long,
    /// 64 bits of floating point.
    Double,
    /// Texts between commas.
    List,
    /// The name of a Java class, which nothing here can load.
    Class,
    /// Text that is never shown.
    Password,
}

/// Which values of a type are accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Valid {
    /// All of them.
    Any,
    /// Numbers from the first on.
    AtLeast(i64),
    /// Numbers from the first to the second.
    Between(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, in capitals or not.
    OneOfAnyCase(&'static [&'static str]),
    /// A list of these words.
    SubsetOf(&'static [&'static str]),
    /// Text of at least one character.
    NonEmpty,
    /// A level of gzip: 1 to 9, or -1 for its own default.
    GzipLevel,
    /// `*`, or pairs of partition and broker.
    ThrottledReplicas,
}

/// How much a key matters to most users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Look at it first.
    High,
    /// Look at it when tuning.
    Medium,
    /// Rarely of interest.
    Low,
}

/// Whether a running broker accepts a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// Only a restart changes it.
    ReadOnly,
    /// For one broker at a time.
    PerBroker,
    /// For one broker or all of them.
    ClusterWide,
}

/// Whether setting a key changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Honoured,
    /// It's accepted and ignored, for this reason.
    Ignored(&'static str),
    /// It names a Java class, which can't be loaded.
    Plugin,
}

/// A broker's key that gives a topic's key its default: its name, its unit, and its own default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerSynonym(pub &'static str, pub Unit, pub Option<&'static str>);

/// The unit of a broker's key, relative to the topic's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The same.
    Same,
    /// Minutes for milliseconds.
    Minutes,
    /// Hours for milliseconds.
    Hours,
}

impl ConfigDef {
    /// A key of medium importance that accepts every value of its type and needs a restart.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: ConfigType,
        default: Option<&'static str>,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            valid: Valid::Any,
            importance: Importance::Medium,
            update: Update::ReadOnly,
            effect: Effect::Honoured,
            internal: false,
            synonyms: &[],
            doc,
        }
    }

    /// What it's for, in a sentence or two.
    #[must_use]
    pub fn doc(&self) -> &'static str {
        self.doc.trim_start()
    }

    /// Whether its value is a secret.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.kind == ConfigType::Password
    }

    /// Reads a value as a user wrote it, and checks it.
    ///
    /// # Errors
    /// Kafka's own sentence about what is wrong with it.
    pub fn parse(&self, text: &str) -> Result<ConfigValue, InvalidConfig> {
        ConfigValue::parse(self, text)
    }

    /// The parsed default, `None` where there is none.
    ///
    /// # Panics
    /// When the table gives a default that it doesn't accept; a test reads every default.
    #[must_use]
    pub fn default_value(&self) -> Option<ConfigValue> {
        let text = self.default?;
        Some(self.parse(text).expect("a table's defaults are valid"))
    }
}

/// The attributes of a table's entry.
impl ConfigDef {
    /// Accepts numbers from `min` on.
    #[must_use]
    pub const fn at_least(mut self, min: i64) -> Self {
        self.valid = Valid::AtLeast(min);
        self
    }

    /// Accepts numbers from `min` to `max`.
    #[must_use]
    pub const fn between(mut self, min: i64, max: i64) -> Self {
        self.valid = Valid::Between(min, max);
        self
    }

    /// Accepts one of these words.
    #[must_use]
    pub const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.valid = Valid::OneOf(words);
        self
    }

    /// Accepts one of these words, in capitals or not.
    #[must_use]
    pub const fn one_of_any_case(mut self, words: &'static [&'static str]) -> Self {
        self.valid = Valid::OneOfAnyCase(words);
        self
    }

    /// Accepts a list of these words.
    #[must_use]
    pub const fn subset_of(mut self, words: &'static [&'static str]) -> Self {
        self.valid = Valid::SubsetOf(words);
        self
    }

    /// Accepts any text but none.
    #[must_use]
    pub const fn non_empty(mut self) -> Self {
        self.valid = Valid::NonEmpty;
        self
    }

    /// Accepts gzip's levels.
    #[must_use]
    pub const fn gzip_level(mut self) -> Self {
        self.valid = Valid::GzipLevel;
        self
    }

    /// Accepts `*`, or pairs of partition and broker.
    #[must_use]
    pub const fn throttled_replicas(mut self) -> Self {
        self.valid = Valid::ThrottledReplicas;
        self
    }

    /// Matters to most users.
    #[must_use]
    pub const fn high(mut self) -> Self {
        self.importance = Importance::High;
        self
    }

    /// Rarely of interest.
    #[must_use]
    pub const fn low(mut self) -> Self {
        self.importance = Importance::Low;
        self
    }

    /// Changes on a running broker, for that broker alone.
    #[must_use]
    pub const fn per_broker(mut self) -> Self {
        self.update = Update::PerBroker;
        self
    }

    /// Changes on running brokers, for one or all of them.
    #[must_use]
    pub const fn cluster_wide(mut self) -> Self {
        self.update = Update::ClusterWide;
        self
    }

    /// Is accepted and ignored.
    #[must_use]
    pub const fn ignored(mut self, reason: &'static str) -> Self {
        self.effect = Effect::Ignored(reason);
        self
    }

    /// Names a Java class.
    #[must_use]
    pub const fn plugin(mut self) -> Self {
        self.effect = Effect::Plugin;
        self
    }

    /// Is for tests, and not shown.
    #[must_use]
    pub const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// Takes its default from these keys of the broker, the strongest first.
    #[must_use]
    pub const fn from_broker(mut self, synonyms: &'static [BrokerSynonym]) -> Self {
        self.synonyms = synonyms;
        self
    }
}
