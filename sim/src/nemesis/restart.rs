//! An operator stops a node, and starts it.

use anyhow::Result;

use super::kill::start_later;
use crate::machine::Machine;

/// Stops the node in good order, and starts it later. A node alone must serve first, and must stop;
/// one of several may have to wait for others, and is killed if that takes too long.
pub(super) async fn strike(on: &Machine) -> Result<()> {
    if on.is_alone() {
        on.until_it_serves().await?;
        on.stop().await?;
    } else if on.serves() && on.stop().await.is_err() {
        on.kill();
    }
    start_later(on).await;
    Ok(())
}
