//! How much may be lost at once: no more than replication promises to survive.
//!
//! A machine that loses what it hadn't synced, or its disk, must be in every ISR again before
//! another one may. Where everything is synced before it's acknowledged, power losses are free.
//!
//! The controller can't tell a kill from a power loss: either makes a replica ineligible, and when
//! none is eligible, whoever led last leads again, be it the one that has lost something (KIP-966).
//! So as long as one machine lacks something, no process of another one ends uncleanly either; and
//! none lacks anything that the controller hasn't heard of yet when something is lost. The ISR
//! alone doesn't say so: whoever died a moment ago is still in it.

use protocol::BrokerId;

use super::Chaos;
use crate::{
    machine::{Hold, Machine},
    workload::Flush,
    world::World,
};

/// Asks whether this may happen to a machine now, and notes that it does. `hold` is what the asker
/// has of the machine's process.
pub(super) fn allows(
    world: &World,
    chaos: Chaos,
    on: &Machine,
    hold: Option<&Hold>,
    flush: Flush,
) -> bool {
    let is_wide = chaos == Chaos::WidePowerLoss;
    if !is_wide && !on.shape().is_broker {
        // It holds no records, and what its controller has synced must not be lost.
        return !chaos.loses_synced();
    }
    let is_free = flush == Flush::BeforeAcknowledging;
    let costs = chaos.loses_synced() || chaos.loses_unsynced() && !is_free;
    if !costs && !chaos.is_unclean_stop() {
        return true;
    }
    // What the asker holds, nobody else does anything to.
    let is_let_alone = |machine: &Machine| {
        hold.is_some() && machine.id() == on.id() || machine.take_hold().is_some()
    };
    let mut loss = world.loss();
    if loss.is_some_and(|loser| is_let_alone(world.machine(loser)) && is_whole(world)) {
        *loss = None;
    }
    if !costs {
        return loss.is_none_or(|loser: BrokerId| loser == on.id() && !is_wide);
    }
    // Some of what is under way strikes long after it was allowed.
    let may_lose = !is_wide && loss.is_none() && world.brokers().all(is_let_alone);
    if may_lose && is_whole(world) {
        *loss = Some(on.id());
        return true;
    }
    false
}

/// Whether every replica is in sync, and is that of a process that lives: one that serves has
/// registered, so that the one before it isn't in any ISR.
fn is_whole(world: &World) -> bool {
    world.brokers().all(Machine::serves) && world.cast.is_fully_replicated()
}

#[cfg(test)]
mod tests;
