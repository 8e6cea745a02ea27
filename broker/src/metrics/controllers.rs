//! A controller's numbers: what the cluster is made of, as the active one knows it, and what it has
//! decided.
//!
//! A controller that isn't active says zero of the cluster, so that the sum over all nodes is true.

use std::sync::Arc;

use controller::Controller;
use metadata::{Candidacy, ClusterImage, record::FenceReason};

use super::{count, exposition::Exposition};

/// The cluster in numbers.
#[derive(Debug, Default)]
struct Cluster {
    topics: u64,
    partitions: u64,
    offline_partitions: u64,
    preferred_replica_imbalance: u64,
    active_brokers: u64,
    fenced_brokers: u64,
}

impl Cluster {
    fn of(image: &ClusterImage) -> Self {
        let mut cluster = Self::default();
        for topic in image.topics().iter() {
            cluster.topics += 1;
            for (_, partition) in topic.partitions() {
                cluster.partitions += 1;
                cluster.offline_partitions += u64::from(partition.leader.is_none());
                cluster.preferred_replica_imbalance += u64::from(!partition.has_preferred_leader());
            }
        }
        let unfenced = image.brokers().unfenced().count();
        cluster.active_brokers = count(unfenced);
        cluster.fenced_brokers = count(image.brokers().len() - unfenced);
        cluster
    }
}

/// Writes all of them.
pub(super) fn write(controller: &Controller, page: &mut Exposition) {
    let is_active = controller.is_active();
    let image = if is_active { controller.image() } else { Arc::default() };
    let cluster = Cluster::of(&image);
    for (name, help, value) in [
        (
            "activecontrollercount",
            "Whether this node is the active controller.",
            u64::from(is_active),
        ),
        (
            "offlinepartitionscount",
            "Partitions that nobody leads, as the active controller knows.",
            cluster.offline_partitions,
        ),
        (
            "preferredreplicaimbalancecount",
            "Partitions that aren't led by their first replica, as the active controller knows.",
            cluster.preferred_replica_imbalance,
        ),
        ("globaltopiccount", "Topics, as the active controller knows.", cluster.topics),
        ("globalpartitioncount", "Partitions, as the active controller knows.", cluster.partitions),
        (
            "activebrokercount",
            "Brokers in service, as the active controller knows.",
            cluster.active_brokers,
        ),
        (
            "fencedbrokercount",
            "Brokers that are registered and out of service, as the active controller knows.",
            cluster.fenced_brokers,
        ),
    ] {
        page.gauge(&format!("kafka_controller_kafkacontroller_{name}"), help).value(value);
    }
    page.gauge(
        "kafka_controller_kafkacontroller_lastappliedrecordoffset",
        "The last entry of the metadata log that this controller has applied.",
    )
    .value(controller.applied_index());
    write_quorum(controller, page);
    write_decisions(controller, page);
}

fn write_quorum(controller: &Controller, page: &mut Exposition) {
    let quorum = controller.quorum();
    let leader = quorum.leader.map_or(-1, |key| key.node_id.0);
    page.gauge(
        "kafka_server_raftmetrics_current_leader",
        "The quorum's leader as this node knows it; -1 = none.",
    )
    .value(leader);
    page.gauge("kafka_server_raftmetrics_current_epoch", "The quorum's term.").value(quorum.term);
    page.gauge(
        "kafka_server_raftmetrics_high_watermark",
        "The index after the last entry of the metadata log that is known to be committed.",
    )
    .value(quorum.high_watermark);
}

/// What this node has decided while it was the active controller.
fn write_decisions(controller: &Controller, page: &mut Exposition) {
    let counts = controller.decision_counts();
    let elections = |kind| counts.elections.get(&kind).copied().unwrap_or(0);
    page.counter(
        "kafka_controller_controllerstats_uncleanleaderelections",
        "Leaders elected by this controller that lack records others may have.",
    )
    .sample(&[], elections(Candidacy::Unclean));
    let mut family = page.counter(
        "ottla_leader_elections",
        "Leaders elected by this controller, by the right that they lead by.",
    );
    for (kind, elected) in &counts.elections {
        family.sample(&[("kind", candidacy(*kind))], *elected);
    }
    page.counter(
        "ottla_leaderless_partitions",
        "Partitions that lost their leader, with nobody to follow it.",
    )
    .sample(&[], counts.leaderless);
    let mut family =
        page.counter("ottla_broker_fencings", "Brokers fenced by this controller, by the reason.");
    for (reason, fenced) in &counts.fencings {
        family.sample(&[("reason", fence_reason(*reason))], *fenced);
    }
    page.counter("ottla_broker_unfencings", "Brokers that this controller took into service.")
        .sample(&[], counts.unfencings);
}

fn candidacy(candidacy: Candidacy) -> &'static str {
    match candidacy {
        Candidacy::InSync => "in_sync",
        Candidacy::Eligible => "eligible",
        Candidacy::LastKnownLeader => "last_known_leader",
        Candidacy::Unclean => "unclean",
    }
}

fn fence_reason(reason: FenceReason) -> &'static str {
    match reason {
        FenceReason::Unknown => "unknown",
        FenceReason::Starting => "starting",
        FenceReason::Silent => "silent",
        FenceReason::Gone => "gone",
        FenceReason::Wish => "wish",
        FenceReason::ShutDown => "shut_down",
    }
}
