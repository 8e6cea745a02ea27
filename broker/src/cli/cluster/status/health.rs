//! What is wrong with which partitions, from what Metadata and DescribeConfigs tell.

use std::{collections::BTreeMap, sync::Arc};

use client::metadata_cache::{Partition, Topic};
use protocol::{
    BrokerId, TopicName,
    api::describe_configs::{
        DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
    },
    effective_min_insync_replicas,
};
use serde::Serialize;

use crate::cli::output::Table;

/// How many topics' configurations are asked for at once.
pub(super) const TOPICS_PER_REQUEST: usize = 500;

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// Kafka's number for a topic's configuration.
const TOPIC: i8 = 2;

/// `min.insync.replicas` by topic.
pub(super) type Minimums = BTreeMap<TopicName, usize>;

/// How the partitions are.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) partitions: usize,
    pub(super) under_replicated: usize,
    pub(super) under_min_isr: usize,
    pub(super) offline: usize,
    pub(super) by_broker: BTreeMap<BrokerId, Load>,
    /// The worst first.
    pub(super) sick: Vec<Sick>,
}

/// What a broker holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) leaders: usize,
    pub(super) replicas: usize,
    pub(super) out_of_sync: usize,
}

/// What may be wrong with a partition, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// Nobody leads it.
    Offline,
    /// Nothing is acknowledged to acks=all.
    UnderMinIsr,
    /// Not all of its replicas are in sync.
    UnderReplicated,
}

/// A partition that something is wrong with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sick {
    topic: String,
    partition: i32,
    state: State,
    leader: Option<i32>,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    min_insync_replicas: Option<usize>,
}

impl Health {
    pub(super) fn of(topics: &[Arc<Topic>], minimums: &Minimums) -> Self {
        let mut health = Self::default();
        for topic in topics {
            let minimum = minimums.get(&topic.name).copied();
            for (index, partition) in &topic.partitions {
                health.count(partition);
                let Some(state) = State::of(partition, minimum) else { continue };
                // As Kafka's brokers count them: who leads a partition counts it.
                match state {
                    State::Offline => health.offline += 1,
                    State::UnderMinIsr => {
                        health.under_min_isr += 1;
                        let lacks_any = partition.isr.len() < partition.replicas.len();
                        health.under_replicated += usize::from(lacks_any);
                    }
                    State::UnderReplicated => health.under_replicated += 1,
                }
                health.sick.push(Sick {
                    topic: topic.name.to_string(),
                    partition: index.0,
                    state,
                    leader: partition.leader.map(|id| id.0),
                    replicas: numbers(&partition.replicas),
                    isr: numbers(&partition.isr),
                    min_insync_replicas: minimum,
                });
            }
        }
        health.sick.sort_by(|a, b| {
            (a.state, &a.topic, a.partition).cmp(&(b.state, &b.topic, b.partition))
        });
        health
    }

    fn count(&mut self, partition: &Partition) {
        self.partitions += 1;
        for id in &partition.replicas {
            let load = self.by_broker.entry(*id).or_default();
            load.replicas += 1;
            load.leaders += usize::from(partition.leader == Some(*id));
            load.out_of_sync += usize::from(!partition.isr.contains(id));
        }
    }

    /// The first few that something is wrong with.
    pub(super) fn worst(&self, limit: usize) -> Vec<Sick> {
        self.sick.iter().take(limit).cloned().collect()
    }
}

impl State {
    fn of(partition: &Partition, minimum: Option<usize>) -> Option<Self> {
        let (in_sync, replicas) = (partition.isr.len(), partition.replicas.len());
        if partition.leader.is_none() {
            Some(Self::Offline)
        } else if in_sync < effective_min_insync_replicas(minimum.unwrap_or(1), replicas) {
            Some(Self::UnderMinIsr)
        } else {
            (in_sync < replicas).then_some(Self::UnderReplicated)
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::UnderMinIsr => "under-min-isr",
            Self::UnderReplicated => "under-replicated",
        }
    }
}

/// Asks for the minimums of some topics.
pub(super) fn request(topics: &[Arc<Topic>]) -> DescribeConfigsRequest {
    let resource = |topic: &Arc<Topic>| DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: topic.name.to_string(),
        configuration_keys: Some(vec![MIN_INSYNC_REPLICAS.to_owned()]),
    };
    DescribeConfigsRequest {
        resources: topics.iter().map(resource).collect(),
        ..DescribeConfigsRequest::default()
    }
}

/// What was answered. A topic that is gone by now has no minimum.
pub(super) fn minimums(response: DescribeConfigsResponse) -> Minimums {
    let minimum = |result: &protocol::api::describe_configs::DescribeConfigsResult| {
        let mut configs = result.configs.iter();
        let config = configs.find(|config| config.name == MIN_INSYNC_REPLICAS)?;
        config.value.as_ref()?.parse().ok()
    };
    let results = response.results.iter();
    results
        .filter_map(|result| {
            Some((TopicName::from(result.resource_name.as_str()), minimum(result)?))
        })
        .collect()
}

pub(super) fn table(sick: &[Sick]) -> Table {
    let mut table = Table::new(["PARTITION", "STATE", "LEADER", "REPLICAS", "ISR", "MIN"]);
    let list = |ids: &[i32]| match ids {
        [] => "-".to_owned(),
        ids => ids.iter().map(i32::to_string).collect::<Vec<_>>().join(","),
    };
    for partition in sick {
        table.row([
            format!("{}-{}", partition.topic, partition.partition),
            partition.state.name().to_owned(),
            partition.leader.map_or_else(|| "none".to_owned(), |id| id.to_string()),
            list(&partition.replicas),
            list(&partition.isr),
            partition.min_insync_replicas.map_or_else(|| "-".to_owned(), |min| min.to_string()),
        ]);
    }
    table
}

fn numbers(ids: &[BrokerId]) -> Vec<i32> {
    ids.iter().map(|id| id.0).collect()
}

#[cfg(test)]
mod tests {
    use protocol::{LeaderEpoch, PartitionIndex};

    use super::*;

    fn partition(leader: Option<i32>, replicas: &[i32], isr: &[i32]) -> Partition {
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
        Partition {
            leader: leader.map(BrokerId),
            leader_epoch: LeaderEpoch(0),
            replicas: ids(replicas),
            isr: ids(isr),
            offline_replicas: Vec::new(),
        }
    }

    #[test]
    fn the_worst_comes_first_and_each_is_counted_as_kafka_does() {
        let partitions = [
            partition(Some(1), &[1, 2, 3], &[1, 2, 3]),
            partition(Some(1), &[1, 2, 3], &[1, 2]),
            partition(Some(2), &[2, 1, 3], &[2]),
            partition(None, &[3, 1, 2], &[]),
            // A minimum above the number of replicas is the number of replicas.
            partition(Some(1), &[1], &[1]),
        ];
        let topic = Arc::new(Topic {
            name: "t".into(),
            id: None,
            is_internal: false,
            partitions: (0..).map(PartitionIndex).zip(partitions).collect(),
        });
        let health = Health::of(&[topic], &[("t".into(), 2)].into());
        let worst: Vec<_> =
            health.worst(9).iter().map(|sick| (sick.partition, sick.state)).collect();
        assert_eq!(
            worst,
            [(3, State::Offline), (2, State::UnderMinIsr), (1, State::UnderReplicated)]
        );
        assert_eq!((health.partitions, health.offline), (5, 1));
        assert_eq!((health.under_replicated, health.under_min_isr), (2, 1));
        let first = Load { leaders: 3, replicas: 5, out_of_sync: 2 };
        assert_eq!(health.by_broker[&BrokerId(1)], first);
        assert_eq!(health.worst(1).len(), 1);
    }
}
