//! Prepares a node's directories, as an operator does with `ottla format`.

use broker::{Doors, FormatMode, InitialControllers, config::BrokerConfig, format_node};

/// The one cluster there is.
const CLUSTER_ID: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

/// Formats what isn't formatted yet: all of a new node, what is left of one whose formatting was cut
/// short, the new disk of an old one.
pub(crate) fn format(config: &BrokerConfig, doors: &Doors) -> Result<(), broker::Error> {
    let initial = InitialControllers::Configured;
    format_node(config, doors, CLUSTER_ID, &initial, FormatMode::MissingOnly).map(drop)
}
