//! BrokerRegistration (key 62): a broker that starts makes itself known to the controller, which
//! answers with the broker's epoch (KIP-631). Until it catches up the broker is fenced.
//!
//! | version | change |
//! |---|---|
//! | 1 | migration from ZooKeeper: always false here |
//! | 2 | log directories (KIP-858) |
//! | 3 | the epoch before a clean shutdown (KIP-966) |
//! | 4 | a feature's lowest version may be 0 (KAFKA-17011) |

use crate::{BrokerEpoch, BrokerId, DirectoryId, ErrorCode, Uuid};

crate::api! {
    key BrokerRegistration, versions 0..=4, flexible 0..;

    /// A broker's birth.
    request BrokerRegistrationRequest {
        broker_id: BrokerId { 0.. },
        cluster_id: String { 0.. },
        /// Another one each time the process starts.
        incarnation_id: Uuid { 0.. },
        listeners: Vec<Listener> { 0.. },
        features: Vec<Feature> { 0.. },
        rack: Option<String> { 0.. },
        is_migrating_zk_broker: bool { 1.. },
        /// Those that work.
        log_dirs: Vec<DirectoryId> { 2.. },
        /// -1 = the broker didn't shut down cleanly.
        previous_broker_epoch: BrokerEpoch { 3.. },
    }

    struct Listener {
        name: String { 0.. },
        host: String { 0.. },
        port: u16 { 0.. },
        /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
        security_protocol: i16 { 0.. },
    }

    struct Feature {
        name: String { 0.. },
        min_supported_version: i16 { 0.. },
        max_supported_version: i16 { 0.. },
    }

    /// The broker's epoch, or why it can't join.
    response BrokerRegistrationResponse {
        throttle_time_ms: i32 { 0.. },
        error_code: ErrorCode { 0.. },
        broker_epoch: BrokerEpoch { 0.. },
    }
}
