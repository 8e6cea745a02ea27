//! Records of brokers: registrations and what becomes of them.

use protocol::{BrokerEpoch, BrokerId, DirectoryId, Uuid};

protocol::stored! {
    /// A broker introduces itself, or a new incarnation of it comes back. In snapshots, the whole
    /// state of a broker.
    type 1, versions 0..=0;
    RegisterBrokerRecord {
        broker_id: BrokerId { 0.. },
        /// Drawn by the broker's process when it starts.
        incarnation_id: Uuid { 0.. },
        /// Given by the controller: higher than any before it, of any broker.
        broker_epoch: BrokerEpoch { 0.. },
        /// The index in the metadata log up to which everything was known when the broker
        /// registered: it has caught up once it applied what comes after.
        registered_after: i64 { 0.. },
        endpoints: Vec<BrokerEndpoint> { 0.. },
        features: Vec<BrokerFeature> { 0.. },
        rack: Option<String> { 0.. },
        fenced: bool { 0.. },
        in_controlled_shutdown: bool { 0.. },
        /// The log directories that are online, in ascending order of id.
        log_dirs: Vec<DirectoryId> { 0.. },
    }

    /// A broker is gone for good.
    type 2, versions 0..=0;
    UnregisterBrokerRecord {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
    }

    /// What changed in a registration; what is null stays as it is.
    type 3, versions 0..=0;
    BrokerRegistrationChangeRecord {
        broker_id: BrokerId { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
        fenced: Option<bool> { 0.., tag 0 },
        in_controlled_shutdown: Option<bool> { 0.., tag 1 },
        /// The log directories that are online from now on, in ascending order of id.
        log_dirs: Option<Vec<DirectoryId>> { 0.., tag 2 },
    }

    /// The last broker epoch given out: its broker may be unregistered, but it is never given out
    /// again. Only in snapshots; elsewhere registrations say it.
    type 4, versions 0..=0;
    LastBrokerEpochRecord {
        broker_epoch: BrokerEpoch { 0.. },
    }
}

protocol::wire_struct! {
    /// Where one listener of a broker is reached.
    BrokerEndpoint {
        /// The listener's name, such as `PLAINTEXT`.
        name: String { 0.. },
        host: String { 0.. },
        port: u16 { 0.. },
        /// Kafka's number of the security protocol; 0 = plaintext.
        security_protocol: i16 { 0.. },
    }
}

protocol::wire_struct! {
    /// Which levels of a feature a broker supports.
    BrokerFeature {
        name: String { 0.. },
        min_level: i16 { 0.. },
        max_level: i16 { 0.. },
    }
}

impl Eq for BrokerEndpoint {}
impl Eq for BrokerFeature {}
