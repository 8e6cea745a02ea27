//! Three nodes as a cluster, each topic with three replicas. The ceiling are three stubs: one writes
//! what it's sent and pushes it to the two others, which write it too.

mod failover;
mod latency;
mod produce;
mod simulation;
mod upkeep;

use crate::bench::{Bench, Side, TOPIC};
use crate::cell::Cell;
use crate::cluster::{Cluster, NODES};
use crate::topics::{Spread, create_topic, wait_until_in_sync};
use anyhow::Result;
use protocol::TopicName;

pub(super) fn cells() -> Vec<Cell> {
    [produce::cells(), latency::cells(), failover::cells(), upkeep::cells(), simulation::cells()]
        .into_iter()
        .flatten()
        .collect()
}

/// A cluster with a topic, all replicas in sync. Its directories go when it does.
fn start(bench: &Bench, side: Side, partitions: i32) -> Result<Cluster> {
    let directory = bench.cluster_directory();
    if side == Side::Ceiling {
        return Cluster::stubs(&directory, partitions);
    }
    let cluster = Cluster::ottla(&bench.ottla, &directory)?;
    let topic = TopicName::from(TOPIC);
    let (_, address) = cluster.addresses()[0];
    create_topic(address, &topic, spread(partitions), &[])?;
    wait_until_in_sync(&mut cluster.connect()?, &[topic], spread(partitions))?;
    Ok(cluster)
}

fn spread(partitions: i32) -> Spread {
    Spread { partitions, replicas: NODES }
}
