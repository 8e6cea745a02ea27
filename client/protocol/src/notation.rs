//! The notation that every message is declared in, and the traits that it implements.
//!
//! ```text
//! api! {
//!     key ListOffsets, versions 1..=11, flexible 6..;
//!
//!     /// What the API asks.
//!     request ListOffsetsRequest {
//!         /// The broker that follows, or -1 for a consumer.
//!         replica_id: BrokerId { 1.. },
//!         isolation_level: i8 { 2.. },
//!         topics: Vec<ListOffsetsTopic> { 1.. },
//!         timeout_ms: i32 { 10.., default 30_000 },
//!     }
//!
//!     response ListOffsetsResponse { .. }
//!
//!     struct ListOffsetsTopic { .. }
//! }
//! ```
//!
//! The first line says which versions the messages have; `advertised 0..=13` after them, that a node
//! advertises other ones than it answers; and the first flexible version (KIP-482), or `never`.
//!
//! Braces after a field's type say: the versions that have it (`1..`, `4..=7`), then in this order
//! and each optional: `null 2..`, an option may be null from that version on (without it, in all),
//! and until then a `None` is written as an empty value; `tag 0`, the field is a tagged one,
//! written where it isn't its default; `default x`, its value where it is absent (without it, the
//! type's own default).
//!
//! A field that a version lacks is not written, whatever its value: whether a request makes sense
//! at a version is for its sender to know.
//!
//! What of ours outlives a process is declared with `stored!`: always flexible, with a type number
//! in place of an API key (see [`Stored`]).

use bytes::Bytes;

use crate::{ApiKey, Context, DecodeError, Reader, Sink, Wire};

/// The body of a request or a response.
pub trait Message: Wire + Clone + PartialEq + std::fmt::Debug + Default {
    /// Kafka's name of the message.
    const NAME: &'static str;
    /// The API it belongs to.
    const KEY: ApiKey;
    /// The versions that this build reads and writes.
    const VERSIONS: std::ops::RangeInclusive<i16>;
    /// The versions that a node advertises: [`Message::VERSIONS`], except for Produce.
    const ADVERTISED: std::ops::RangeInclusive<i16>;
    /// The first flexible version (KIP-482); `i16::MAX` = none.
    const FLEXIBLE_FROM: i16;

    /// How its fields are written at a version.
    fn context(version: i16) -> Context {
        Context { version, flexible: version >= Self::FLEXIBLE_FROM }
    }

    /// Appends the message at a version, which must be one of [`Message::VERSIONS`].
    fn write(&self, version: i16, out: &mut impl Sink) {
        assert!(Self::VERSIONS.contains(&version), "{} has no version {version}", Self::NAME);
        self.encode(out, Self::context(version));
    }

    /// Reads the message at a version.
    ///
    /// # Errors
    /// A version that isn't one of [`Message::VERSIONS`], or bytes that don't start with an encoding
    /// of the message.
    fn read(from: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(DecodeError::UnsupportedVersion(version));
        }
        Self::decode(from, Self::context(version))
    }
}

/// A request, and what answers it.
pub trait Request: Message {
    /// Its response: of the same API key and versions.
    type Response: Message;
}

/// A record of ours that outlives the process that wrote it: a type, a version, fields, and tagged
/// fields that an older version skips.
///
/// Bytes: the type as an unsigned varint, the version as an unsigned varint, the fields.
pub trait Stored: Wire {
    /// The type's number within its family: never used again for anything else.
    const TYPE: u32;
    /// The versions that this build reads and writes.
    const VERSIONS: std::ops::RangeInclusive<i16>;

    /// Appends type, version and fields. The version must be one of [`Stored::VERSIONS`].
    fn store(&self, version: i16, out: &mut impl Sink) {
        assert!(Self::VERSIONS.contains(&version), "type {} has no version {version}", Self::TYPE);
        out.put_uvarint(Self::TYPE);
        out.put_uvarint(u32::try_from(version).expect("versions start at 0"));
        self.encode(out, Context { version, flexible: true });
    }

    /// [`Stored::store`] at the latest version, into bytes of its own.
    fn to_bytes(&self) -> Bytes {
        let mut out = bytes::BytesMut::new();
        self.store(*Self::VERSIONS.end(), &mut out);
        out.freeze()
    }

    /// Reads what [`Stored::store`] wrote, to the last byte.
    ///
    /// # Errors
    /// Another type, an unknown version, or bytes that are no encoding of it.
    fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let record_type = from.uvarint()?;
        if record_type != Self::TYPE {
            return Err(DecodeError::UnknownType(record_type));
        }
        let value = Self::load(&mut from)?;
        match from.remaining() {
            0 => Ok(value),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }

    /// Reads version and fields, after the type.
    ///
    /// # Errors
    /// An unknown version, or bytes that are no encoding of it.
    fn load(from: &mut Reader) -> Result<Self, DecodeError> {
        let version = i16::try_from(from.uvarint()?).unwrap_or(i16::MAX);
        if !Self::VERSIONS.contains(&version) {
            return Err(DecodeError::UnknownVersion { record_type: Self::TYPE, version });
        }
        Self::decode(from, Context { version, flexible: true })
    }
}

/// Declares an API: its request, its response, and the structs they are made of.
#[macro_export]
macro_rules! api {
    (
        key $key:ident, versions $versions:expr, flexible $flexible:tt $(..)?;
        $($structs:tt)*
    ) => {
        $crate::api! {
            key $key, versions $versions, advertised $versions, flexible $flexible;
            $($structs)*
        }
    };
    (
        key $key:ident, versions $versions:expr, advertised $advertised:expr,
        flexible $flexible:tt $(..)?;
        $( $(#[$meta:meta])* $kind:ident $name:ident { $($fields:tt)* } )*
    ) => {
        $( $crate::wire_struct! { $(#[$meta])* $name { $($fields)* } } )*
        $( $crate::api! { @$kind $name, $key, $versions, $advertised, $flexible } )*
        $crate::api! { @pair $($kind $name)* }
    };
    (@struct $($ignored:tt)*) => {};
    (@request $($message:tt)*) => { $crate::api! { @message $($message)* } };
    (@response $($message:tt)*) => { $crate::api! { @message $($message)* } };
    (@message
        $name:ident, $key:ident, $versions:expr, $advertised:expr, $flexible:tt
    ) => {
        impl $crate::Message for $name {
            const NAME: &'static str = stringify!($name);
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
            const ADVERTISED: std::ops::RangeInclusive<i16> = $advertised;
            const FLEXIBLE_FROM: i16 = $crate::api! { @flexible $flexible };
        }
    };
    (@flexible never) => { i16::MAX };
    (@flexible $from:tt) => { $from };
    (@pair request $request:ident $($rest:tt)*) => {
        $crate::api! { @answer $request $($rest)* }
    };
    (@answer $request:ident struct $name:ident $($rest:tt)*) => {
        $crate::api! { @answer $request $($rest)* }
    };
    (@answer $request:ident response $response:ident $($rest:tt)*) => {
        impl $crate::Request for $request {
            type Response = $response;
        }
    };
}

/// Declares records of ours that outlive a process: `type 7, versions 0..=1; Name { fields }`.
#[macro_export]
macro_rules! stored {
    ($(
        $(#[$meta:meta])*
        type $type:literal, versions $versions:expr; $name:ident { $($fields:tt)* }
    )*) => {$(
        $crate::wire_struct! { $(#[$meta])* $name { $($fields)* } }

        impl $crate::Stored for $name {
            const TYPE: u32 = $type;
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
        }
    )*};
}

/// Declares one struct of the notation, with its default and its place on the wire.
#[macro_export]
macro_rules! wire_struct {
    (
        $(#[$meta:meta])* $name:ident {$(
            $(#[$field_meta:meta])*
            $field:ident: $type:ty {
                $from:literal $(..)? $(..=$to:literal)?
                $(, null $null:literal ..)? $(, tag $tag:literal)? $(, default $default:expr)?
            }
        ),* $(,)?}
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, unreachable_pub)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        const _: () = $crate::__private::assert_ascending(&[$($($tag,)?)*]);

        $crate::generate_struct! { $name {
            $( $field: $type { $from $(to $to)? $(null $null)? } )*
        } }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::wire_struct!(@default $type $(, $default)?), )* }
            }
        }

        impl $crate::Wire for $name {
            #[allow(unused_mut, unused_variables)]
            #[allow(clippy::manual_range_contains, clippy::double_comparisons)]
            fn encode(&self, out: &mut impl $crate::Sink, cx: $crate::Context) {
                let mut tags = 0_u32;
                $(
                    if cx.version >= $from $(&& cx.version <= $to)? {
                        $crate::wire_struct!(
                            @encode self.$field, out, cx, tags, $type,
                            [$($null)?], [$($tag)?], [$($default)?]
                        );
                    }
                )*
                if cx.flexible {
                    out.put_uvarint(tags);
                    $(
                        if cx.version >= $from $(&& cx.version <= $to)? {
                            $crate::wire_struct!(
                                @encode_tag self.$field, out, cx, $type, [$($tag)?], [$($default)?]
                            );
                        }
                    )*
                }
            }

            #[allow(unused_mut, unused_variables)]
            #[allow(clippy::manual_range_contains, clippy::double_comparisons)]
            fn decode(
                from: &mut $crate::Reader,
                cx: $crate::Context,
            ) -> Result<Self, $crate::DecodeError> {
                let mut value = Self::default();
                $(
                    if cx.version >= $from $(&& cx.version <= $to)? {
                        $crate::wire_struct!(
                            @decode value.$field, from, cx, [$($tag)?], [$($null)?]
                        );
                    }
                )*
                if cx.flexible {
                    let mut tags = $crate::__private::Tags::start(from)?;
                    while let Some((tag, mut body)) = tags.next(from)? {
                        $(
                            if cx.version >= $from $(&& cx.version <= $to)? {
                                $crate::wire_struct!(
                                    @decode_tag value.$field, body, cx, tag, [$($tag)?]
                                );
                            }
                        )*
                    }
                }
                Ok(value)
            }
        }
    };

    (@default $type:ty) => { <$type>::default() };
    (@default $type:ty, $default:expr) => { <$type>::from($default) };

    (@encode
        $value:expr, $out:ident, $cx:ident, $tags:ident, $type:ty, [], [], [$($default:expr)?]
    ) => {
        $crate::Wire::encode(&$value, $out, $cx);
    };
    (@encode
        $value:expr, $out:ident, $cx:ident, $tags:ident, $type:ty,
        [$null:literal], [], [$($default:expr)?]
    ) => {
        $crate::__private::encode_option(&$value, $cx.version >= $null, $out, $cx);
    };
    (@encode
        $value:expr, $out:ident, $cx:ident, $tags:ident, $type:ty,
        [$($null:literal)?], [$tag:literal], [$($default:expr)?]
    ) => {
        if $value != $crate::wire_struct!(@default $type $(, $default)?) {
            $tags += 1;
        }
    };

    (@encode_tag $value:expr, $out:ident, $cx:ident, $type:ty, [], [$($default:expr)?]) => {};
    (@encode_tag
        $value:expr, $out:ident, $cx:ident, $type:ty, [$tag:literal], [$($default:expr)?]
    ) => {
        if $value != $crate::wire_struct!(@default $type $(, $default)?) {
            $out.put_uvarint($tag);
            let size = $crate::Wire::size(&$value, $cx);
            $out.put_uvarint(u32::try_from(size).expect("a message is below 2 GiB"));
            $crate::Wire::encode(&$value, $out, $cx);
        }
    };

    (@decode $value:expr, $from:ident, $cx:ident, [], []) => {
        $value = $crate::Wire::decode($from, $cx)?;
    };
    (@decode $value:expr, $from:ident, $cx:ident, [], [$null:literal]) => {
        $value = $crate::__private::decode_option($cx.version >= $null, $from, $cx)?;
    };
    (@decode $value:expr, $from:ident, $cx:ident, [$tag:literal], [$($null:literal)?]) => {};

    (@decode_tag $value:expr, $body:ident, $cx:ident, $seen:ident, []) => {};
    (@decode_tag $value:expr, $body:ident, $cx:ident, $seen:ident, [$tag:literal]) => {
        if $seen == $tag {
            $value = $crate::Wire::decode(&mut $body, $cx)?;
        }
    };
}

/// In this crate's own tests every struct can also be generated; elsewhere this is nothing.
#[cfg(not(test))]
#[doc(hidden)]
#[macro_export]
macro_rules! generate_struct {
    ($($ignored:tt)*) => {};
}

/// Fields are written in the order of their declaration, and tagged ones must ascend.
pub const fn assert_ascending(tags: &[u32]) {
    let mut next = 1;
    while next < tags.len() {
        assert!(
            tags[next - 1] < tags[next],
            "tagged fields are declared in the order of their tags"
        );
        next += 1;
    }
}

/// Writes an option at a version that may not have nulls: there a `None` is an empty value.
pub fn encode_option<T: Wire + Default>(
    value: &Option<T>,
    nullable: bool,
    out: &mut impl Sink,
    cx: Context,
) {
    match value {
        None if !nullable => T::default().encode(out, cx),
        value => value.encode(out, cx),
    }
}

/// Reads an option at a version that may not have nulls.
///
/// # Errors
/// A null where there may be none, or bytes that are no encoding of a value.
pub fn decode_option<T: Wire>(
    nullable: bool,
    from: &mut Reader,
    cx: Context,
) -> Result<Option<T>, DecodeError> {
    if nullable { Wire::decode(from, cx) } else { T::decode(from, cx).map(Some) }
}

/// The tagged fields at a struct's end (KIP-482): known ones are decoded, others skipped.
#[derive(Debug)]
pub struct Tags {
    left: u32,
    last: Option<u32>,
}

impl Tags {
    /// Reads the number of tagged fields.
    ///
    /// # Errors
    /// Bytes that are no varint.
    pub fn start(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { left: from.uvarint()?, last: None })
    }

    /// The next tag, and a reader that ends where its field does.
    ///
    /// # Errors
    /// A field that reaches past the end, or tags that don't ascend.
    pub fn next(&mut self, from: &mut Reader) -> Result<Option<(u32, Reader)>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let tag = from.uvarint()?;
        if self.last.is_some_and(|last| tag <= last) {
            return Err(DecodeError::TagOrder(tag));
        }
        self.last = Some(tag);
        let length = from.uvarint()? as usize;
        Ok(Some((tag, Reader::new(from.share(length)?))))
    }
}
