//! Requests come once more, on connections of their own, long after they were answered.

use std::time::Duration;

use madsim::rand::{Rng, thread_rng};
use tokio::time::sleep;

use super::a_while;
use crate::world::World;

/// How late a duplicate comes at most.
const LATENESS_MAX: Duration = Duration::from_secs(30);

/// Picks some requests that were sent lately, and sends each again sometime.
pub(super) async fn strike(world: &World) {
    for _ in 0..thread_rng().gen_range(1..10) {
        let late = thread_rng().gen_range(Duration::ZERO..LATENESS_MAX);
        let network = world.network.clone();
        tokio::spawn(async move { network.send_again(late).await });
        sleep(a_while()).await;
    }
}
