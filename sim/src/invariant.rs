//! What must be true, judged by the evidence alone: what clients were told, and what is there at
//! the end. Nothing here knows what went wrong in between, but for what it may have cost.

pub mod producer_ids;
pub mod reads;
pub mod records;
pub mod topics;

use crate::machine::CleanStops;

/// What an acknowledgement is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The record is there.
    Kept,
    /// The record is there unless the machine lost its power since, and then every record from
    /// some offset on is gone. One that was there when the node stopped in good order stays.
    KeptWhilePowered(CleanStops),
}
