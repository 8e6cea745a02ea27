//! How long nothing is acknowledged after a `kill -9`, and how long a replica is missing after it.

use super::{spread, start};
use crate::bench::{Bench, Side, TOPIC};
use crate::cell::{Cell, Findings};
use crate::cluster::{Cluster, NODES};
use crate::failover::{Load, gap_of};
use crate::measure::{Aim, Measure, Quantity};
use crate::topics::{active_controller, leaders, restore_leaders, wait_until_in_sync};
use anyhow::Result;
use protocol::{BrokerId, TopicName};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

const PER_SECOND: u32 = 5_000;

/// After a node came back, until the next one is killed.
const CALM: Duration = Duration::from_secs(1);

/// Whom it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    BrokerOnly,
    ActiveController,
}

const IN_SYNC: Quantity = Quantity::new("restarted, in every ISR again after", "s");

pub(super) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("kill -9 of a leader, 1 partition at 5000 records/s", |bench| {
            failover(bench, 1, 1.5)
        }),
        Cell::new("kill -9 of a leader, 1000 partitions at 5000 records/s", |bench| {
            failover(bench, 1000, 3.0)
        }),
    ]
}

fn failover(bench: &Bench, partitions: i32, aim: f64) -> Result<Findings> {
    let gap = |name| Quantity::new(name, "s").aim(Aim::AtMost(aim));
    let [mut leader, mut leader_worst, mut active, mut active_worst] = [
        "no acknowledgement for",
        "the same at worst",
        "the active controller too: no acknowledgement for",
        "the same at worst",
    ]
    .map(|name| Measure::of(gap(name)));
    let mut in_sync = Measure::of(IN_SYNC);
    // Every node leads one of three partitions, so that any of them may be the victim.
    let all = partitions.max(NODES.into());
    let mut cluster = start(bench, Side::Ottla, all)?;
    let repeats = match (bench.quick, partitions) {
        (true, _) => 2,
        (false, 1) => 5,
        (false, _) => 4,
    };
    for _ in 0..repeats {
        let sides = [(Victim::BrokerOnly, &mut leader), (Victim::ActiveController, &mut active)];
        for (victim, measure) in sides {
            let (gap, back) = once(&mut cluster, victim, partitions, all)?;
            measure.add(Side::Ottla, gap.as_secs_f64());
            in_sync.add(Side::Ottla, back.as_secs_f64());
        }
    }
    for (all, worst) in [(&leader, &mut leader_worst), (&active, &mut active_worst)] {
        worst.add(Side::Ottla, all.ottla.iter().copied().fold(0.0, f64::max));
    }
    Ok(vec![leader, leader_worst, active, active_worst, in_sync].into())
}

/// Kills a node, and starts it again. Returns how long acknowledgements were missing, and the node's
/// replicas from its start on. All is as it was then.
fn once(
    cluster: &mut Cluster,
    victim: Victim,
    partitions: i32,
    all: i32,
) -> Result<(Duration, Duration)> {
    let topic = TopicName::from(TOPIC);
    let mut connection = cluster.connect()?;
    let active = active_controller(&mut connection)?;
    let victim = match victim {
        Victim::ActiveController => active,
        Victim::BrokerOnly => BrokerId(active.0 % i32::from(NODES) + 1),
    };
    let led = leaders(&mut connection, &topic)?;
    let loaded: BTreeSet<i32> = match partitions {
        1 => led.iter().filter(|(_, leader)| *leader == victim).map(|(index, _)| *index).collect(),
        _ => led.iter().map(|(index, _)| *index).collect(),
    };
    drop(connection);
    let load = Load { topic: topic.clone(), partitions: loaded, per_second: PER_SECOND };
    let gap = gap_of(cluster, &load, victim)?;
    let begun = Instant::now();
    cluster.node(victim)?.start_again()?;
    let topics = [topic];
    let mut connection = cluster.connect()?;
    wait_until_in_sync(&mut connection, &topics, spread(all))?;
    let back = begun.elapsed();
    restore_leaders(&mut connection, &topics, spread(all))?;
    thread::sleep(CALM);
    Ok((gap, back))
}
