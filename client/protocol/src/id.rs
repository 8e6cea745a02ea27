//! Kafka's nouns as types: mixing an offset with a count, or two kinds of epoch, doesn't compile.

use std::{fmt, sync::Arc};

use crate::{Context, DecodeError, Reader, Sink, Wire};

/// A number with a name of its own, and its place on the wire.
macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident($inner:ty) = $default:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl Wire for $name {
            fn encode(&self, out: &mut impl Sink, cx: Context) {
                self.0.encode(out, cx);
            }

            fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError> {
                <$inner>::decode(from, cx).map(Self)
            }
        }
    )*};
}

numbers! {
    /// A record's place in a partition. -1 where there is none.
    Offset(i64) = 0;
    /// How often a partition's leader changed. -1 = not known.
    LeaderEpoch(i32) = -1;
    /// How often a partition's state changed at the controller.
    PartitionEpoch(i32) = 0;
    /// A partition's number within its topic.
    PartitionIndex(i32) = 0;
    /// A node's `node.id`. -1 = none.
    BrokerId(i32) = -1;
    /// A broker's registration: grows with every one.
    BrokerEpoch(i64) = -1;
    /// An idempotent or transactional producer. -1 = none.
    ProducerId(i64) = -1;
    /// A producer's incarnation. -1 = none.
    ProducerEpoch(i16) = -1;
    /// A record's number within (producer id, epoch, partition); wraps from 2^31 - 1 to 0. -1 = none.
    Sequence(i32) = -1;
    /// Milliseconds since 1970 by somebody's wall clock. -1 = none.
    Timestamp(i64) = -1;
    /// Pairs a response with its request.
    CorrelationId(i32) = 0;
}

impl Offset {
    /// The offset `count` records further on.
    #[must_use]
    pub fn plus(self, count: i64) -> Self {
        Self(self.0 + count)
    }
}

impl Sequence {
    /// The sequence `count` records further on; after 2^31 - 1 comes 0.
    #[must_use]
    pub fn plus(self, count: i32) -> Self {
        const MODULUS: i64 = 1 << 31;
        let sum = (i64::from(self.0) + i64::from(count)).rem_euclid(MODULUS);
        Self(i32::try_from(sum).expect("below the modulus"))
    }
}

/// Sixteen bytes that name one thing for ever: a topic, a log directory, a broker's incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All zero bytes: no id.
    pub const ZERO: Self = Self([0; 16]);

    /// An id from sixteen random bytes, marked as a version 4 uuid. Like Kafka's, it never prints
    /// with a leading dash, which command lines would take for an option.
    ///
    /// Returns `None` for bytes whose print would; draw again.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Option<Self> {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let id = Self(bytes);
        (!id.to_string().starts_with('-')).then_some(id)
    }
}

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Prints as Kafka prints it: 22 characters of URL-safe base64 without padding.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(22);
        for group in self.0.chunks(3) {
            let mut bits = 0_u32;
            for (index, byte) in group.iter().enumerate() {
                bits |= u32::from(*byte) << (16 - 8 * index);
            }
            for position in 0..=group.len() {
                let six = (bits >> (18 - 6 * position)) & 0x3f;
                text.push(char::from(BASE64_URL[six as usize]));
            }
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

impl std::str::FromStr for Uuid {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        const ERROR: DecodeError = DecodeError::Invalid("an id has 22 characters of base64url");
        let mut bits = 0_u128;
        let mut digits = 0;
        for byte in text.trim_end_matches('=').bytes() {
            let six = BASE64_URL.iter().position(|&c| c == byte).ok_or(ERROR)?;
            digits += 1;
            // The last digit holds two bits of the id and four of padding.
            let (width, six) = if digits == 22 { (2, six >> 4) } else { (6, six) };
            bits = (bits << width) | six as u128;
        }
        if digits == 22 { Ok(Self(bits.to_be_bytes())) } else { Err(ERROR) }
    }
}

impl Wire for Uuid {
    fn encode(&self, out: &mut impl Sink, _: Context) {
        out.put(&self.0);
    }

    fn decode(from: &mut Reader, _: Context) -> Result<Self, DecodeError> {
        from.array().map(Self)
    }
}

/// A topic's id (KIP-516): another one each time a topic of the same name is created.
pub type TopicId = Uuid;
/// A log directory's id (KIP-858).
pub type DirectoryId = Uuid;

/// A topic's name. Cheap to clone. Any text: whether it's a valid name is the controller's business.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TopicName {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl<T: Into<Arc<str>>> From<T> for TopicName {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Wire for TopicName {
    fn encode(&self, out: &mut impl Sink, cx: Context) {
        self.0.encode(out, cx);
    }

    fn decode(from: &mut Reader, cx: Context) -> Result<Self, DecodeError> {
        Arc::decode(from, cx).map(Self)
    }

    fn encode_nullable(value: Option<&Self>, out: &mut impl Sink, cx: Context) {
        Arc::encode_nullable(value.map(|name| &name.0), out, cx);
    }

    fn decode_nullable(from: &mut Reader, cx: Context) -> Result<Option<Self>, DecodeError> {
        Ok(Arc::decode_nullable(from, cx)?.map(Self))
    }
}

/// A partition, by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition's number.
    pub partition: PartitionIndex,
}

/// Prints as Kafka names the directory of the log: `topic-partition`.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests;
