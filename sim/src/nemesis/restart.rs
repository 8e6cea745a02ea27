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
    } else if on.serves() {
        stop_or_kill(on).await;
    }
    start_later(on).await;
    Ok(())
}

/// Stops the node in good order, or lets it go on stopping; kills it if that takes too long.
pub(super) async fn stop_or_kill(on: &Machine) {
    if on.stop().await.is_err() {
        on.kill();
    }
}
