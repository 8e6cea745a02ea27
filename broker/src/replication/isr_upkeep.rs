//! Keeps the in-sync replicas of the led partitions as they should be: asks the controller to drop
//! those that lag behind, and to take in those that have caught up (KIP-497).
//!
//! One request at a time, for all partitions that have something to ask. What isn't answered for
//! certain is asked again as it was: it may have been accepted.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{
    BrokerEpoch,
    api::alter_partition::{
        AlterPartitionPartition, AlterPartitionPartitionResult, AlterPartitionRequest,
        AlterPartitionResponse, AlterPartitionTopic, BrokerState,
    },
};
use replica::{IsrProposal, IsrRefusal};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, warn};

use super::Key;
use crate::{
    broker::Broker,
    controller_channel::{ChannelTimeouts, ControllerChannel},
    partition::Partition,
};

/// After an answer that wasn't a yes.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Where followers that have caught up are reported.
#[derive(Debug, Default)]
pub(crate) struct IsrUpkeep {
    candidates: Mutex<BTreeMap<Key, Arc<Partition>>>,
    wake: Notify,
}

impl IsrUpkeep {
    /// A follower of this partition may become in sync.
    pub(crate) fn look_at(&self, partition: &Arc<Partition>) {
        self.candidates().insert(partition.key(), Arc::clone(partition));
        self.wake.notify_one();
    }

    fn candidates(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Partition>>> {
        self.candidates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was asked for a partition.
type Asked = BTreeMap<Key, (Arc<Partition>, IsrProposal)>;

/// Looks after the in-sync replicas, for ever.
pub(super) async fn run(broker: Arc<Broker>) {
    let lag_time_max = broker.config.replica_lag_time_max;
    let channel = ControllerChannel::new(
        Arc::clone(&broker.doors.net),
        Arc::clone(&broker.active_controller),
        broker.config.controllers(),
        ChannelTimeouts {
            connect: broker.config.connection_setup_timeout,
            request: broker.config.request_timeout,
        },
    );
    let upkeep = &broker.partitions.replication().isr;
    let mut unanswered = Asked::new();
    let mut next_round = Instant::now() + lag_time_max / 2;
    loop {
        if unanswered.is_empty() {
            tokio::select! {
                biased;
                () = upkeep.wake.notified() => {}
                () = sleep_until(next_round) => {}
            }
        }
        let mut looked_at: Vec<_> =
            std::mem::take(&mut *upkeep.candidates()).into_values().collect();
        if Instant::now() >= next_round {
            next_round = Instant::now() + lag_time_max / 2;
            looked_at = broker.partitions.all();
        }
        let mut asked = std::mem::take(&mut unanswered);
        for partition in looked_at {
            if let Some(proposal) = partition.propose_isr(lag_time_max) {
                asked.insert(partition.key(), (partition, proposal));
            }
        }
        if asked.is_empty() {
            continue;
        }
        unanswered = ask(&broker, &channel, asked).await;
    }
}

/// Asks, and does what the answers say. Returns what is to be asked again, after a pause.
async fn ask(broker: &Broker, channel: &ControllerChannel, asked: Asked) -> Asked {
    let request = request(broker, &asked);
    let answered = channel.call(&request, |response| response.error_code).await;
    let response = match answered {
        Ok(response) if response.error_code.is_none() => response,
        Ok(AlterPartitionResponse { error_code, .. }) => {
            debug!(%error_code, "in-sync replicas not changed");
            sleep(RETRY_PAUSE).await;
            return asked;
        }
        Err(error) => {
            debug!(%error, "in-sync replicas not changed");
            sleep(RETRY_PAUSE).await;
            return asked;
        }
    };
    let (unanswered, all_accepted) = take(asked, response);
    if !all_accepted {
        sleep(RETRY_PAUSE).await;
    }
    unanswered
}

fn request(broker: &Broker, asked: &Asked) -> AlterPartitionRequest {
    let mut topics: Vec<AlterPartitionTopic> = Vec::new();
    let (own, own_epoch) = (broker.id(), broker.epoch());
    for ((topic_id, index), (_, proposal)) in asked {
        if topics.last().is_none_or(|last| last.topic_id != *topic_id) {
            topics.push(AlterPartitionTopic { topic_id: *topic_id, partitions: Vec::new() });
        }
        let epoch_of = |(broker, epoch): (_, &BrokerEpoch)| BrokerState {
            broker_id: broker,
            broker_epoch: if broker == own { own_epoch } else { *epoch },
        };
        let partition = AlterPartitionPartition {
            partition_index: *index,
            leader_epoch: proposal.leader_epoch,
            new_isr: proposal.isr.keys().copied().collect(),
            new_isr_with_epochs: proposal
                .isr
                .iter()
                .map(|(id, epoch)| epoch_of((*id, epoch)))
                .collect(),
            // Whoever leads after an unclean election has nothing to recover (KIP-704).
            leader_recovery_state: 0,
            partition_epoch: proposal.partition_epoch,
        };
        topics.last_mut().expect("pushed above").partitions.push(partition);
    }
    AlterPartitionRequest { broker_id: own, broker_epoch: own_epoch, topics }
}

/// Does what the answers say. Returns what has none, or one that leaves it open; and whether
/// everything was accepted.
fn take(mut asked: Asked, response: AlterPartitionResponse) -> (Asked, bool) {
    let mut all_accepted = true;
    for topic in response.topics {
        for answer in topic.partitions {
            let key = (topic.topic_id, answer.partition_index);
            let Some((partition, proposal)) = asked.remove(&key) else { continue };
            let AlterPartitionPartitionResult { leader_epoch, partition_epoch, isr, .. } = answer;
            let error = answer.error_code;
            if error.is_none() {
                partition.isr_decided(&proposal, leader_epoch, partition_epoch, isr);
                continue;
            }
            all_accepted = false;
            warn!(partition = %partition.name(), %error, "in-sync replicas not changed");
            match IsrRefusal::of(error) {
                IsrRefusal::Definite => partition.isr_refused(&proposal),
                IsrRefusal::Outdated => {}
                IsrRefusal::Unknown => {
                    asked.insert(key, (partition, proposal));
                }
            }
        }
    }
    (asked, all_accepted)
}
