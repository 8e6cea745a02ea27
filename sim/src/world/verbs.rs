//! What stories do to a world, in their own words.

use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{BrokerId, TopicPartition};
use tokio::time::{sleep, timeout};

use super::World;
use crate::{machine::Machine, nemesis::partition::Partition};

/// How often something that is waited for is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// How long a cluster may take to do what it has to, where most of it is well.
const PATIENCE: Duration = Duration::from_secs(60);

impl World {
    /// Who leads a partition, once anybody does.
    ///
    /// # Errors
    /// Nobody does, for long.
    pub async fn leader(&self, of: &TopicPartition) -> Result<Machine> {
        self.until("a leader", || self.cast.leader_of(of).is_some()).await?;
        let leader = self.cast.leader_of(of).context("it had a leader just now")?;
        Ok(self.machine(leader).clone())
    }

    /// Who holds a partition and doesn't lead it, in the order of their ids.
    ///
    /// # Errors
    /// There is no leader, for long.
    pub async fn followers(&self, of: &TopicPartition) -> Result<Vec<Machine>> {
        let leader = self.leader(of).await?;
        let image = self.cast.image();
        let topic = image.topics().get(of.topic.as_str()).context("no such topic")?;
        let mut replicas =
            topic.partition(of.partition).context("no such partition")?.replicas.clone();
        replicas.sort();
        replicas.retain(|replica| *replica != leader.id());
        Ok(replicas.into_iter().map(|replica| self.machine(replica).clone()).collect())
    }

    /// Who the active controller is.
    ///
    /// # Errors
    /// Nobody became it.
    pub fn active_controller(&self) -> Result<&Machine> {
        Ok(self.machine(self.cast.active_controller().context("no controller is active")?))
    }

    /// Cuts a machine off from everybody, until what this returns is dropped.
    #[must_use]
    pub fn isolate(&self, machine: &Machine) -> Partition {
        self.cut_off(machine, true)
    }

    /// Cuts a machine off from all other nodes: clients reach it, until what this returns is
    /// dropped.
    #[must_use]
    pub fn isolate_from_nodes(&self, machine: &Machine) -> Partition {
        self.cut_off(machine, false)
    }

    /// Cuts a machine off from some others, until what this returns is dropped.
    #[must_use]
    pub fn cut<'a>(
        &self,
        machine: &Machine,
        others: impl IntoIterator<Item = &'a Machine>,
    ) -> Partition {
        let own = machine.address();
        let both_ways = |other: &Machine| [(own, other.address()), (other.address(), own)];
        let others: Vec<_> = others.into_iter().collect();
        let ids: Vec<_> = others.iter().map(|other| other.id()).collect();
        self.trace.note(format_args!("node {} is cut off from {ids:?}", machine.id()));
        Partition::of_links(&self.network, others.into_iter().flat_map(both_ways).collect())
    }

    /// Lets nothing that a machine sends reach any controller, until what this returns is dropped:
    /// then it arrives.
    #[must_use]
    pub fn mute_towards_controllers(&self, machine: &Machine) -> Partition {
        let links = self.controllers().map(|other| (machine.address(), other.address()));
        self.trace.note(format_args!("no controller hears node {}", machine.id()));
        Partition::of_links(&self.network, links.collect())
    }

    /// The power fails everywhere, in the same moment.
    pub fn lose_power(&self) {
        for machine in self.machines() {
            machine.lose_power();
        }
    }

    fn cut_off(&self, machine: &Machine, from_clients: bool) -> Partition {
        let own = machine.address();
        let nodes = self.machines().iter().map(Machine::address).filter(|other| *other != own);
        let others = nodes.chain(from_clients.then(|| self.clients()));
        let links = others.flat_map(|other| [(own, other), (other, own)]).collect();
        self.trace.note(format_args!("node {} is isolated", machine.id()));
        Partition::of_links(&self.network, links)
    }

    /// Waits until somebody else leads a partition.
    ///
    /// # Errors
    /// Nobody else does, for long.
    pub async fn until_led_by_another(
        &self,
        of: &TopicPartition,
        than: BrokerId,
    ) -> Result<Machine> {
        let by_another = || self.cast.leader_of(of).is_some_and(|leader| leader != than);
        self.until("another leader", by_another).await?;
        self.leader(of).await
    }

    /// Waits until a partition has so many in-sync replicas.
    ///
    /// # Errors
    /// It hasn't, for long.
    pub async fn until_in_sync(&self, of: &TopicPartition, count: usize) -> Result<()> {
        self.until("the in-sync replicas", || self.cast.isr_of(of).len() == count).await
    }

    /// Waits until a broker is in sync for a partition.
    ///
    /// # Errors
    /// It isn't, for long.
    pub async fn until_syncs(&self, of: &TopicPartition, broker: BrokerId) -> Result<()> {
        self.until("it to be in sync", || self.cast.isr_of(of).contains(&broker)).await
    }

    /// Waits until some machine leads a partition.
    ///
    /// # Errors
    /// It doesn't, for long.
    pub async fn until_leads(&self, of: &TopicPartition, machine: &Machine) -> Result<()> {
        self.until("it to lead", || self.cast.leader_of(of) == Some(machine.id())).await
    }

    /// Waits until all brokers that run show what any controller has applied by now.
    ///
    /// # Errors
    /// One of them doesn't, for long.
    pub async fn until_everybody_knows(&self) -> Result<()> {
        let index = self.cast.applied();
        let knows =
            |machine: &Machine| self.cast.has_published(machine.id(), index) || !machine.serves();
        self.until("all brokers to know", || self.brokers().all(knows)).await
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// It isn't, for long.
    pub async fn until(&self, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
        let waiting = async {
            while !is_so() {
                sleep(GLANCE).await;
            }
        };
        timeout(PATIENCE, waiting).await.with_context(|| format!("waited too long for {what}"))
    }
}
