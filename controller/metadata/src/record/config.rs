//! The record of dynamic configuration.

protocol::stored! {
    /// One dynamic configuration value of one resource.
    type 20, versions 0..=0;
    ConfigRecord {
        /// Kafka's number of the kind of resource: 2 = topic, 4 = broker.
        resource_type: i8 { 0.. },
        /// The topic's name or the broker's id; empty = every broker.
        resource_name: String { 0.. },
        /// The key, in Kafka's dotted spelling.
        name: String { 0.. },
        /// Null = no longer set.
        value: Option<String> { 0.. },
    }
}
