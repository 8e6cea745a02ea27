#![doc = include_str!("../README.md")]

mod acks;
mod append;
mod leader;
mod producer_state;
mod read_bounds;
mod replica;

pub use acks::Acks;
pub use append::{Append, ProduceWait};
pub use leader::{ActiveBrokers, IsrProposal, IsrRefusal, Leader};
pub use producer_state::{
    BATCHES_REMEMBERED, BatchSequence, CompletedTransaction, ProducerStates, SequenceCheck,
};
pub use read_bounds::{ReadBounds, ReadUpTo};
pub use replica::{
    Advance, Appended, Assigned, Assignment, FetchPosition, LogOffsets, OutOfRange, Replica,
    ReplicaConfig, Role, Transition, out_of_range, truncation_offset,
};
