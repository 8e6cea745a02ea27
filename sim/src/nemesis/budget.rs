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
//!
//! What a replica has that is neither in sync nor eligible nobody relies on: it may lose that at any
//! time, and again, while it comes back too.

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
    if is_wide || loss.is_some_and(|loser| loser != on.id()) {
        return false;
    }
    let is_permitted =
        loss.is_none() && is_whole(world) || chaos.strikes_at_once() && is_dispensable(world, on);
    // Some of what is under way strikes long after it was allowed.
    if is_permitted && world.brokers().all(is_let_alone) {
        *loss = Some(on.id());
        return true;
    }
    false
}

/// Whether nothing relies on what the machine has, and nothing is about to: whoever may lead lives.
fn is_dispensable(world: &World, on: &Machine) -> bool {
    let mut others = world.brokers().filter(|machine| machine.id() != on.id());
    others.all(Machine::serves) && world.cast.is_dispensable(on.id())
}

/// Whether every replica is in sync, and is that of a process that lives: one that serves has
/// registered, so that the one before it isn't in any ISR.
fn is_whole(world: &World) -> bool {
    world.brokers().all(Machine::serves) && world.cast.is_fully_replicated()
}

#[cfg(test)]
mod tests;
