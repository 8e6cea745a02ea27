//! A device that answers nothing for eight seconds, and then goes on: whoever has it waits, and
//! nobody else does.
//!
//! Real threads block in real calls, which the simulator cannot show: three nodes in this process,
//! each with the runtimes that a process of its own would have, on the system's disk. Only the wait
//! itself is staged, at the door.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    client::Topic,
    cluster::{
        self, active_controller, create_on, leader_and_isr, produce_to_whoever_leads,
        produce_until_acknowledged, read, until_brokers_are, until_isr_is, voter,
    },
    gated_disk::GatedDisk,
    node::{Site, TestNode},
};

const STALL: Duration = Duration::from_secs(8);

/// Shorter than the stall: who sends no heartbeats meanwhile is fenced.
const SETTINGS: [&str; 2] = ["broker.session.timeout.ms=5000", "broker.heartbeat.interval.ms=1000"];

/// What is written to other leaders while the device stalls.
const RECORDS: usize = 100;

/// How much of a node is on the device that stalls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDevice {
    Logs,
    LogsAndMetadata,
}

struct Stage {
    nodes: Vec<TestNode>,
    disks: Vec<GatedDisk>,
    /// Its partition i is led by broker i + 1, and followed by both others.
    everywhere: Topic,
}

async fn stage(on_device: OnDevice) -> Stage {
    let disks: Vec<_> = (0..3).map(|_| GatedDisk::whole()).collect();
    let mut sites = cluster::formatted(&SETTINGS);
    for (disk, site) in disks.iter().cloned().zip(&mut sites) {
        site.set_doors(move |doors| {
            doors.disk = Arc::new(disk.clone());
            if on_device == OnDevice::LogsAndMetadata {
                doors.stores = disk.stores();
            }
        });
    }
    let nodes = cluster::start(sites).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let replicas: [&[i32]; 3] = [&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];
    let everywhere = create_on(&nodes[0], "everywhere", &replicas, &[]).await;
    for (index, leader) in (0..).zip(&nodes) {
        produce_until_acknowledged(leader, &everywhere, index, "before").await;
    }
    Stage { nodes, disks, everywhere }
}

impl Stage {
    /// Stalls one node's device. The others go on meanwhile: the stall doesn't end before they have
    /// done all that they are asked for.
    async fn stall(&self, victim: usize) {
        let others: Vec<_> = (0..3).filter(|node| *node != victim).collect();
        let leader = &self.nodes[others[0]];
        let brokers: Vec<_> = others.iter().map(|node| i32::try_from(node + 1).unwrap()).collect();
        let before = create_on(leader, "before-the-stall", &[&brokers], &[]).await;

        self.disks[victim].close();
        let ends = Instant::now() + STALL;
        for number in 0..RECORDS {
            produce_until_acknowledged(leader, &before, 0, &number.to_string()).await;
        }
        let meanwhile = create_on(leader, "meanwhile", &[&brokers], &[]).await;
        produce_until_acknowledged(leader, &meanwhile, 0, "meanwhile").await;
        // Where the one with the stalled device leads or is in sync, who produces may have to wait.
        let waiting = self.produce_everywhere(leader, "during");
        let opening = async {
            sleep_until(ends).await;
            self.disks[victim].open_again();
        };
        tokio::join!(waiting, opening);
        let written: BTreeSet<_> = read(leader, &before, 0).await.into_iter().collect();
        assert_eq!(written.len(), RECORDS);
        for node in &others {
            let id = format!("broker={} ", node + 1);
            for node in &self.nodes {
                assert_eq!(node.log().has(&["fenced", &id]), None);
            }
        }
    }

    async fn produce_everywhere(&self, known_by: &TestNode, value: &str) {
        let produce =
            |index| produce_to_whoever_leads(&self.nodes, known_by, &self.everywhere, index, value);
        tokio::join!(produce(0), produce(1), produce(2));
    }

    /// All are back, and nothing that was acknowledged is missing.
    async fn assert_healed(&self) {
        until_brokers_are(&self.nodes[0], &[1, 2, 3]).await;
        for index in 0..3 {
            until_isr_is(&self.nodes[0], &self.everywhere, index, &[1, 2, 3]).await;
            let (nodes, topic) = (&self.nodes, &self.everywhere);
            let leader =
                produce_to_whoever_leads(nodes, &nodes[0], topic, index, "afterwards").await;
            let values = read(&nodes[usize::try_from(leader - 1).unwrap()], topic, index).await;
            for value in ["before", "during", "afterwards"] {
                assert!(values.contains(&value.to_owned()), "{value} is missing: {values:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_stalled_log_directory_fences_nobody() {
    let stage = stage(OnDevice::Logs).await;
    stage.stall(2).await;
    stage.nodes.iter().for_each(|node| node.log().assert_nobody_was_fenced());
    stage.assert_healed().await;
}

#[tokio::test]
async fn a_stalled_device_of_the_active_controller_fences_nobody_else() {
    let stage = stage(OnDevice::LogsAndMetadata).await;
    let active = active_controller(&stage.nodes[0]).await;
    stage.stall(usize::try_from(active - 1).unwrap()).await;
    stage.assert_healed().await;
}

#[tokio::test]
async fn a_stalled_device_of_a_controller_alone_fences_no_broker() {
    let disks: Vec<_> = (0..3).map(|_| GatedDisk::whole()).collect();
    let mut controllers = cluster::sites(&["process.roles=controller"]);
    for (disk, site) in disks.iter().cloned().zip(&mut controllers) {
        let listener = format!("listeners=CONTROLLER://127.0.0.1:{}", site.controller_port());
        site.set(&listener);
        site.set_doors(move |doors| doors.stores = disk.stores());
    }
    let voters: Vec<_> = (1..).zip(&controllers).map(|(id, site)| voter(id, site)).collect();
    let broker_of = |id: i32| {
        let mut site = Site::new(&["process.roles=broker"]);
        site.set(&format!("node.id={id}"));
        site.set(&format!("controller.quorum.voters={}", voters.join(",")));
        site.set(&format!("listeners=PLAINTEXT://127.0.0.1:{}", site.broker_port()));
        site
    };
    let mut sites = controllers;
    sites.extend([11, 12].map(broker_of));
    cluster::format(&sites);
    let nodes = cluster::start(sites).await;
    let broker = &nodes[3];
    until_brokers_are(broker, &[11, 12]).await;
    let active = usize::try_from(active_controller(broker).await - 1).unwrap();

    disks[active].close();
    let ends = Instant::now() + STALL;
    // Another controller decides, and the brokers find it.
    let topic = create_on(broker, "meanwhile", &[&[11, 12]], &[]).await;
    for number in 0..RECORDS {
        produce_until_acknowledged(broker, &topic, 0, &number.to_string()).await;
    }
    sleep_until(ends).await;
    disks[active].open_again();
    until_brokers_are(broker, &[11, 12]).await;
    assert_eq!(leader_and_isr(broker, &topic, 0).await, Some((11, vec![11, 12])));
    nodes.iter().for_each(|node| node.log().assert_nobody_was_fenced());
}
