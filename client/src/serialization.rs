//! Turns keys and values into bytes and back.
//!
//! Records are bytes at heart, and a codec is a choice of each call: it is no part of a producer's
//! or a consumer's type, so that one of them can handle topics of different formats. A codec of
//! one's own implements [`Serialize`], [`Deserialize`] or both.
//!
//! ```
//! use client::{Json, ProducerRecord, Text};
//! # fn main() -> Result<(), client::Error> {
//!
//! #[derive(serde::Serialize)]
//! struct Position {
//!     latitude: f64,
//!     longitude: f64,
//! }
//!
//! let position = Position { latitude: 48.2, longitude: 16.4 };
//! let record = ProducerRecord::to("positions")
//!     .key_as(&Text, "truck-7")?
//!     .value_as(&Json, &position)?
//!     .header("source", "gps");
//! assert_eq!(record.key.as_deref(), Some(&b"truck-7"[..]));
//! assert_eq!(record.value.as_deref(), Some(&br#"{"latitude":48.2,"longitude":16.4}"#[..]));
//! # Ok(())
//! # }
//! ```

use std::fmt;

use bytes::Bytes;
use protocol::TopicName;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// What a codec says when it fails: any error, or a text by `into()`.
pub type Reason = Box<dyn std::error::Error + Send + Sync>;

/// Makes bytes of values.
///
/// ```
/// use bytes::Bytes;
/// use client::{ProducerRecord, protocol::TopicName, serialization::{Reason, Serialize}};
///
/// /// A number as Kafka's LongSerializer writes it.
/// struct Long;
///
/// impl Serialize<i64> for Long {
///     fn serialize(&self, _: &TopicName, value: &i64) -> Result<Option<Bytes>, Reason> {
///         Ok(Some(Bytes::copy_from_slice(&value.to_be_bytes())))
///     }
/// }
///
/// let record = ProducerRecord::to("totals").value_as(&Long, &258)?;
/// assert_eq!(record.value.as_deref(), Some(&[0, 0, 0, 0, 0, 0, 1, 2][..]));
/// # Ok::<(), client::Error>(())
/// ```
pub trait Serialize<T: ?Sized> {
    /// The bytes of a value that goes to a topic; none for null.
    ///
    /// # Errors
    /// Why there are no bytes for this value.
    fn serialize(&self, topic: &TopicName, value: &T) -> Result<Option<Bytes>, Reason>;
}

/// Makes values of bytes.
///
/// ```
/// use bytes::Bytes;
/// use client::{protocol::TopicName, serialization::{Deserialize, Reason, not_null}};
///
/// /// A number as Kafka's LongDeserializer reads it.
/// struct Long;
///
/// impl Deserialize<i64> for Long {
///     fn deserialize(&self, _: &TopicName, bytes: Option<&Bytes>) -> Result<i64, Reason> {
///         Ok(i64::from_be_bytes(not_null(bytes)?.as_ref().try_into()?))
///     }
/// }
///
/// let topic = TopicName::from("totals");
/// assert_eq!(Long.deserialize(&topic, Some(&Bytes::from_static(&[0; 8]))).unwrap(), 0);
/// assert!(Long.deserialize(&topic, Some(&Bytes::from_static(b"12"))).is_err());
/// assert!(Long.deserialize(&topic, None).is_err());
/// ```
pub trait Deserialize<T> {
    /// The value of bytes that come from a topic; none for null.
    ///
    /// # Errors
    /// Why these bytes are no such value.
    fn deserialize(&self, topic: &TopicName, bytes: Option<&Bytes>) -> Result<T, Reason>;
}

/// For codecs that know no null.
///
/// # Errors
/// That it is null. [`Nullable`] makes `None` of it.
pub fn not_null(bytes: Option<&Bytes>) -> Result<&Bytes, Reason> {
    bytes.ok_or_else(|| "it is null".into())
}

/// Bytes as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw;

impl<T: AsRef<[u8]> + ?Sized> Serialize<T> for Raw {
    fn serialize(&self, _: &TopicName, value: &T) -> Result<Option<Bytes>, Reason> {
        Ok(Some(Bytes::copy_from_slice(value.as_ref())))
    }
}

impl<T: From<Bytes>> Deserialize<T> for Raw {
    fn deserialize(&self, _: &TopicName, bytes: Option<&Bytes>) -> Result<T, Reason> {
        Ok(T::from(not_null(bytes)?.clone()))
    }
}

/// Text in UTF-8. Bytes that are none are an error, never replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text;

impl<T: AsRef<str> + ?Sized> Serialize<T> for Text {
    fn serialize(&self, _: &TopicName, value: &T) -> Result<Option<Bytes>, Reason> {
        Ok(Some(Bytes::copy_from_slice(value.as_ref().as_bytes())))
    }
}

impl<T: From<String>> Deserialize<T> for Text {
    fn deserialize(&self, _: &TopicName, bytes: Option<&Bytes>) -> Result<T, Reason> {
        Ok(T::from(std::str::from_utf8(not_null(bytes)?)?.to_owned()))
    }
}

/// JSON of anything that serde knows, written without spaces.
///
/// JSON's `null` is a value like others, of four bytes; a record without value, which deletes a key
/// in a compacted topic, is [`Nullable`]'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json;

impl<T: serde::Serialize + ?Sized> Serialize<T> for Json {
    fn serialize(&self, _: &TopicName, value: &T) -> Result<Option<Bytes>, Reason> {
        Ok(Some(serde_json::to_vec(value)?.into()))
    }
}

impl<T: DeserializeOwned> Deserialize<T> for Json {
    fn deserialize(&self, _: &TopicName, bytes: Option<&Bytes>) -> Result<T, Reason> {
        Ok(serde_json::from_slice(not_null(bytes)?)?)
    }
}

/// Another codec's values, or none: `None` is null, and null is `None`.
///
/// ```
/// use client::{Nullable, ProducerRecord, Text};
///
/// // Deletes the key in a compacted topic.
/// let record = ProducerRecord::to("names")
///     .key_as(&Text, "truck-7")?
///     .value_as(&Nullable(Text), &None::<String>)?;
/// assert_eq!(record.value, None);
/// # Ok::<(), client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nullable<C>(pub C);

impl<T, C: Serialize<T>> Serialize<Option<T>> for Nullable<C> {
    fn serialize(&self, topic: &TopicName, value: &Option<T>) -> Result<Option<Bytes>, Reason> {
        value.as_ref().map_or(Ok(None), |value| self.0.serialize(topic, value))
    }
}

impl<T, C: Deserialize<T>> Deserialize<Option<T>> for Nullable<C> {
    fn deserialize(&self, topic: &TopicName, bytes: Option<&Bytes>) -> Result<Option<T>, Reason> {
        bytes.map(|bytes| self.0.deserialize(topic, Some(bytes))).transpose()
    }
}

/// The half of a record that a codec was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Value => "value",
        })
    }
}

impl Part {
    /// What a codec says, and about what.
    pub(crate) fn error(self, topic: &TopicName, reason: Reason) -> Error {
        Error::Serialization { topic: topic.clone(), part: self, source: reason.into() }
    }
}

#[cfg(test)]
mod tests;
