#![doc = include_str!("../README.md")]

pub mod api;
mod api_key;
mod bug;
mod error_code;
mod header;
mod id;
mod min_insync_replicas;
mod notation;
mod primitive;
mod producer_state_entry;
mod reader;
pub mod records;
mod sink;
#[cfg(test)]
mod tests;
mod wire;

pub use api_key::ApiKey;
pub use bug::Bug;
pub use error_code::ErrorCode;
pub use header::{RequestHeader, ResponseHeader};
pub use id::*;
pub use min_insync_replicas::effective_min_insync_replicas;
pub use notation::{Message, Request, Stored};
pub use primitive::DECODED_BYTES_PER_BYTE_MAX;
pub use producer_state_entry::ProducerStateEntry;
pub use reader::{DecodeError, Reader};
pub use sink::{Chunks, Sink};
pub use wire::{Context, Wire};

/// What the notation's macros call in other crates. Not for others.
#[doc(hidden)]
pub mod __private {
    pub use crate::notation::{Tags, assert_ascending, decode_option, encode_option};
}
