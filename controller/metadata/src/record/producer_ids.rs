//! The record of producer ids.

use protocol::{BrokerEpoch, BrokerId, ProducerId};

protocol::stored! {
    /// A broker took the block of ids that ends before `next_producer_id`.
    type 40, versions 0..=0;
    ProducerIdsRecord {
        /// Who took it. -1 in snapshots.
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
        /// The first id that nobody has.
        next_producer_id: ProducerId { 0.. },
    }
}
