//! How much may be lost at once: no more than replication promises to survive.
//!
//! A machine that loses what it hadn't synced, or its disk, must be in every ISR again before
//! another one may. Where everything is synced before it's acknowledged, power losses are free.
//!
//! The controller can't tell a kill from a power loss: either makes a replica ineligible, and when
//! none is eligible, whoever led last leads again, be it the one that has lost something (KIP-966).
//! So as long as one machine lacks something, no process of another one is killed either.

use protocol::{BrokerEpoch, BrokerId};

use super::Chaos;
use crate::{machine::Machine, workload::Flush, world::World};

/// A machine that lost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    node: BrokerId,
    /// As which it was registered before.
    epoch: Option<BrokerEpoch>,
}

/// Asks whether this may happen to a machine now, and notes that it does.
pub(super) fn allows(world: &World, chaos: Chaos, on: &Machine, flush: Flush) -> bool {
    let is_free = flush == Flush::BeforeAcknowledging;
    let costs = chaos.loses_synced() || chaos.loses_unsynced() && !is_free;
    if chaos.loses_synced() && !on.shape().is_broker {
        return false;
    }
    if !costs {
        let lacks =
            world.loss().filter(|loss| loss.node != on.id() || chaos == Chaos::WidePowerLoss);
        return lacks.is_none() || !chaos.is_unclean_stop() || is_made_good(world);
    }
    if chaos == Chaos::WidePowerLoss || !is_made_good(world) {
        return false;
    }
    *world.loss() = Some(Loss { node: on.id(), epoch: epoch_of(world, on.id()) });
    true
}

/// Whether the last machine that lost something has all again, as have all others.
fn is_made_good(world: &World) -> bool {
    let has_returned = match *world.loss() {
        Some(Loss { node, epoch }) if world.machine(node).shape().is_broker => {
            epoch_of(world, node) > epoch
        }
        _ => true,
    };
    has_returned && world.cast.is_fully_replicated()
}

fn epoch_of(world: &World, node: BrokerId) -> Option<BrokerEpoch> {
    world.cast.image().brokers().get(node).map(|broker| broker.epoch)
}
