//! An operator has the preferred replicas lead again, wherever that is possible: leadership moves
//! while everybody is well.

use std::time::Duration;

use client::{Admin, admin::Election};
use tokio::time::timeout;

use crate::world::World;

/// How long the operator waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for it once.
pub(super) async fn strike(world: &World) {
    let asked = async {
        let admin = Admin::new(world.client().await?);
        anyhow::Ok(admin.elect_leaders(Election::Preferred, None).await?)
    };
    // What comes of it nobody relies on.
    let _answer = timeout(PATIENCE, asked).await;
}
