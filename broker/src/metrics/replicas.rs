//! A broker's numbers: its replicas, who follows them and how far behind, and what went through.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use protocol::BrokerId;

use super::{Counter, Traffic, count, exposition::Exposition};
use crate::{
    broker::Broker,
    partition::{Partition, Standing},
};

/// How many partitions are shown with their lag: those with the most.
const LAGS_SHOWN_MAX: usize = 20;

/// How many topics are shown with their traffic: the first by name. All of them are in the sum.
const TOPICS_SHOWN_MAX: usize = 1000;

/// What the replicas here add up to, in Kafka's words.
#[derive(Debug, Default)]
struct Sums {
    partitions: u64,
    leaders: u64,
    under_replicated: u64,
    under_min_isr: u64,
    at_min_isr: u64,
    offline: u64,
    /// As a follower, the most that a replica here lacks of what its leader has committed.
    max_lag: u64,
    /// As a leader, the most that each follower lacks.
    follower_lags: BTreeMap<BrokerId, u64>,
    /// As a leader, what followers lack of which partition.
    lags: Vec<(u64, BrokerId, Arc<Partition>)>,
}

impl Sums {
    fn of(broker: &Broker) -> Self {
        let mut sums = Self::default();
        for partition in broker.partitions.all() {
            sums.add(&partition);
        }
        let missing = count(broker.partitions.missing_count());
        sums.partitions += missing;
        sums.offline += missing;
        sums.lags.sort_by_key(|(lag, follower, partition)| {
            (Reverse(*lag), partition.name().clone(), *follower)
        });
        sums.lags.truncate(LAGS_SHOWN_MAX);
        sums
    }

    fn add(&mut self, partition: &Arc<Partition>) {
        self.partitions += 1;
        match partition.standing() {
            Standing::Leader { replicas, in_sync, min_in_sync, lags } => {
                self.leaders += 1;
                self.under_replicated += u64::from(in_sync < replicas);
                self.under_min_isr += u64::from(in_sync < min_in_sync);
                self.at_min_isr += u64::from(in_sync == min_in_sync);
                for (follower, lag) in lags {
                    let most = self.follower_lags.entry(follower).or_default();
                    *most = lag.max(*most);
                    if lag > 0 {
                        self.lags.push((lag, follower, Arc::clone(partition)));
                    }
                }
            }
            Standing::Follower { lag } => self.max_lag = self.max_lag.max(lag),
            Standing::Offline => self.offline += 1,
        }
    }
}

/// Writes all of them.
pub(super) fn write(broker: &Broker, page: &mut Exposition) {
    let sums = Sums::of(broker);
    write_sums(&sums, page);
    write_lags(&sums, page);
    let metrics = &broker.metrics;
    let name = "kafka_server_replicamanager_isrshrinks";
    page.counter(name, "Times that replicas left the in-sync replicas of a partition led here.")
        .sample(&[], metrics.isr_shrinks.get());
    let name = "kafka_server_replicamanager_isrexpands";
    page.counter(name, "Times that replicas joined the in-sync replicas of a partition led here.")
        .sample(&[], metrics.isr_expands.get());

    let (applied, known) = (broker.image_index(), metrics.controller_index.load(Ordering::Relaxed));
    page.gauge(
        "kafka_server_brokermetadatametrics_last_applied_record_offset",
        "The last entry of the metadata log that this broker has applied.",
    )
    .value(applied);
    page.gauge(
        "ottla_metadata_lag",
        "Entries of the metadata log that its controller has applied and this broker hasn't.",
    )
    .value(known.saturating_sub(applied).max(0));
    write_traffic(broker, page);
}

fn write_sums(sums: &Sums, page: &mut Exposition) {
    for (name, help, value) in [
        ("partitioncount", "Replicas that this broker holds.", sums.partitions),
        ("leadercount", "Partitions that it leads.", sums.leaders),
        (
            "underreplicatedpartitions",
            "Partitions led here of which a replica isn't in sync.",
            sums.under_replicated,
        ),
        (
            "underminisrpartitioncount",
            "Partitions led here with fewer in-sync replicas than min.insync.replicas.",
            sums.under_min_isr,
        ),
        (
            "atminisrpartitioncount",
            "Partitions led here with as many in-sync replicas as min.insync.replicas.",
            sums.at_min_isr,
        ),
        ("offlinereplicacount", "Replicas that a failed disk or a bug took offline.", sums.offline),
    ] {
        page.gauge(&format!("kafka_server_replicamanager_{name}"), help).value(value);
    }
}

fn write_lags(sums: &Sums, page: &mut Exposition) {
    page.gauge(
        "kafka_server_replicafetchermanager_maxlag",
        "The most records that a follower here lacks of what its leader has committed.",
    )
    .sample(&[("clientid", "Replica")], sums.max_lag);
    let mut lags = page.gauge(
        "ottla_replica_lag_max",
        "The most records that a follower lacks of a partition led here.",
    );
    for (follower, lag) in &sums.follower_lags {
        lags.sample(&[("follower", &follower.to_string())], *lag);
    }
    let mut lags = page.gauge(
        "ottla_replica_lag",
        "Records that a follower lacks of a partition led here: the largest few.",
    );
    for (lag, follower, partition) in &sums.lags {
        let name = partition.name();
        lags.sample(
            &[
                ("topic", name.topic.as_str()),
                ("partition", &name.partition.to_string()),
                ("follower", &follower.to_string()),
            ],
            *lag,
        );
    }
}

/// What a counter of traffic is called, what it says, and where it is.
type TrafficMetric = (&'static str, &'static str, fn(&Traffic) -> &Counter);

const TRAFFIC: [TrafficMetric; 5] = [
    ("messagesin", "Records that producers sent.", |traffic| &traffic.messages_in),
    ("bytesin", "Bytes of batches that producers sent.", |traffic| &traffic.bytes_in),
    ("bytesout", "Bytes of batches that consumers were sent.", |traffic| &traffic.bytes_out),
    ("replicationbytesin", "Bytes of batches that leaders sent.", |traffic| {
        &traffic.replication_bytes_in
    }),
    ("replicationbytesout", "Bytes of batches that followers were sent.", |traffic| {
        &traffic.replication_bytes_out
    }),
];

/// As in Kafka the sum comes without a topic, and replication has a sum only.
fn write_traffic(broker: &Broker, page: &mut Exposition) {
    let held = broker.partitions.all();
    let mut topics: BTreeMap<&str, Vec<&Traffic>> = BTreeMap::new();
    for partition in &held {
        topics.entry(partition.topic().as_str()).or_default().push(partition.traffic());
    }
    for (name, help, counter) in TRAFFIC {
        let full = format!("kafka_server_brokertopicmetrics_{name}");
        let mut family = page.counter(&full, help);
        family.sample(&[], counter(&broker.metrics.traffic).get());
        if name.starts_with("replication") {
            continue;
        }
        for (topic, partitions) in topics.iter().take(TOPICS_SHOWN_MAX) {
            let sum: u64 = partitions.iter().map(|traffic| counter(traffic).get()).sum();
            family.sample(&[("topic", topic)], sum);
        }
    }
}
