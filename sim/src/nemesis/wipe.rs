//! A broker's disks are gone, and an operator puts in new ones.

use anyhow::Result;

use super::kill::start_later;
use crate::machine::Machine;

/// Replaces the disks of the logs, and starts the node on them later.
pub(super) async fn strike(on: &Machine) -> Result<()> {
    on.wipe()?;
    start_later(on).await;
    Ok(())
}
