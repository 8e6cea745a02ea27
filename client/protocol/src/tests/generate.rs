//! Generates any value of the notation: of a version, with the nulls that the version allows, and
//! with the defaults in the fields that it lacks. So what is read back must equal what was written.

use bytes::Bytes;

use crate::{
    BrokerEpoch, BrokerId, CorrelationId, ErrorCode, LeaderEpoch, Offset, PartitionEpoch,
    PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicName, Uuid,
};

/// A value that can be generated.
pub(crate) trait Generate {
    fn generate(choices: &mut Choices, version: i16) -> Self;
}

/// Where the generator's decisions come from.
#[derive(Debug)]
pub(crate) struct Choices {
    mode: Mode,
    /// Decisions made so far.
    made: usize,
    /// How many arrays the present value is within.
    depth: usize,
}

#[derive(Debug)]
enum Mode {
    Least,
    Most,
    Wide { depth: usize, length: usize },
    Drawn(Vec<u8>),
}

impl Choices {
    /// Nulls, empty arrays and strings, zeros.
    pub(crate) fn least() -> Self {
        Self::new(Mode::Least)
    }

    /// No nulls, two elements in every array, every field with another value than its neighbour's
    /// and than its default.
    pub(crate) fn most() -> Self {
        Self::new(Mode::Most)
    }

    /// The least elements, but many of them, in the arrays within `depth` others.
    pub(crate) fn wide(depth: usize, length: usize) -> Self {
        Self::new(Mode::Wide { depth, length })
    }

    /// By random bytes; when they run out, the least. So fewer and smaller bytes are simpler values.
    pub(crate) fn drawn(bytes: Vec<u8>) -> Self {
        Self::new(Mode::Drawn(bytes))
    }

    fn new(mode: Mode) -> Self {
        Self { mode, made: 0, depth: 0 }
    }

    fn byte(&mut self) -> u8 {
        self.made += 1;
        match &self.mode {
            Mode::Drawn(bytes) => bytes.get(self.made - 1).copied().unwrap_or(0),
            Mode::Most => u8::MAX,
            Mode::Least | Mode::Wide { .. } => 0,
        }
    }

    /// One of `count` possibilities, 0 the simplest.
    fn pick(&mut self, count: u8) -> u8 {
        match self.byte() {
            u8::MAX => count - 1,
            byte => byte % count,
        }
    }

    fn length(&mut self) -> usize {
        match self.mode {
            Mode::Wide { depth, length } => match self.depth.cmp(&depth) {
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => length,
                std::cmp::Ordering::Greater => 0,
            },
            _ => usize::from(self.pick(3)),
        }
    }

    /// A number that fits `bits` bits, two's complement.
    fn number(&mut self, bits: u32) -> i64 {
        let unused = 64 - bits;
        if let Mode::Most = self.mode {
            self.made += 1;
            return i64::try_from(self.made % 100 + 1).unwrap();
        }
        match self.pick(6) {
            0 => 0,
            1 => -1,
            2 => i64::MAX >> unused,
            3 => i64::MIN >> unused,
            4 => i64::from(self.byte() >> 1),
            _ => i64::from_be_bytes(std::array::from_fn(|_| self.byte())) >> unused,
        }
    }

    fn text(&mut self) -> String {
        match self.pick(5) {
            0 => String::new(),
            1 => "x".to_owned(),
            2 => "größer € 🦀\n\0".to_owned(),
            3 => "long".repeat(100),
            _ => format!("text {}", self.made),
        }
    }
}

/// An option of a field that may be null only where `nullable`.
pub(crate) fn option<T: Generate>(
    choices: &mut Choices,
    nullable: bool,
    version: i16,
) -> Option<T> {
    if nullable {
        Generate::generate(choices, version)
    } else {
        Some(Generate::generate(choices, version))
    }
}

/// Called by the notation for every struct, with the fields' names, types, versions and nulls.
#[macro_export]
macro_rules! generate_struct {
    ($name:ident {$(
        $field:ident: $type:ty { $from:literal $(to $to:literal)? $(null $null:literal)? }
    )*}) => {
        impl $crate::tests::generate::Generate for $name {
            #[allow(unused_mut, unused_variables)]
            #[allow(clippy::manual_range_contains, clippy::double_comparisons)]
            fn generate(choices: &mut $crate::tests::generate::Choices, version: i16) -> Self {
                let mut value = Self::default();
                $(
                    if version >= $from $(&& version <= $to)? {
                        value.$field = $crate::generate_struct!(@ choices, version, $($null)?);
                    }
                )*
                value
            }
        }
    };
    (@ $choices:ident, $version:ident,) => {
        $crate::tests::generate::Generate::generate($choices, $version)
    };
    (@ $choices:ident, $version:ident, $null:literal) => {
        $crate::tests::generate::option($choices, $version >= $null, $version)
    };
}

impl<T: Generate> Generate for Option<T> {
    fn generate(choices: &mut Choices, version: i16) -> Self {
        (choices.pick(3) > 0).then(|| T::generate(choices, version))
    }
}

impl<T: Generate> Generate for Vec<T> {
    fn generate(choices: &mut Choices, version: i16) -> Self {
        let length = choices.length();
        choices.depth += 1;
        let elements = (0..length).map(|_| T::generate(choices, version)).collect();
        choices.depth -= 1;
        elements
    }
}

impl Generate for bool {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        choices.pick(2) == 1
    }
}

impl Generate for i8 {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        Self::try_from(choices.number(8)).unwrap()
    }
}

impl Generate for i16 {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        Self::try_from(choices.number(16)).unwrap()
    }
}

impl Generate for u16 {
    fn generate(choices: &mut Choices, version: i16) -> Self {
        i16::generate(choices, version).cast_unsigned()
    }
}

impl Generate for i32 {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        Self::try_from(choices.number(32)).unwrap()
    }
}

impl Generate for i64 {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        choices.number(64)
    }
}

impl Generate for String {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        choices.text()
    }
}

impl Generate for TopicName {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        Self::from(choices.text())
    }
}

impl Generate for Bytes {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        choices.text().into()
    }
}

impl Generate for Uuid {
    fn generate(choices: &mut Choices, _: i16) -> Self {
        match choices.pick(2) {
            0 => Self::ZERO,
            _ => Self(std::array::from_fn(|_| choices.byte())),
        }
    }
}

macro_rules! generate_wrapped {
    ($($name:ident($inner:ty)),* $(,)?) => {$(
        impl Generate for $name {
            fn generate(choices: &mut Choices, version: i16) -> Self {
                Self::from(<$inner>::generate(choices, version))
            }
        }
    )*};
}

generate_wrapped! {
    BrokerEpoch(i64),
    BrokerId(i32),
    CorrelationId(i32),
    ErrorCode(i16),
    LeaderEpoch(i32),
    Offset(i64),
    PartitionEpoch(i32),
    PartitionIndex(i32),
    ProducerEpoch(i16),
    ProducerId(i64),
    Sequence(i32),
    Timestamp(i64),
}
