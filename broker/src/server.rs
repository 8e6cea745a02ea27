//! The server: listeners, connections, and how a request becomes an answer on the wire.
//!
//! Nothing here knows an API: [`crate::api`] does.

pub(crate) mod answer;
mod answer_writer;
pub(crate) mod connection;
mod frame_reader;
mod listener;
mod memory_budget;
pub(crate) mod request_context;
pub(crate) mod shutdown;

pub(crate) use frame_reader::Frame;
pub(crate) use listener::Acceptor;
pub(crate) use memory_budget::{MemoryBudget, Share};
