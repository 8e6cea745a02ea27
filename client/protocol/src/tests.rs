//! What holds for every message: it agrees with another implementation, and decoding it is bounded.

mod bounded_decode;
mod every_message;
pub(crate) mod generate;
mod header;
mod oracle;
mod stored;
