//! How the nodes of a development cluster are configured: their ids, ports, directories and defaults.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::super::Error;
use crate::config::{BrokerConfig, Sources};

/// How far above a broker's port its controller's is.
const CONTROLLER_PORTS: u16 = 1000;

/// How far above it its metrics are.
const ADMIN_PORTS: u16 = 2000;

/// A quorum of more survives more, which nobody needs on one machine.
const CONTROLLERS_MAX: u16 = 3;

/// How many replicas each record has, at most.
const REPLICAS_MAX: u16 = 3;

/// The nodes' configurations.
#[derive(Debug)]
pub(super) struct Layout {
    nodes: u16,
    dir: PathBuf,
    base_port: u16,
    /// Over what every such cluster has.
    sets: Vec<String>,
}

impl Layout {
    pub(super) fn new(
        nodes: u16,
        dir: PathBuf,
        base_port: u16,
        sets: Vec<String>,
    ) -> Result<Self, Error> {
        let last = base_port.checked_add(ADMIN_PORTS + nodes - 1);
        if base_port == 0 || last.is_none() || nodes > CONTROLLER_PORTS {
            let refusal = format!("--base-port {base_port}: the ports above it are too few");
            return Err(Error::Usage(refusal));
        }
        Ok(Self { nodes, dir, base_port, sets })
    }

    pub(super) fn ids(&self) -> RangeInclusive<u16> {
        1..=self.nodes
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where clients find the cluster.
    pub(super) fn bootstrap(&self) -> String {
        let addresses: Vec<_> =
            self.ids().map(|id| format!("127.0.0.1:{}", self.port(id))).collect();
        addresses.join(",")
    }

    /// Where the nodes' metrics are.
    pub(super) fn metrics(&self) -> Vec<String> {
        self.ids().map(|id| format!("http://{}/metrics", self.admin_address(id))).collect()
    }

    fn admin_address(&self, id: u16) -> String {
        format!("127.0.0.1:{}", self.port(id) + ADMIN_PORTS)
    }

    fn port(&self, id: u16) -> u16 {
        self.base_port + id - 1
    }

    /// The controllers are the first nodes, as many as make an odd number.
    fn controllers(&self) -> RangeInclusive<u16> {
        if self.nodes < CONTROLLERS_MAX { 1..=1 } else { 1..=CONTROLLERS_MAX }
    }

    /// A node's settings, as `--set` takes them.
    pub(super) fn settings(&self, id: u16) -> Vec<String> {
        let replicas = self.nodes.min(REPLICAS_MAX);
        // One of three may be away, and what is acknowledged is on two disks.
        let in_sync = if replicas < REPLICAS_MAX { 1 } else { replicas - 1 };
        let port = self.port(id);
        let controller_port = |id| self.port(id) + CONTROLLER_PORTS;
        let voters: Vec<_> = self
            .controllers()
            .map(|id| format!("{id}@127.0.0.1:{}", controller_port(id)))
            .collect();
        let (roles, listeners) = if self.controllers().contains(&id) {
            let own = controller_port(id);
            (
                "broker,controller",
                format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{own}"),
            )
        } else {
            ("broker", format!("PLAINTEXT://127.0.0.1:{port}"))
        };
        let mut settings = vec![
            format!("node.id={id}"),
            format!("process.roles={roles}"),
            format!("listeners={listeners}"),
            format!("ottla.admin.listener={}", self.admin_address(id)),
            "controller.listener.names=CONTROLLER".to_owned(),
            format!("controller.quorum.voters={}", voters.join(",")),
            format!("log.dirs={}", self.dir.join(format!("node-{id}")).display()),
            format!("default.replication.factor={replicas}"),
            format!("min.insync.replicas={in_sync}"),
            format!("offsets.topic.replication.factor={replicas}"),
            format!("transaction.state.log.replication.factor={replicas}"),
            format!("transaction.state.log.min.isr={in_sync}"),
        ];
        settings.extend(self.sets.iter().cloned());
        settings
    }

    /// A node's configuration, as its process will have it.
    pub(super) fn config(&self, id: u16) -> Result<BrokerConfig, Error> {
        let sources = Sources { sets: self.settings(id), ..Sources::default() };
        Ok(BrokerConfig::load(&sources)?.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(nodes: u16) -> Layout {
        Layout::new(nodes, PathBuf::from("dir"), 9092, Vec::new()).unwrap()
    }

    #[test]
    fn three_nodes_keep_each_record_thrice() {
        let three = layout(3);
        assert_eq!(three.bootstrap(), "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094");
        for id in three.ids() {
            let config = three.config(id).unwrap();
            assert!(config.roles.broker && config.roles.controller);
            assert_eq!(config.quorum.voters.len(), 3);
            assert_eq!(config.default_replication_factor, 3);
            let admin_port = config.admin_listener.unwrap().port;
            assert_eq!(admin_port, 11_091 + id);
            assert_eq!(config.log_dirs, [PathBuf::from(format!("dir/node-{id}"))]);
        }
    }

    #[test]
    fn any_number_of_nodes_has_an_odd_quorum() {
        for (nodes, controllers) in [(1, 1), (2, 1), (3, 3), (4, 3), (9, 3)] {
            let layout = layout(nodes);
            let configs: Vec<_> = layout.ids().map(|id| layout.config(id).unwrap()).collect();
            let is_controller = |config: &&BrokerConfig| config.roles.controller;
            assert_eq!(configs.iter().filter(is_controller).count(), controllers);
        }
    }

    #[test]
    fn ports_beyond_the_last_are_refused() {
        let refused = |port| Layout::new(3, PathBuf::from("dir"), port, Vec::new()).is_err();
        assert!(refused(0) && refused(65_000) && refused(63_534));
        assert!(!refused(63_533));
    }
}
