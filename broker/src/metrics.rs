//! What operators measure a node by, in Prometheus' words, on a port of its own.
//!
//! What is so at the moment (who leads, who lags) is looked up when somebody asks; only what has
//! happened is counted as it happens. Where Kafka has a number, it's called as Kafka's users know it
//! from the JMX exporter, so that their dashboards show it; ours begin with `ottla_`.

mod controllers;
mod exposition;
mod replicas;
mod server;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
};

use protocol::{ApiKey, BrokerId};

pub(crate) use server::AdminListener;

use crate::broker::Broker;
use exposition::{Exposition, Format};

/// What has happened since the node's process started.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// How often replicas left the in-sync replicas of a partition that this broker leads.
    pub(crate) isr_shrinks: Counter,
    /// How often replicas joined them.
    pub(crate) isr_expands: Counter,
    pub(crate) traffic: Traffic,
    pub(crate) requests: Requests,
    /// How far a controller has applied the metadata log, as it said last.
    pub(crate) controller_index: AtomicI64,
}

/// What went through a partition, or through all of them.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    messages_in: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    replication_bytes_in: Counter,
    replication_bytes_out: Counter,
}

impl Traffic {
    /// A producer's batch was appended.
    pub(crate) fn produced(&self, bytes: usize, records: i32) {
        self.bytes_in.add(count(bytes));
        self.messages_in.add(u64::try_from(records).unwrap_or(0));
    }

    /// A leader's batches were appended.
    pub(crate) fn replicated(&self, bytes: usize) {
        self.replication_bytes_in.add(count(bytes));
    }

    /// Batches are sent: to a follower, or to a consumer.
    pub(crate) fn sent(&self, bytes: usize, to_follower: bool) {
        let out = if to_follower { &self.replication_bytes_out } else { &self.bytes_out };
        out.add(count(bytes));
    }
}

/// Counts up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn one(&self) {
        self.add(1);
    }

    fn add(&self, more: u64) {
        // Nothing else is concluded from it, so the order doesn't matter.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Requests, by their API.
#[derive(Debug)]
pub(crate) struct Requests {
    by_api: BTreeMap<ApiKey, Counter>,
}

impl Default for Requests {
    fn default() -> Self {
        Self { by_api: ApiKey::ALL.iter().map(|key| (*key, Counter::default())).collect() }
    }
}

impl Requests {
    /// One of these has come.
    pub(crate) fn count(&self, key: ApiKey) {
        if let Some(counter) = self.by_api.get(&key) {
            counter.one();
        }
    }
}

/// All of a node's metrics, now.
fn page(broker: &Broker, format: Format) -> String {
    let mut page = Exposition::new(format);
    let BrokerId(id) = broker.id();
    page.gauge("ottla_build_info", "The version of ottla, and the node that runs it.")
        .sample(&[("version", env!("CARGO_PKG_VERSION")), ("node_id", &id.to_string())], 1_u64);
    if broker.config.roles.broker {
        replicas::write(broker, &mut page);
    }
    if let Ok(controller) = broker.controller() {
        controllers::write(controller, &mut page);
    }
    let name = "kafka_network_requestmetrics_requests";
    let mut requests = page.counter(name, "Requests that have come, by their API.");
    for (key, counter) in &broker.metrics.requests.by_api {
        requests.sample(&[("request", key.name())], counter.get());
    }
    page.finish()
}

/// A number of things, as it's shown.
fn count(things: usize) -> u64 {
    u64::try_from(things).expect("a usize has no more than 64 bits")
}
